"""features on the command line."""

import numpy as np
import pytest

from keras_attention.data.captions.features import FeatureStore
from keras_attention.data.images.sources import load_pixels
from tests.captioners import encoded_image, make_captioner
from tests.cli.support import run


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for i in range(3):
        path = tmp_path / "images" / f"{i}.png"
        path.write_bytes(encoded_image("PNG", 12 + 16 * i, 50, seed=i))
    return tmp_path


def test_a_captioners_encoder_is_kept_with_names(
    captioner_bundle, captioner, folder, capsys
):
    (folder / "images" / "1b.jpg").write_bytes(b"\xff\xd8\xffnot much")
    out = folder / "features"
    argv = [str(captioner_bundle), str(folder / "images"), "--out", str(out)]
    code, printed, err = run(["features", *argv, "--batch-size", "2"], capsys)
    assert code == 1  # one of them is no image
    assert err.count("\n") == 1 and "1b.jpg" in err
    paths = [str(folder / "images" / f"{i}.png") for i in range(3)]
    assert (out / "names.txt").read_text().splitlines() == paths
    features = FeatureStore.open(out).features
    assert f"{out}: 3 images, 4 × 4 × {features.shape[-1]} each" in printed
    pixels = load_pixels(paths, captioner.model.image_size, captioner.fit)
    expected = np.asarray(captioner.model.image_encoder(pixels))
    np.testing.assert_allclose(features, expected, rtol=2e-3, atol=1e-3)
    # They are what a captioner takes in place of images.
    texts = [str(caption) for caption in captioner.caption(paths)]
    found = captioner.caption_inputs(FeatureStore.open(out).inputs())
    assert [caption.window for caption in found] == [
        (0, 12, 32, 20),
        (0, 7, 32, 25),
        (0, 2, 32, 30),
    ]
    assert [str(caption) for caption in found] == texts


def test_what_is_there_is_not_computed_again(
    load, captioner, folder, monkeypatch, capsys
):
    load(captioner)
    (folder / "bundle").mkdir()
    out = folder / "features"
    argv = [str(folder / "bundle"), str(folder / "images"), "--out", str(out)]
    assert run(["features", *argv], capsys)[0] == 0
    with monkeypatch.context() as patch:
        patch.delattr("keras_attention.data.images.sources.load_pixels")
        assert run(["features", *argv], capsys)[0] == 0

    # Another image, or other weights, are other features.
    load(make_captioner(seed=1))
    code, _, err = run(["features", *argv], capsys)
    assert code == 1
    assert "features of another encoder or of other images" in err
    assert "choose another folder, or say --force" in err
    assert run(["features", *argv, "--force"], capsys)[0] == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["bundle", "--grid-size", "7"], "has its own sizes: leave out --grid-size"),
        (["small-cnn"], "small-cnn is trained with the rest of a captioner"),
        (["efficientnet-lite"], "did you mean 'efficientnet-lite0'"),
        (["bundle", "none*.jpg"], "there is no image left to encode"),
    ],
)
def test_what_cannot_be_is_refused(
    loaded_captioner, folder, monkeypatch, capsys, argv, message
):
    monkeypatch.chdir(folder)
    (folder / "bundle").mkdir()
    argv = [argv[0], *(argv[1:] or ["images"])]
    if argv[-1].isdecimal():
        argv.append("images")
    code, out, err = run(["features", *argv, "--out", "features"], capsys)
    assert (code, out) == (1, "")
    assert message in err
    assert not (folder / "features").exists()
