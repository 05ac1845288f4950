"""Images are turned as their cameras say, by the same rules in Python and graphs."""

import functools
import itertools
import random
import struct

import numpy as np
import pytest
from PIL import ImageOps

from keras_attention.data.images.exif import (
    MOST_PARTS,
    graph_jpeg_orientation,
    graph_png_orientation,
    orientation,
)
from keras_attention.data.images.sources import oriented_size, placement
from tests.data.image_files import chunk, encoded, opened, pixels, sample_image, turned

tf = pytest.importorskip("tensorflow")


@functools.cache
def graph_function(kind):
    read = {"JPEG": graph_jpeg_orientation, "PNG": graph_png_orientation}[kind]
    return tf.function(read, input_signature=[tf.TensorSpec([], tf.string)])


def graph_orientation(content):
    kind = "JPEG" if content.startswith(b"\xff\xd8") else "PNG"
    return int(graph_function(kind)(tf.constant(content)))


# Many cases in few tests: the first call of each test takes TensorFlow long.
@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG"])
def test_images_are_turned_as_their_cameras_say(kind):
    for number, endian in itertools.product(range(1, 9), "<>"):
        content = turned(number, kind, endian)
        upright = ImageOps.exif_transpose(opened(content))
        np.testing.assert_array_equal(pixels(content), pixels(encoded(upright)))
        assert orientation(content) == graph_orientation(content) == number
        assert oriented_size(content) == upright.size


def test_boxes_lie_where_people_see_them():
    for content in map(turned, range(1, 9)):
        upright = ImageOps.exif_transpose(opened(content))
        where = placement(*oriented_size(content), 90)
        box = where.to_square([0, 0, *upright.size]).round().astype(int)
        inside = pixels(content, 90, "pad")[box[1] : box[3], box[0] : box[2]]
        np.testing.assert_array_equal(inside, np.asarray(upright))


def test_an_image_that_says_nothing_is_upright():
    for kind in ("JPEG", "PNG"):
        content = encoded(sample_image(), kind)
        assert orientation(content) == graph_orientation(content) == 1
    assert orientation(b"") == orientation(b"hello") == 1


def test_other_parts_before_it_do_not_matter():
    """A profile of colours can be of any length; its content is not searched."""
    profile = b"Exif\0\0II*\0" + bytes(65_000)
    before = (b"\xff\xe2" + struct.pack(">H", len(profile) + 2) + profile) * 9
    jpeg = turned(6)
    jpeg = jpeg[:2] + before + jpeg[2:]
    assert orientation(jpeg) == graph_orientation(jpeg) == 6
    png = turned(6, "PNG")
    png = png[:33] + chunk(b"teXt", b"eXIfII*\0" + bytes(99_000)) + png[33:]
    assert orientation(png) == graph_orientation(png) == 6


def test_nothing_after_the_pixels_is_looked_at():
    png = turned(6, "PNG")
    exif = png[png.index(b"eXIf") - 4 : png.index(b"IDAT") - 4]
    late = png.replace(exif, b"")[:-12] + exif + png[-12:]
    assert orientation(late) == graph_orientation(late) == 1
    jpeg = turned(6)
    late = encoded(sample_image(), "JPEG") + jpeg[2:]
    assert orientation(late) == graph_orientation(late) == 1


def test_a_file_of_endless_parts_is_given_up():
    exif = turned(6)[2:]
    for count, expected in ((MOST_PARTS - 2, 6), (MOST_PARTS + 1, 1)):
        content = b"\xff\xd8" + b"\xff\xe3\0\2" * count + exif
        assert orientation(content) == graph_orientation(content) == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_damage_is_read_alike_and_does_no_harm(kind):
    rng = random.Random(0)
    numbers = []
    for _ in range(300):
        content = bytearray(turned(rng.randint(1, 8), kind, rng.choice("<>")))
        for _ in range(rng.randint(1, 3)):
            content[rng.randrange(8, 150)] = rng.choice((0, 1, 3, 255))
        content = bytes(content[: rng.choice((None, rng.randrange(8, 150)))])
        numbers.append(orientation(content))
        assert numbers[-1] == graph_orientation(content)
    assert set(numbers) == set(range(1, 9))
