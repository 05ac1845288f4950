"""evaluate on the command line, for captioners."""

import json

import pytest

from keras_attention.data.captions import CaptionCorpus
from keras_attention.data.scenes import Scenes
from keras_attention.evaluation.captioning import evaluate_captions
from keras_attention.evaluation.captions import score_captions
from tests.captioners import make_captioner, picture_bytes
from tests.cli.support import run

ROWS = [
    ("a.png", "A red dog.", "train"),
    ("b.png", "A green house above a boat.", "test"),
    ("b.png", "One house and one boat below it.", "test"),
    ("c.jpg", "An apple.", "test"),
]


@pytest.fixture
def folder(tmp_path):
    """Captions of three pictures, one of which is damaged, in a table."""
    (tmp_path / "pictures").mkdir()
    for i, name in enumerate(["a.png", "b.png"]):
        path = tmp_path / "pictures" / name
        path.write_bytes(picture_bytes("PNG", 40, 50 + i, seed=i))
    (tmp_path / "pictures" / "c.jpg").write_bytes(b"\xff\xd8\xff")
    lines = [",".join(row) for row in [("image", "caption", "split"), *ROWS]]
    (tmp_path / "captions.csv").write_text("\n".join(lines))
    return tmp_path


def test_captions_of_files_are_scored(loaded_captioner, captioner, folder, capsys):
    argv = ["evaluate", "bundle", str(folder / "captions.csv"), "--json"]
    argv += ["--images", str(folder / "pictures"), "--output", str(folder / "out.tsv")]
    code, out, err = run(argv, capsys)
    assert code == 0
    assert "1 skipped" in err and "c.jpg" in err
    (caption,) = captioner.caption([folder / "pictures" / "b.png"])
    assert (folder / "out.tsv").read_text() == f"b.png\t{caption}\n"
    expected = score_captions([caption.text], [[ROWS[1][1], ROWS[2][1]]]).as_dict()
    assert json.loads(out) == pytest.approx({"pictures": 1, **expected}, rel=1e-6)

    argv = [*argv[:3], "--images", str(folder / "pictures"), "--split", "train"]
    code, out, err = run(argv, capsys)
    assert (code, err) == (0, "")
    assert out.startswith("1 pictures  CIDEr-D ")


def test_without_a_test_split_that_of_validation_is_scored(
    loaded_captioner, folder, capsys
):
    """As in COCO's own files; what was trained on is never scored by default."""
    table = folder / "captions.csv"
    table.write_text(table.read_text().replace(",test", ",valid"))
    argv = ["evaluate", "bundle", str(table), "--images", str(folder / "pictures")]
    code, out, err = run([*argv, "--output", str(folder / "out.tsv")], capsys)
    assert code == 0 and "c.jpg" in err
    assert (folder / "out.tsv").read_text().startswith("b.png")
    assert out.startswith("1 pictures")


def recipe_of_scenes(**data):
    data = {"corpus": "scenes", "scenes_count": 120, "scenes_things": 8, **data}
    return {"task": "captioning", "training": {"seed": 3}, "data": data}


def test_scenes_are_those_that_were_held_out(load, capsys):
    captioner = make_captioner()
    captioner.training = {"recipe": recipe_of_scenes()}
    load(captioner)
    argv = ["evaluate", "bundle", "scenes", "--json", "--beam", "1"]
    code, out, _ = run(argv, capsys)
    assert code == 0
    scores = json.loads(out)

    scenes = Scenes(120, seed=3, image_size=32, num_things=8)
    held = [scene for scene in scenes if scene.split == "test"]
    corpus = CaptionCorpus.from_examples(held, captioner.tokenizer)
    expected = evaluate_captions(captioner, corpus, beam=1)
    assert scores["pictures"] + scores["held_out"]["pictures"] == len(held)
    assert scores == json.loads(json.dumps(expected))

    argv = [*argv[:3], "--artist", "fluent", "--count", "3"]
    code, out, _ = run(argv, capsys)
    assert code == 0
    assert sum(int(line.split()[0]) for line in out.splitlines()) == 3
    assert "object F1" in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["none.csv"], "there is no file or folder none.csv"),
        (["scenes", "--images", "."], "--images is of files, and scenes are drawn"),
        (["captions.csv", "--artist", "noto"], "--artist is of scenes"),
        (["captions.csv", "--images", "none"], "there is no file or folder none"),
        (["captions.csv", "--split", "dev"], "one of train, valid, test; received 'd"),
        (["captions.csv", "--split", "valid"], "names no picture for --split valid"),
        (["captions.csv", "--alignments", "x"], "--alignments says nothing about capt"),
        (["captions.csv", "b.txt"], "the target side says nothing about captions"),
        (["scenes", "--artist", "me"], "artist of scenes must be one of noto, fluent"),
    ],
)
def test_what_cannot_be_is_refused(
    loaded_captioner, folder, monkeypatch, capsys, argv, message
):
    monkeypatch.chdir(folder)
    code, out, err = run(["evaluate", "bundle", *argv], capsys)
    assert (code, out) == (1, "")
    assert message in err


def test_meteor_is_asked_for_before_anything_slow(
    loaded_captioner, folder, monkeypatch, capsys
):
    monkeypatch.setattr(
        "keras_attention.evaluation.meteor.find_spec", lambda name: None
    )
    code, out, err = run(["evaluate", "bundle", "scenes", "--meteor"], capsys)
    assert (code, out) == (1, "")
    assert "keras-attention-models[coco]" in err


def test_translations_have_no_pictures(loaded, tmp_path, capsys):
    argv = ["evaluate", "bundle", "pairs.tsv", "--images", str(tmp_path)]
    code, out, err = run(argv, capsys)
    assert (code, out) == (1, "")
    assert "--images says nothing about translations: leave it out" in err
