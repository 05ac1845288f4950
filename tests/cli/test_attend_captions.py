"""attend on the command line, for captioners."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_attention.evaluation.attention import coverage, entropy
from keras_attention.plotting import captions as plotting
from tests.captioners import encoded_image, make_captioner
from tests.cli.support import run


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded_image("JPEG", 64, 40, seed=2))
    return path


def test_attend_draws_a_panel_for_each_word(
    loaded_captioner, captioner, image, tmp_path, capsys
):
    path = tmp_path / "a.png"
    code, out, _ = run(["attend", "bundle", str(image), "-o", str(path)], capsys)
    assert code == 0
    assert out == f"{captioner.caption(image)[0]}\nheat map: {path}\n"
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert min(image.size) > 100


@pytest.mark.parametrize(
    ("fit", "window", "square"),
    [
        ("pad", (6 / 32, 0, 26 / 32, 1), [-12, 0, 52, 64]),
        ("crop", (0, -0.3, 1, 1.3), [0, 12, 40, 52]),
        ("stretch", (0, 0, 1, 1), [0, 0, 40, 64]),
    ],
)
def test_the_map_lies_where_the_model_saw_the_image(
    load, captioner, image, tmp_path, monkeypatch, capsys, fit, window, square
):
    drawn = {}

    def draw(image, tokens, attention, window, path):
        drawn.update(image=image, window=window)

    monkeypatch.setattr(plotting, "plot_caption", draw)
    load(captioner if fit == "pad" else make_captioner(fit=fit))
    argv = ["attend", "bundle", str(image), "-o", str(tmp_path / "b.png"), "--json"]
    code, out, _ = run(argv, capsys)
    assert code == 0
    np.testing.assert_allclose(drawn["window"], window, atol=1e-6)
    assert drawn["image"].shape == (64, 40, 3)
    assert json.loads(out)["square"] == square


def test_attend_gives_data(
    loaded_captioner, captioner, image, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(["attend", "bundle", str(image), "--json"], capsys)
    assert code == 0
    assert list(tmp_path.iterdir()) == [image]  # no figure that nobody asked for
    found = json.loads(out)
    (expected,) = captioner.caption(image, return_attention=True)
    assert (found["image"], found["text"]) == (str(image), expected.text)
    assert found["tokens"] == expected.tokens
    np.testing.assert_allclose(found["attention"], expected.attention, atol=1e-4)
    regions = expected.attention.reshape(len(expected.tokens), -1)
    np.testing.assert_allclose(found["entropy"], entropy(regions), atol=1e-3)
    covered = np.ravel(found["coverage"])
    np.testing.assert_allclose(covered, coverage(regions), atol=1e-3)


def test_attend_takes_a_given_caption(
    loaded_captioner, captioner, image, tmp_path, capsys
):
    path = tmp_path / "a.png"
    target = "a red dog left of a car."
    argv = ["attend", "bundle", str(image), "--target", target, "-o", str(path)]
    assert run(argv, capsys) == (0, f"{target}\nheat map: {path}\n", "")
    code, out, _ = run([*argv, "--json"], capsys)
    assert code == 0
    (expected,) = captioner.force_decode(image, target)
    found = json.loads(out)
    assert found["tokens"] == expected.tokens
    np.testing.assert_allclose(found["attention"], expected.attention, atol=1e-4)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["none.jpg"], "error: there is no image none.jpg"),
        (["notes.txt"], "notes.txt is not an image that can be read"),
        (["a.jpg", "--encoder", "1"], "--encoder shows how words attend to each other"),
        (["a.jpg", "--target", "a", "--beam", "2"], "Leave one of them out"),
    ],
)
def test_attend_needs_something_to_show(
    loaded_captioner, image, tmp_path, monkeypatch, capsys, argv, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    code, out, err = run(["attend", "bundle", *argv, "-o", "b.png"], capsys)
    assert (code, out) == (1, "")
    assert message in err
    assert not (tmp_path / "b.png").exists()


def test_without_attention_nothing_is_drawn(load, image, capsys):
    load(make_captioner(attention=None))
    code, out, err = run(["attend", "bundle", str(image), "--json"], capsys)
    assert (code, out) == (1, "")
    assert err.startswith("error: a RecurrentCaptioner with attention=None has no att")
