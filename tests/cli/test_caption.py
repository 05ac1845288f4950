"""caption on the command line."""

import json
from unittest import mock

import numpy as np
import pytest

from keras_attention.cli import main
from keras_attention.data.images import files, sources
from tests.captioners import encoded_image, encoded_images
from tests.cli.support import run, type_in
from tests.data.image_files import BAD


@pytest.fixture
def folder(tmp_path):
    """Three images of three kinds, and what is none."""
    (tmp_path / "in").mkdir()
    (tmp_path / "a.png").write_bytes(encoded_image("PNG", seed=1))
    (tmp_path / "b.jpg").write_bytes(encoded_image("JPEG", 64, 40, seed=2))
    (tmp_path / "in" / "c.webp").write_bytes(encoded_image("WEBP", seed=3))
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def captions(captioner, *paths, **options):
    return captioner.caption([str(path) for path in paths], **options)


def test_a_line_for_each_image(captioner_bundle, captioner, folder, capsys):
    """The whole way, with a bundle from disk."""
    paths = [str(folder / "a.png"), str(folder / "b.jpg")]
    code, out, err = run(["caption", str(captioner_bundle), *paths], capsys)
    assert (code, err) == (0, "")
    expected = captions(captioner, *paths, return_attention=True)
    assert out == "".join(f"{caption.name}\t{caption}\n" for caption in expected)


def test_folders_and_patterns_are_searched(loaded_captioner, folder, capsys):
    code, out, _ = run(["caption", "bundle", str(folder)], capsys)
    assert code == 0
    names = [line.split("\t")[0] for line in out.splitlines()]
    assert names == [str(folder / name) for name in ("a.png", "b.jpg", "in/c.webp")]
    code, out, _ = run(["caption", "bundle", f"{folder}/**/*.webp"], capsys)
    assert [line.split("\t")[0] for line in out.splitlines()] == names[2:]


def test_json_lines_hold_n_best_scores_and_grids(
    loaded_captioner, captioner, folder, capsys
):
    path = str(folder / "b.jpg")
    argv = ["caption", "bundle", path, "--json", "--n-best", "2"]
    code, out, _ = run(argv, capsys)
    assert code == 0
    found = json.loads(out)
    (expected,) = captions(captioner, path, n_best=2, return_attention=True)
    assert (found["image"], found["text"]) == (path, expected.text)
    shown = expected.in_characters().hypotheses
    for hypothesis, wanted in zip(found["n_best"], shown, strict=True):
        assert hypothesis["tokens"] == wanted.tokens
        assert hypothesis["score"] == pytest.approx(wanted.score, rel=1e-4)
        np.testing.assert_allclose(hypothesis["attention"], wanted.attention, atol=1e-4)
    # 40 wide and 64 high: the square goes beyond it on both sides.
    assert found["square"] == [-12, 0, 52, 64]


def test_n_best_gives_scored_lines(loaded_captioner, folder, capsys):
    path = str(folder / "a.png")
    code, out, _ = run(["caption", "bundle", path, "--n-best", "2"], capsys)
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert [row[0] for row in rows] == [path, path]
    assert float(rows[0][1]) >= float(rows[1][1])


@pytest.mark.parametrize("command", ["caption", "attend"])
def test_an_image_is_decoded_once(
    loaded_captioner, folder, monkeypatch, capsys, command
):
    by_pillow = mock.Mock(wraps=files.load)
    by_tensorflow = mock.Mock(wraps=sources.decode_image_and_window)
    monkeypatch.setattr(files, "load", by_pillow)
    monkeypatch.setattr(sources, "decode_image_and_window", by_tensorflow)
    for count, name in enumerate(("a.png", "b.jpg"), start=1):
        argv = [command, "bundle", str(folder / name), "--json"]
        assert run(argv, capsys)[0] == 0
        assert (by_pillow.call_count, by_tensorflow.call_count) == (0, count)


def test_bad_images_are_named_and_the_others_captioned(
    loaded_captioner, folder, capsys
):
    (folder / "half.jpg").write_bytes(encoded_image("JPEG")[:-300])
    (folder / "empty.png").write_bytes(b"")
    (folder / "scans.jpg").write_bytes(BAD["a jpeg of many scans"][0])
    names = ["none.jpg", "half.jpg", "a.png", "notes.txt", "empty.png", "*.gif"]
    names.append("scans.jpg")
    argv = [str(folder / name) for name in names]
    code, out, err = run(["caption", "bundle", *argv, "--batch-size", "2"], capsys)
    assert code == 1
    assert [line.split("\t")[0] for line in out.splitlines()] == [argv[2]]
    lines = err.splitlines()
    assert len(lines) == 6
    assert "would take 1,005,000,000 steps to decode" in lines[-1]
    for line, name in zip(lines, [*argv[:2], *argv[3:]], strict=True):
        assert line.startswith("error: ")
        assert name in line


def test_json_says_why_an_image_has_no_caption(loaded_captioner, folder, capsys):
    names = ["none.jpg", "a.png", "notes.txt", "b.jpg"]
    argv = ["caption", "bundle", *[str(folder / name) for name in names], "--json"]
    for batch_size in ("1", "3", "4"):
        code, out, err = run([*argv, "--batch-size", batch_size], capsys)
        assert code == 1
        found = [json.loads(line) for line in out.splitlines()]
        assert [each["image"] for each in found] == argv[2:6]
        why = [each.get("error") for each in found]
        assert why[1] is why[3] is None
        assert err == f"error: {why[0]}\nerror: {why[2]}\n"


def test_standard_input_is_one_image(loaded_captioner, captioner, monkeypatch, capsys):
    for image in encoded_images():
        type_in(monkeypatch, image)
        code, out, err = run(["caption", "bundle"], capsys)
        assert (code, err) == (0, "")
        (expected,) = captioner.caption(image)
        assert out == f"standard input\t{expected}\n"


def test_standard_input_is_paths(loaded_captioner, folder, monkeypatch, capsys):
    paths = [str(folder / "a.png"), str(folder / "b.jpg")]
    type_in(monkeypatch, f"{paths[0]}\r\n\n{paths[1]}".encode())
    code, out, _ = run(["caption", "bundle"], capsys)
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == paths
    type_in(monkeypatch, b"")
    assert run(["caption", "bundle"], capsys) == (0, "", "")


def test_a_translator_captions_nothing(bundle, folder, capsys):
    code, out, err = run(["caption", str(bundle), str(folder)], capsys)
    assert (code, out) == (1, "")
    assert f"is a bundle for translation: try keras-attention translate {bundle}" in err


def test_words_are_refused_before_an_image_is_read(
    loaded_captioner, folder, monkeypatch, capsys
):
    monkeypatch.setattr(sources, "decode_source", lambda *_: pytest.fail("read"))
    argv = ["caption", "bundle", str(folder), "--constraint", "Ω"]
    code, out, err = run(argv, capsys)
    assert (code, out) == (1, "")
    assert "of which it lacks some" in err


class Recorder:
    """A captioner that only records its calls."""

    task = "captioning"
    fit = "pad"

    class model:
        image_size = 8

    def __init__(self):
        self.calls = []

    def check_arguments(self, **options):
        """All are right."""

    def caption_inputs(self, inputs, **options):
        self.calls.append((inputs["images"].shape, options))
        return []


def test_options_reach_the_search(load, folder, monkeypatch):
    recorder = Recorder()
    load(recorder)
    options = (
        "--beam 5 --length-penalty 1 --min-length 2 --max-length 7 --no-repeat-ngram 3 "
        "--temperature 0.5 --top-k 4 --top-p 0.9 --unknown allow --seed 6 "
        "--prefix A --batch-size 2 --constraint b --avoid c --avoid d"
    )
    path = str(folder / "a.png")
    assert main(["caption", "bundle", path, *options.split()]) == 0
    assert recorder.calls == [
        (
            (1, 8, 8, 3),
            {
                "names": [path],
                "beam": 5,
                "return_attention": False,
                "prefixes": ["A"],
                "constraints": ["b"],
                "avoid": ["c", "d"],
                "batch_size": 2,
                "seed": 6,
                "length_penalty": 1.0,
                "min_length": 2,
                "max_length": 7,
                "no_repeat_ngram": 3,
                "temperature": 0.5,
                "top_k": 4,
                "top_p": 0.9,
                "unknown": "allow",
            },
        )
    ]
