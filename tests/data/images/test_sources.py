"""Images of every kind become the pixels of a model; bad ones say what is wrong."""

import numpy as np
import pytest
from PIL import Image

from keras_attention.data.images import sources
from keras_attention.data.images.sources import (
    BadImage,
    check_image,
    load_pixels,
    oriented_size,
    read_image,
)
from tests.data.image_files import BAD, encoded, opened, pixels, sample_image, turned

pytest.importorskip("tensorflow")


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG"])
def test_files_that_graphs_decode_stay_as_they_are(kind):
    content = encoded(sample_image(), kind)
    assert read_image(content) == read_image(bytearray(content)) == content
    assert check_image(content) == kind


def test_other_files_become_png():
    for kind in ("WEBP", "GIF", "BMP", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        source = (
            sample_image(60, 60).quantize(16) if kind == "GIF" else sample_image(60, 60)
        )
        content = encoded(source, kind, **options)
        assert read_image(content).startswith(b"\x89PNG")
        expected = np.asarray(source.convert("RGB"))
        np.testing.assert_array_equal(pixels(read_image(content), 60), expected, kind)
        np.testing.assert_array_equal(load_pixels([content], 60)[0], expected, kind)


def test_images_and_arrays_are_images_too(tmp_path):
    image = sample_image(60, 60)
    image.save(tmp_path / "one.png")
    array = np.asarray(image)
    given = [tmp_path / "one.png", str(tmp_path / "one.png"), image, array]
    found = load_pixels([*given, encoded(image)], 60)
    assert found.shape == (5, 60, 60, 3) and found.dtype == np.uint8
    assert (found == array).all()
    small = load_pixels(given, 20)
    assert (small == small[:1]).all()
    assert load_pixels([], 20).shape == (0, 20, 20, 3)


def test_arrays_are_grey_coloured_or_transparent():
    for mode in ("L", "RGB", "RGBA"):
        array = np.asarray(sample_image().convert(mode))
        found = [load_pixels([array], 30, "stretch")[0]]
        if mode == "L":
            found += [load_pixels([array[..., None]], 30, "stretch")[0]]
        for one in found:
            expected = pixels(encoded(sample_image().convert(mode)))
            np.testing.assert_array_equal(one, expected, mode)


def test_an_opened_image_is_what_its_file_is():
    for kind in ("JPEG", "MPO", "PNG"):
        content = turned(6, kind)
        np.testing.assert_array_equal(
            load_pixels([opened(content)], 32), load_pixels([content], 32)
        )


@pytest.mark.parametrize("name", BAD)
def test_bad_images_are_refused_with_their_reason(name, tmp_path):
    content, reason, message, _ = BAD[name]
    path = tmp_path / "an image.jpg"
    path.write_bytes(content)
    for function, source in (
        (read_image, content),
        (read_image, path),
        (check_image, content),
        (lambda source: load_pixels([source], 32), content),
        (lambda source: load_pixels([source], 32), path),
    ):
        with pytest.raises(BadImage, match=message) as caught:
            function(source)
        assert caught.value.reason == reason
        named = "an image.jpg" if source == path else "the image"
        assert named in str(caught.value)
    if reason != sources.TRUNCATED:
        with pytest.raises(BadImage, match=message):
            oriented_size(content)


def test_what_only_pillow_can_read_is_refused():
    content = encoded(Image.new("1", (1, 1_500_000)))
    with pytest.raises(BadImage, match="or of a rare kind .*Invalid PNG") as caught:
        load_pixels([content], 32)
    assert caught.value.reason == sources.TRUNCATED


def test_a_missing_image_is_named(tmp_path):
    for source, message in (
        (tmp_path / "gone.jpg", "there is no image .*gone.jpg"),
        ("gone.jpg", r"there is no image gone.jpg \(from /"),
        (tmp_path, "cannot be read"),
        ("a\0b.jpg", r"'a\\x00b.jpg' cannot be read"),
    ):
        with pytest.raises(BadImage, match=message) as caught:
            read_image(source)
        assert caught.value.reason == sources.MISSING


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "received int"),
        (None, "received NoneType"),
        (np.zeros((4, 4, 3)), r"received float64 \(4, 4, 3\)"),
        (np.zeros((4, 4, 5), "uint8"), r"received uint8 \(4, 4, 5\)"),
        (np.zeros((4, 4, 3, 1), "uint8"), r"received uint8 \(4, 4, 3, 1\)"),
        (np.zeros(4, "uint8"), r"received uint8 \(4,\)"),
        (np.zeros((0, 4, 3), "uint8"), "received uint8"),
    ],
)
def test_what_is_no_image_is_refused(source, message):
    with pytest.raises(BadImage, match=message):
        read_image(source)


def test_an_unknown_fit_is_refused():
    with pytest.raises(ValueError, match="fit must be one of pad, crop, stretch"):
        load_pixels([sample_image()], 32, "squash")
