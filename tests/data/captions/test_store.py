"""Preparing captions: every good image lands in one split, on disk, or not at all."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from keras_attention.data.batches.caption_batches import CaptionBatches
from keras_attention.data.captions.formats import (
    CaptionCorpus,
    CaptionedImage,
    CaptionFiles,
    PreparedCaptions,
    prepare_captions,
    train_caption_tokenizer,
)
from keras_attention.data.prepared.store import SPLITS, PreparedCorpus
from keras_attention.data.report import (
    EMPTY_CAPTION,
    NO_CAPTION,
    NUL_BYTES,
    TOO_LONG,
    SkipReport,
)
from keras_attention.data.splits import split_of
from tests.data.captioned_images import (
    WORDS,
    captioned_images,
    number_of,
    word_tokenizer,
)

TOKENIZER = word_tokenizer()


def prepare(examples, folder, **options):
    options = {"tokenizer": TOKENIZER, "image_size": 8, **options}
    return prepare_captions(examples, folder, **options)


def contents(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file()
    }


def check_same(corpus, other):
    np.testing.assert_array_equal(corpus.images, other.images)
    np.testing.assert_array_equal(corpus.windows, other.windows)
    np.testing.assert_array_equal(corpus.image_of, other.image_of)
    np.testing.assert_array_equal(corpus.place_of, other.place_of)
    np.testing.assert_array_equal(corpus.target.tokens, other.target.tokens)
    assert corpus.annotations == other.annotations


def test_the_files_hold_what_was_given(tmp_path):
    examples = captioned_images()
    prepared = prepare(examples, tmp_path / "prepared")
    assert prepared.image_size == 8
    assert prepared.report.num_good == 80
    for split in SPLITS:
        corpus = getattr(prepared, split)
        mine = [example for example in examples if example.split == split]
        assert corpus.names == [example.name for example in mine]
        assert corpus.truths == [example.truth for example in mine]
        assert corpus.references == [example.captions for example in mine]
        assert corpus.num_images == len(mine) and len(corpus) == 2 * len(mine)
        for image, example in zip(corpus.images, mine, strict=True):
            np.testing.assert_array_equal(image, example.image)
        for i in range(len(corpus)):
            example = mine[corpus.image_of[i]]
            assert corpus.text(i) == example.captions[i % 2]
            assert corpus.target[i].tolist() == TOKENIZER.encode([corpus.text(i)])[0]
        assert corpus.target_lengths.tolist() == [len(ids) for ids in corpus.target]
        assert corpus.source_lengths.tolist() == [0] * len(corpus)


def test_in_memory_it_is_the_same(tmp_path):
    examples = [example for example in captioned_images() if example.split == "train"]
    prepared = prepare(examples, tmp_path / "prepared")
    check_same(CaptionCorpus.from_examples(examples, TOKENIZER), prepared.train)
    assert len(prepared.valid) == len(prepared.test) == 0


def test_arrays_are_mapped_and_travel_by_name(tmp_path):
    corpus = prepare(captioned_images(), tmp_path / "prepared").train
    assert isinstance(corpus.images, np.memmap)
    assert len(corpus.annotations) == 20  # Read before it travels.
    assert len(pickle.dumps(corpus)) < 2000
    check_same(pickle.loads(pickle.dumps(corpus)), corpus)
    small = CaptionCorpus.from_examples(captioned_images(3), TOKENIZER)
    check_same(pickle.loads(pickle.dumps(small)), small)


def test_chunks_change_nothing(tmp_path, monkeypatch):
    prepare(captioned_images(), tmp_path / "one")
    monkeypatch.setattr("keras_attention.data.captions.prepare.CHUNK", 7)
    counts = []
    prepare(captioned_images(), tmp_path / "many", progress=counts.append)
    assert contents(tmp_path / "one") == contents(tmp_path / "many")
    assert counts == [7, 14, 21, 28, 35, 40]


def test_without_a_split_a_hash_of_the_name_decides(tmp_path):
    examples = [example._replace(split=None) for example in captioned_images(200)]
    shares = {"valid_share": 0.1, "test_share": 0.2}
    prepared = prepare(examples, tmp_path / "prepared", **shares)
    for split in SPLITS:
        names = getattr(prepared, split).names
        assert names and {split_of(name, **shares) for name in names} == {split}
    with pytest.raises(ValueError, match="image-0: the split must be one of train"):
        prepare([examples[0]._replace(split="dev")], tmp_path / "other")


def test_the_tokenizer_learns_from_training_captions_alone():
    examples = [
        CaptionedImage("a", None, ["one two"] * 5, "train"),
        CaptionedImage("b", None, ["three"] * 5, "test"),
    ]
    tokenizer = train_caption_tokenizer(examples, 20, model_type="word")
    assert tokenizer.ids_to_tokens(range(4, tokenizer.vocabulary_size)) == [
        "▁one",
        "▁two",
    ]


def test_what_cannot_be_used_is_named(tmp_path):
    good = captioned_images(4)
    long = " ".join(WORDS)
    examples = [
        *good,
        good[0]._replace(name="mute", captions=[]),
        good[0]._replace(name="blank", captions=[" \n"]),
        good[0]._replace(name="long", captions=[long]),
        good[0]._replace(name="both", captions=[" the\ncat ", long]),
    ]
    report = SkipReport()
    prepared = prepare(
        examples, tmp_path / "prepared", report=report, max_target_length=7
    )
    assert report.lines[NO_CAPTION] == ["mute"]
    assert report.lines[EMPTY_CAPTION] == ["blank"]
    assert report.lines[TOO_LONG][-2:] == ["long", "both"]
    assert "blank" in report.summary() and "captions used" in report.summary()
    assert prepared.report.summary() == report.summary()
    # Scored by all that was said, trained on what is short enough.
    assert prepared.train.names[-1] == "both"
    assert prepared.train.references[-1] == ["the cat", long]
    assert prepared.train.text(len(prepared.train) - 1) == "the cat"


def test_images_are_decoded_as_everywhere_and_the_bad_ones_named(tmp_path):
    from keras_attention.data.images.sources import load_images

    rng = np.random.default_rng(0)
    for number in range(3):
        pixels = rng.integers(0, 256, (20, 30 + number, 3)).astype("uint8")
        suffix = ("jpg", "png", "webp")[number]
        Image.fromarray(pixels).save(tmp_path / f"good-{number}.{suffix}")
    good = (tmp_path / "good-0.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(good[:-100])
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.new("1", (8000, 7000)).save(tmp_path / "bomb.png")
    damaged = bytearray((tmp_path / "good-1.png").read_bytes())
    damaged[60] ^= 255
    (tmp_path / "damaged.png").write_bytes(damaged)
    names = [path.name for path in sorted(tmp_path.iterdir())]
    names += ["gone.jpg", "zero\0byte.jpg", "long" * 100]
    lines = [f'"{name}",the cat,train\n' for name in names]
    (tmp_path / "captions.csv").write_text("image,caption,split\n" + "".join(lines))

    report = SkipReport()
    options = {"image_size": 16, "report": report}
    examples = CaptionFiles(tmp_path / "captions.csv")
    corpus = prepare(examples, tmp_path / "prepared", **options).train
    assert corpus.names == ["good-0.jpg", "good-1.png", "good-2.webp"]
    paths = [tmp_path / name for name in corpus.names]
    expected, windows = load_images(paths, 16)
    np.testing.assert_array_equal(corpus.images, expected)
    np.testing.assert_array_equal(corpus.windows, windows)
    assert windows[:, 1].tolist() == [2, 3, 3]  # They are wider than high.
    (batch, _, _), *_ = CaptionBatches(corpus, shuffle=False)
    np.testing.assert_array_equal(batch["windows"][:3], windows)
    assert report.num_good == 3
    assert report.lines == {
        "truncated or damaged image": ["cut.jpg", "damaged.png"],
        "not an image": ["text.jpg"],
        "empty image file": ["empty.png"],
        "image with too many pixels": ["bomb.png"],
        "missing image": ["gone.jpg", "long" * 100],
        NUL_BYTES: [2 + names.index("zero\0byte.jpg")],
    }


def test_an_image_that_pillow_reads_and_tensorflow_does_not_is_skipped(tmp_path):
    Image.new("1", (1, 1_500_000)).save(tmp_path / "odd.png")
    odd = captioned_images(1)[0]._replace(name="odd", image=tmp_path / "odd.png")
    examples = [*captioned_images(4), odd]
    report = SkipReport()
    prepare(examples, tmp_path / "prepared", report=report)
    assert report.lines == {"truncated or damaged image": ["odd"]}


def test_the_wrong_folder_of_images_says_where_it_looked(tmp_path):
    (tmp_path / "captions.csv").write_text("image,caption\na.jpg,x\n")
    with pytest.raises(ValueError, match="The first bad image: .*a.jpg"):
        prepare(CaptionFiles(tmp_path / "captions.csv"), tmp_path / "prepared")


def test_nothing_to_train_on_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="none is left in the train split"):
        prepare([captioned_images(4)[3]], tmp_path / "prepared")
    with pytest.raises(ValueError, match="0 for validation, 1 for the test and none"):
        train_caption_tokenizer([captioned_images(1)[0]._replace(split="test")], 300)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_leaves_nothing(tmp_path):
    def interrupted():
        yield from captioned_images()[:20]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(interrupted(), tmp_path / "prepared")
    assert list(tmp_path.iterdir()) == []


def test_the_same_examples_are_not_prepared_twice(tmp_path):
    folder = tmp_path / "prepared"
    prepare(captioned_images(), folder)
    written = (folder / "meta.json").stat().st_mtime_ns
    report = SkipReport()
    prepare(captioned_images(), folder, report=report)
    assert (folder / "meta.json").stat().st_mtime_ns == written
    assert report.num_good == 80
    with pytest.raises(ValueError, match=r"image_size.*overwrite=True"):
        prepare(captioned_images(), folder, image_size=16)
    with pytest.raises(ValueError, match="compared: input"):
        prepare(list(captioned_images()), folder)
    prepare(captioned_images(44), folder, overwrite=True)
    assert PreparedCaptions.open(folder).train.num_images == 22


@pytest.mark.parametrize(
    "name", ["images.bin", "windows.bin", "target_tokens.bin", "caption_images.bin"]
)
def test_a_file_cut_short_is_found_out(tmp_path, name):
    prepare(captioned_images(), tmp_path / "prepared")
    with (tmp_path / "prepared" / "train" / name).open("ab") as file:
        file.truncate(8)
    with pytest.raises(ValueError, match="incomplete"):
        PreparedCaptions.open(tmp_path / "prepared")


def test_what_was_prepared_before_windows_were_kept_is_to_be_prepared_again(tmp_path):
    folder = prepare(captioned_images(), tmp_path / "prepared").folder
    meta = (folder / "meta.json").read_text().replace("captions 2", "captions 1")
    (folder / "meta.json").write_text(meta)
    with pytest.raises(ValueError, match="'captions 1'.*prepare the corpus again"):
        PreparedCaptions.open(folder)
    assert prepare(captioned_images(), folder, overwrite=True).train.num_images == 20


def test_other_folders_are_refused(tmp_path):
    prepare(captioned_images(), tmp_path / "prepared")
    with pytest.raises(ValueError, match="translations.prepare"):
        PreparedCorpus.open(tmp_path / "prepared")
    with pytest.raises(ValueError, match="prepare_captions"):
        PreparedCaptions.open(tmp_path)


def test_opening_takes_no_tensorflow(tmp_path):
    prepared = prepare(captioned_images(), tmp_path / "prepared")
    code = f"""
import sys
from keras_attention.data.captions.formats import PreparedCaptions
corpus = PreparedCaptions.open({str(prepared.folder)!r}).train
print(corpus.images[3, 0, 0, 0], {{"keras", "tensorflow"}} & set(sys.modules))
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == f"{number_of(prepared.train.images[3])} set()"
