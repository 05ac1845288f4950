"""A placement says where in the square the image is that was decoded."""

import numpy as np
import pytest
from PIL import Image

from keras_attention.data.images.fit import FITS
from keras_attention.data.images.graph import decode_image_and_window
from keras_attention.data.images.sources import load_images, placement, window
from tests.data.image_files import encoded, pixels

pytest.importorskip("tensorflow")


def edges_of(found):
    """`(left, top, right, bottom)` of what is True."""
    places = np.argwhere(found)
    (top, left), (bottom, right) = places.min(axis=0), places.max(axis=0) + 1
    return left, top, right, bottom


@pytest.mark.parametrize("fit", FITS)
def test_a_white_box_is_found_where_it_was_mapped_to(fit):
    for width, height in [(90, 60), (60, 90), (90, 30), (7, 90)]:
        array = np.zeros((height, width, 3), "uint8")
        x0, x1 = width // 3, width - width // 3
        y0, y1 = height // 3, height - height // 3
        array[y0:y1, x0:x1] = 255
        found = pixels(encoded(Image.fromarray(array)), 90, fit)
        box = placement(width, height, 90, fit).to_square([x0, y0, x1, y1])
        edges = edges_of((found > 127).all(axis=-1))
        np.testing.assert_allclose(edges, np.clip(box, 0, 90), atol=1.5)


@pytest.mark.parametrize("fit", FITS)
def test_what_goes_to_the_square_comes_back(fit):
    boxes = np.random.default_rng(0).uniform(0, 90, (2, 3, 4))
    where = placement(123, 45, 67, fit)
    np.testing.assert_allclose(where.to_image(where.to_square(boxes)), boxes)


@pytest.mark.parametrize("size", [1, 31, 64])
def test_the_padding_of_the_graph_is_where_it_says(size):
    for width, height in [(1, 1), (1, 500), (500, 3), (33, 32), (127, 129), (641, 480)]:
        found = pixels(encoded(Image.new("RGB", (width, height))), size, "pad")
        box = placement(width, height, size).to_square([0, 0, width, height])
        np.testing.assert_allclose(edges_of(found[..., 0] == 0), box)
        assert window(width, height, size) == edges_of(found[..., 0] == 0)


@pytest.mark.parametrize("fit", FITS)
def test_python_and_graph_agree_on_the_window_of_an_image(fit):
    for width, height in [(90, 60), (41, 90), (90, 1), (64, 64)]:
        exif = Image.Exif()
        exif[0x0112] = 6  # A quarter turn.
        content = encoded(Image.new("RGB", (height, width)), "JPEG", exif=exif)
        expected = window(width, height, 50, fit)
        _, found = decode_image_and_window(content, 50, fit)
        assert tuple(np.asarray(found)) == expected
        _, found = load_images([content], 50, fit)
        assert tuple(found[0]) == expected
        if fit != "pad":
            assert expected == (0, 0, 50, 50)


def test_an_unknown_fit_is_refused():
    with pytest.raises(ValueError, match="fit must be one of pad, crop, stretch"):
        placement(10, 10, 32, "squash")
