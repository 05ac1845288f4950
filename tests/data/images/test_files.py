"""Files of images are found, opened quietly, and made PNGs of as people see them."""

import io
import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from keras_attention.data.images import files
from keras_attention.data.images.files import as_png, find_images, loaded
from keras_attention.data.images.sources import BadImage
from tests.data.image_files import BAD, encoded, opened, sample_image, turned


def png_of(image):
    return np.asarray(opened(as_png(image, "a.tif")))


def test_images_are_found_in_folders_and_by_patterns(tmp_path):
    for name in ("deep", "deep/.hidden", "empty", "folder.jpg"):
        (tmp_path / name).mkdir()
    names = ("b.jpg", "a.PNG", "notes.txt", "deep/c.webp", "deep/[d].tif")
    for name in (*names, "._b.jpg", "deep/.hidden/e.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")

    found = find_images([tmp_path])
    assert [path.name for path in found] == ["a.PNG", "b.jpg", "[d].tif", "c.webp"]
    notes = tmp_path / "notes.txt"
    assert find_images([notes, f"{tmp_path}/*.jpg"]) == [notes, tmp_path / "b.jpg"]
    one = tmp_path / "deep" / "[d].tif"
    assert find_images([str(one)]) == [one]
    assert find_images([f"{tmp_path}/**/*.tif"]) == [one]


def test_what_leads_to_nothing_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="there is no file .*d.jpg"):
        find_images([tmp_path / "d.jpg"])
    with pytest.raises(ValueError, match=r"there is no file .*\*.jpg"):
        find_images([f"{tmp_path}/*.jpg"])
    with pytest.raises(ValueError, match="no file in .* ends in .jpg"):
        find_images([tmp_path])
    with pytest.raises(ValueError, match="cannot be read|there is no file"):
        find_images(["long" * 2000])


def test_sixteen_bits_become_eight():
    """Pillow would make white of all above 255."""
    grey = (np.arange(64 * 64) * 16).astype("uint16").reshape(64, 64)
    for image in (Image.fromarray(grey), loaded(encoded(Image.fromarray(grey)), "")):
        np.testing.assert_array_equal(png_of(image)[..., 0], grey >> 8)
    tiff = encoded(Image.fromarray(grey), "TIFF")
    np.testing.assert_array_equal(png_of(loaded(tiff, "a.tif"))[..., 0], grey >> 8)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_thirty_two_bits_are_refused(mode):
    with pytest.raises(BadImage, match="a.tif has samples of 32 bits") as caught:
        png_of(Image.new(mode, (4, 4)))
    assert caught.value.reason == files.NOT_AN_IMAGE


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "LAB", "1", "L", "P"])
def test_colours_of_every_kind_become_red_green_and_blue(mode):
    if mode == "LAB":  # Pillow converts from it, and not to it.
        assert png_of(Image.new("LAB", (4, 4), (255, 128, 128))).shape == (4, 4, 3)
        return
    image = sample_image().convert(mode)
    np.testing.assert_array_equal(png_of(image), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["LA", "La", "PA", "RGBA", "RGBa"])
def test_what_is_transparent_stays_so(mode):
    found = png_of(Image.new(mode, (4, 4)))
    assert found.shape == (4, 4, 4) and not found[..., 3].any()


@pytest.mark.parametrize("kind", ["WEBP", "TIFF", "JPEG"])
@pytest.mark.parametrize("number", [1, 6, 7])
def test_a_png_is_upright(number, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    content = turned(number, kind, **options)
    if kind == "JPEG":
        expected = np.asarray(opened(content))
    else:
        expected = np.asarray(sample_image())
    if number == 6:
        expected = np.rot90(expected, -1)
    if number == 7:
        expected = np.rot90(expected, 2).swapaxes(0, 1)
    image = loaded(content, "an image")
    png = as_png(image, "an image")
    np.testing.assert_array_equal(np.asarray(opened(png)), expected)
    assert "exif" not in opened(png).info


def test_of_images_that_move_the_first_counts():
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "WEBP", "TIFF"):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        red, green, blue = png_of(loaded(content, "a"))[4, 4].astype(int)
        assert red > 240 and green < 15 and blue < 15


def test_an_image_that_was_opened_and_is_damaged_is_refused():
    content = BAD["a jpeg without its last 800 bytes"][0]
    with pytest.raises(BadImage, match="a.jpg is truncated or damaged"):
        as_png(Image.open(io.BytesIO(content)), "a.jpg")


@pytest.mark.parametrize(
    ("size", "reason"),
    [((0, 5), files.EMPTY), ((8000, 7000), files.TOO_LARGE)],
)
def test_images_of_no_or_many_pixels_are_refused(size, reason):
    with pytest.raises(BadImage, match=f"a has {size[0]} × {size[1]} pixels") as caught:
        as_png(Image.new("1", size), "a")
    assert caught.value.reason == reason


def test_no_other_program_is_started_for_an_image():
    """Pillow would ask Ghostscript."""
    with pytest.raises(BadImage, match="expected JPEG, PNG, WebP, GIF, BMP or TIFF"):
        loaded(encoded(sample_image(), "EPS"), "a.eps")


def test_threads_leave_warnings_as_they_were():
    kinds = [encoded(sample_image(), "GIF"), BAD["a png of 10000"][0]]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with warnings.catch_warnings(), ThreadPoolExecutor(8) as pool:
            warnings.simplefilter("error")
            before = list(warnings.filters)
            for problem in pool.map(problem_of, kinds * 100):
                assert problem in (None, files.TOO_LARGE)
            assert warnings.filters == before
    finally:
        sys.setswitchinterval(interval)


def problem_of(content):
    try:
        loaded(content, "an image")
    except BadImage as error:
        return error.reason


def test_an_error_keeps_its_reason_between_processes():
    error = pickle.loads(pickle.dumps(BadImage(files.EMPTY, "a.jpg is empty")))
    assert (error.reason, str(error)) == (files.EMPTY, "a.jpg is empty")
