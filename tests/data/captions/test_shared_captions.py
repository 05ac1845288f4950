"""Images that share a caption are noted across splits, or kept together."""

from collections import defaultdict

import numpy as np
import pytest
from PIL import Image

from keras_attention.data.captions.captioned_image import CaptionedImage
from keras_attention.data.captions.formats import CaptionFiles, prepare_captions
from keras_attention.data.captions.shared_captions import SplitByCaption
from keras_attention.data.report import SkipReport
from keras_attention.data.scenes import Scenes
from tests.data.captioned_images import word_tokenizer

SHARES = {"valid_share": 0.2, "test_share": 0.2}


class Examples(list):
    def __call__(self, report=None):
        return iter(self)

    def fingerprint(self):
        return "these"


def example(name, *captions, split=None):
    return CaptionedImage(name, np.zeros((8, 8, 3), "uint8"), list(captions), split)


def frogs(folder):
    """Forty images of twenty things, two of each, in a table without splits."""
    lines = ["image,caption"]
    for number in range(20):
        for suffix in ("", "-1"):
            name = f"thing{number}{suffix}.png"
            Image.new("RGB", (9, 9)).save(folder / name)
            lines.append(f"{name},the cat {number}{'.' * bool(suffix)}")
    (folder / "captions.csv").write_text("\n".join(lines))
    return CaptionFiles(folder / "captions.csv")


def prepare(examples, folder, **options):
    report = SkipReport()
    corpus = prepare_captions(
        examples,
        folder,
        tokenizer=word_tokenizer(),
        report=report,
        **{"image_size": 8, **SHARES, **options},
    )
    return corpus, report


def test_a_caption_on_both_sides_is_noted_and_a_split_by_caption_has_none(tmp_path):
    files = frogs(tmp_path)
    corpus, report = prepare(files, tmp_path / "by-image")
    ((remark, count),) = report.notes.items()
    assert 'data.split_by = "caption" keeps such images together' in remark
    in_train = set(corpus.train.names)
    apart = [
        number
        for number in range(20)
        if len(in_train & {f"thing{number}.png", f"thing{number}-1.png"}) == 1
    ]
    assert count == len(apart) > 0
    for number, place in zip(apart, report.lines[remark], strict=True):
        assert f"thing{number}.png (" in place and f"thing{number}-1.png (" in place
        assert "(train)" in place
    # What was prepared before says it again.
    assert prepare(files, tmp_path / "by-image")[1].notes == report.notes

    by_caption = SplitByCaption(files, *SHARES.values())
    corpus, report = prepare(by_caption, tmp_path / "by-caption")
    assert not report.notes
    sides = defaultdict(set)
    for side in ("train", "valid", "test"):
        for name in getattr(corpus, side).names:
            sides[name.split(".")[0].removesuffix("-1")].add(side)
    assert len(sides) == 20 and all(len(side) == 1 for side in sides.values())
    assert len(corpus.train.names) < 40
    assert by_caption.fingerprint() != files.fingerprint()
    assert SplitByCaption(files, 0.1, 0.2).fingerprint() != by_caption.fingerprint()


def test_images_stay_together_through_others_in_any_order():
    chain = [
        example("a", "a frog", "green"),
        example("b", "A toad."),
        example("c", "a  frog", "a toad"),
        example("d", "a dog"),
    ]
    splits = []
    for order in (chain, chain[::-1], [chain[1], chain[3], chain[2], chain[0]]):
        found = SplitByCaption(Examples(order), 0.3, 0.3)()
        splits.append({each.name: each.split for each in found})
    assert splits[0] == splits[1] == splits[2]
    assert len({splits[0][name] for name in "abc"}) == 1


def test_many_groups_go_where_the_shares_say():
    many = Examples(example(f"{i}", f"caption {i // 2}") for i in range(4000))
    found = [each.split for each in SplitByCaption(many, 0.1, 0.2)()]
    assert found[::2] == found[1::2]
    assert found.count("valid") / 4000 == pytest.approx(0.1, abs=0.02)
    assert found.count("test") / 4000 == pytest.approx(0.2, abs=0.03)


def test_what_the_data_say_is_kept_and_followed():
    given = [
        example("a", "a frog", split="test"),
        example("b", "a frog"),
        example("c", "a frog", split="train"),
        example("d", "..."),
    ]
    found = SplitByCaption(Examples(given), 0.0, 0.0)()
    assert [each.split for each in found] == ["test", "test", "train", "train"]


@pytest.mark.parametrize("said", [True, False])
def test_splits_of_the_data_are_noted_without_another_to_choose(tmp_path, said):
    given = [
        example("a", "the cat", "the dog", split="train"),
        example("b", "The dog!", "the cat", split="test"),
        example("c", "the tree", split="valid"),
        example("d", "the tree", split="test"),
    ]
    if not said:
        given = [each._replace(split=None) for each in given[:1]] + given[1:]
    report = prepare(given, tmp_path / "prepared", valid_share=0, test_share=0)[1]
    ((remark, count),) = report.notes.items()
    assert ("data.split_by" in remark) == (not said)
    # Once for each image, and not where neither is trained on.
    assert (count, report.lines[remark]) == (1, ["b (test) and a (train)"])


def test_scenes_say_the_same_of_different_things(tmp_path):
    scenes = Scenes(60, num_things=4, image_size=32, max_objects=1)
    report = prepare(scenes, tmp_path / "prepared", image_size=32)[1]
    assert not report.notes
