"""evaluate on the command line, for captioners."""

import json
import os

import pytest

from keras_attention.data.captions.formats import CaptionCorpus
from keras_attention.data.scenes import Scenes
from keras_attention.evaluation.captioning import evaluate_captions
from keras_attention.evaluation.captions import score_captions
from keras_attention.evaluation.ptb_tokenizer import tokenize_caption
from tests.captioners import encoded_image, make_captioner
from tests.cli.support import run

ROWS = [
    ("a.png", "A red dog.", "train"),
    ("b.png", "A green house above a boat.", "test"),
    ("b.png", "One house and one boat below it.", "test"),
    ("c.jpg", "An apple.", "test"),
]


@pytest.fixture
def folder(tmp_path):
    """Captions of three images, one of which is damaged, in a table."""
    (tmp_path / "images").mkdir()
    for i, name in enumerate(["a.png", "b.png"]):
        path = tmp_path / "images" / name
        path.write_bytes(encoded_image("PNG", 40, 50 + i, seed=i))
    (tmp_path / "images" / "c.jpg").write_bytes(b"\xff\xd8\xff")
    lines = [",".join(row) for row in [("image", "caption", "split"), *ROWS]]
    (tmp_path / "captions.csv").write_text("\n".join(lines))
    return tmp_path


def test_captions_of_files_are_scored(loaded_captioner, captioner, folder, capsys):
    argv = ["evaluate", "bundle", str(folder / "captions.csv"), "--json"]
    argv += ["--images", str(folder / "images"), "--output", str(folder / "out.tsv")]
    code, out, err = run(argv, capsys)
    assert code == 0
    assert "1 skipped" in err and "c.jpg" in err
    (caption,) = captioner.caption([folder / "images" / "b.png"])
    assert (folder / "out.tsv").read_text() == f"b.png\t{caption}\n"
    expected = score_captions([caption.text], [[ROWS[1][1], ROWS[2][1]]]).as_dict()
    assert json.loads(out) == pytest.approx({"pictures": 1, **expected}, rel=1e-6)

    argv = [*argv[:3], "--images", str(folder / "images"), "--split", "train"]
    code, out, err = run(argv, capsys)
    assert (code, err) == (0, "")
    assert out.startswith("1 images  CIDEr-D ")


def test_without_a_test_split_that_of_validation_is_scored(
    loaded_captioner, folder, capsys
):
    """As in COCO's own files; what was trained on is never scored by default."""
    table = folder / "captions.csv"
    table.write_text(table.read_text().replace(",test", ",valid"))
    argv = ["evaluate", "bundle", str(table), "--images", str(folder / "images")]
    code, out, err = run([*argv, "--output", str(folder / "out.tsv")], capsys)
    assert code == 0 and "c.jpg" in err
    assert (folder / "out.tsv").read_text().startswith("b.png")
    assert out.startswith("1 images")


RESULTS = {
    "table": ("image,caption\nb.png,a house\na.png,a dog\n", [1, 2]),
    "named ids": (
        "image,caption,image_id\nb.png,a house,007\na.png,a dog,x1\n",
        [7, "x1"],
    ),
    "some ids": ("image,caption,image_id\nb.png,a house,7\na.png,a dog,\n", [1, 2]),
    "names as COCO's": (
        "image,caption\n"
        "COCO_val2014_000000391895.png,a house\n000000000042.png,a dog\n",
        [391895, 42],
    ),
    "JSON lines": (
        '{"image": "b.png", "caption": "a house", "image_id": 9}\n'
        '{"image": "a.png", "caption": "a dog", "image_id": "10"}\n',
        [9, 10],
    ),
    "coco": (
        '{"images": [{"id": 5, "file_name": "b.png"}, {"id": 3, "file_name": "a.png"}],'
        ' "annotations": [{"id": 1, "image_id": 5, "caption": "a house"},'
        ' {"id": 2, "image_id": 3, "caption": "a dog"}]}',
        [5, 3],
    ),
    "karpathy": (
        '{"images": [{"filename": "b.png", "cocoid": 8, "imgid": 0, "split": "test",'
        ' "sentences": [{"raw": "a house"}]}, {"filename": "a.png", "imgid": 1,'
        ' "split": "test", "sentences": [{"raw": "a dog"}]}]}',
        [8, 1],
    ),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_results_are_cocos_json(
    loaded_captioner, captioner, folder, monkeypatch, capsys, kind
):
    text, ids = RESULTS[kind]
    suffix = {"{": "json"}.get(text[0], "csv") if "}\n{" not in text else "jsonl"
    path = folder / f"captions.{suffix}"
    path.write_text(text)
    monkeypatch.chdir(folder)
    for coco, plain in (("COCO_val2014_000000391895", "b"), ("000000000042", "a")):
        os.link(f"images/{plain}.png", f"images/{coco}.png")
    argv = ["evaluate", "bundle", str(path), "--images", "images"]
    code, _, err = run([*argv, "--results", "results.json"], capsys)
    assert (code, err) == (0, "")
    rows = json.loads((folder / "results.json").read_text())
    assert [row["image_id"] for row in rows] == ids
    said = captioner.caption([folder / "images/b.png", folder / "images/a.png"])
    assert [row["caption"] for row in rows] == [each.text for each in said]
    assert [row["file_name"] for row in rows][0] in (
        "b.png",
        "COCO_val2014_000000391895.png",
    )
    assert not list(folder.glob(".*"))


def test_the_toolkit_reads_the_results(loaded_captioner, folder, monkeypatch, capsys):
    """And scores them as `evaluate` does."""
    coco = pytest.importorskip("pycocotools.coco")
    cider = pytest.importorskip("pycocoevalcap.cider.cider")
    path = folder / "captions.json"
    path.write_text(RESULTS["coco"][0])
    argv = ["evaluate", "bundle", str(path), "--images", str(folder / "images")]
    argv += ["--json", "--results", str(folder / "results.json")]
    code, out, _ = run(argv, capsys)
    assert code == 0
    truth = coco.COCO(str(path))
    found = truth.loadRes(str(folder / "results.json"))
    assert sorted(found.getImgIds()) == [3, 5]
    words = [
        {
            i: [
                " ".join(tokenize_caption(each["caption"])) for each in one.imgToAnns[i]
            ]
            for i in (5, 3)
        }
        for one in (truth, found)
    ]
    expected, _ = cider.Cider().compute_score(*words)
    assert json.loads(out)["cider"] == pytest.approx(expected, abs=1e-6)


def test_two_images_of_one_id_are_refused(loaded_captioner, folder, capsys):
    path = folder / "captions.csv"
    path.write_text("image,caption,image_id\na.png,x,7\nb.png,y,07\n")
    argv = ["evaluate", "bundle", str(path), "--images", str(folder / "images")]
    code, out, err = run([*argv, "--results", str(folder / "results.json")], capsys)
    assert (code, out) == (1, "") and "2 images with image_id 7" in err
    assert not (folder / "results.json").exists()


def test_without_an_image_it_is_said_that_there_is_none_to_score(
    loaded_captioner, folder, capsys
):
    path = folder / "captions.csv"
    (folder / "empty").mkdir()
    argv = ["evaluate", "bundle", str(path), "--images", str(folder / "empty")]
    code, out, err = run(argv, capsys)
    assert (code, out) == (1, "")
    assert "expected images to score; received 2, of which none can be" in err
    assert "b.png" in err and "--images" in err
    assert "train" not in err


@pytest.mark.parametrize("option", ["--output", "--results"])
def test_where_nothing_can_be_written_is_said_first(folder, capsys, option):
    argv = ["evaluate", "no bundle", "captions.csv", option]
    code, _, err = run([*argv, str(folder / "none/out")], capsys)
    assert code == 1 and f"there is no folder {folder}/none to write out into" in err
    code, _, err = run([*argv, str(folder)], capsys)
    assert code == 1 and f"{folder} is a folder" in err


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
        (["captions.csv", "--split", "valid"], "names no image for --split valid"),
        (["captions.csv", "--alignments", "x"], "--alignments says nothing about capt"),
        (["captions.csv", "b.txt"], "the target side says nothing about captions"),
        (["scenes", "--artist", "me"], "--artist must be one of noto, fluent, both"),
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


def test_translations_have_no_images(loaded, tmp_path, capsys):
    argv = ["evaluate", "bundle", "pairs.tsv", "--images", str(tmp_path)]
    code, out, err = run(argv, capsys)
    assert (code, out) == (1, "")
    assert "--images says nothing about translations: leave it out" in err
