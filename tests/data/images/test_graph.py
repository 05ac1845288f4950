"""Graphs decode JPEG and PNG to the pixels that Pillow sees, and refuse the rest."""

import functools
import struct

import numpy as np
import pytest
from PIL import Image

from keras_attention.data.images.graph import decode_image, decode_images
from tests.data.image_files import (
    BAD,
    chunk,
    encoded,
    interlaced_png,
    opened,
    pixels,
    png,
    sample_image,
    turned,
)

tf = pytest.importorskip("tensorflow")

SQUARE = sample_image(60, 60)


@functools.cache
def batch_function(size):
    return tf.function(
        lambda many: decode_images(many, size)[0],
        input_signature=[tf.TensorSpec([None], tf.string)],
    )


def on_white(image):
    """The colours of a Pillow image, over white where it is transparent."""
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image).convert("RGB")).astype(int)


# Many cases in few tests: the first call of each test takes TensorFlow long.
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_has_the_pixels_that_pillow_sees(mode):
    for options in (
        {},
        {"subsampling": 0},
        {"subsampling": 1},
        {"progressive": True},
        {"quality": 30},
        {"keep_rgb": True},
        {"restart_marker_blocks": 1},
    ):
        content = encoded(SQUARE.convert(mode), "JPEG", **options)
        expected = np.asarray(opened(content).convert("RGB"))
        np.testing.assert_array_equal(pixels(content, 60), expected, str(options))


def test_a_png_has_the_pixels_that_pillow_sees():
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        image = SQUARE.convert(mode)
        np.testing.assert_array_equal(pixels(encoded(image), 60), on_white(image), mode)


def test_palettes_may_have_few_bits_and_transparent_colours():
    for bits in (1, 2, 4, 8):
        image = SQUARE.quantize(2**bits)
        for options in ({}, {"transparency": bytes([0, 128])}, {"transparency": 1}):
            content = encoded(image, bits=bits, **options)
            expected = on_white(opened(content))
            np.testing.assert_array_equal(pixels(content, 60), expected)


def test_one_grey_may_be_transparent():
    rng = np.random.default_rng(0)
    for bits in (1, 2, 4, 8, 16):
        rows = rng.integers(0, 256, (16, 2 * bits), "uint8")
        samples = np.unpackbits(rows, axis=1).reshape(16, 16, bits)
        grey = samples @ (1 << np.arange(bits)[::-1])
        scaled = grey >> 8 if bits == 16 else grey * (255 // (2**bits - 1))
        rows = [row.tobytes() for row in rows]
        np.testing.assert_array_equal(grey_pixels(rows, bits), scaled)
        key = chunk(b"tRNS", struct.pack(">H", grey[0, 0]))
        expected = np.where(grey == grey[0, 0], 255, scaled)
        np.testing.assert_array_equal(grey_pixels(rows, bits, key), expected)


def grey_pixels(rows, bits, chunks=b""):
    return pixels(png(16, 16, rows, bits, colours=0, chunks=chunks), 16)[..., 1]


def test_of_sixteen_bits_the_higher_eight_count():
    rng = np.random.default_rng(0)
    for colours, num_samples in ((2, 3), (4, 2), (6, 4)):
        samples = rng.integers(0, 2**16, (16, 16, num_samples)).astype(">u2")
        content = png(16, 16, [row.tobytes() for row in samples], 16, colours)
        expected = on_white(Image.fromarray((samples >> 8).astype("uint8")))
        np.testing.assert_array_equal(pixels(content, 16), expected)


def test_an_interlaced_png_is_read():
    expected = np.asarray(sample_image())[:60, :60]
    np.testing.assert_array_equal(pixels(interlaced_png(expected), 60), expected)


def test_what_is_transparent_is_white():
    clear = Image.new("RGBA", (20, 20), (200, 0, 0, 0))
    assert (pixels(encoded(clear)) == 255).all()
    half = Image.new("RGBA", (20, 20), (0, 0, 0, 128))
    assert (pixels(encoded(half)) == 127).all()


def test_a_batch_in_a_graph_has_the_pixels_of_each_in_python():
    contents = [
        encoded(sample_image(), "JPEG"),
        encoded(sample_image(40, 70).convert("RGBA")),
        encoded(sample_image(100, 50).convert("L"), "JPEG"),
        turned(6),
        turned(5, "PNG"),
    ]
    graph = batch_function(32)
    found = graph(tf.constant(contents)).numpy()
    for one, content in zip(found, contents, strict=True):
        np.testing.assert_array_equal(one, pixels(content, 32, "pad"))
    assert graph(tf.constant([], tf.string)).shape == (0, 32, 32, 3)
    assert graph.get_concrete_function().output_shapes == (None, 32, 32, 3)


def test_data_sets_decode_as_everywhere():
    contents = [encoded(sample_image()), turned(8)]
    data = tf.data.Dataset.from_tensor_slices(contents)
    data = data.map(lambda one: decode_image(one, 32))
    for one, content in zip(data, contents, strict=True):
        np.testing.assert_array_equal(one, pixels(content, 32, "pad"))


def test_a_saved_graph_decodes_as_before_with_ops_of_tensorflow_alone(tmp_path):
    module = tf.Module()
    module.decode = batch_function(16)
    tf.saved_model.save(module, str(tmp_path))
    contents = [turned(6), encoded(sample_image(), "JPEG"), encoded(sample_image())]
    loaded = tf.saved_model.load(str(tmp_path)).decode(tf.constant(contents))
    for one, content in zip(loaded.numpy(), contents, strict=True):
        np.testing.assert_array_equal(one, pixels(content, 16, "pad"))

    graph = module.decode.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    for node in nodes:
        assert hasattr(tf.raw_ops, node.op), node.op
        assert "PyFunc" not in node.op and "Xla" not in node.op
        # A GPU would round in other ways.
        kinds = ("Decode", "ScaleAndTranslate", "Mul", "FloorDiv")
        assert "CPU" in node.device or not node.op.startswith(kinds)


@pytest.mark.parametrize("name", BAD)
def test_bad_images_are_refused(name):
    content, _, _, message = BAD[name]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decode_image(content, 32)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        batch_function(32)(tf.constant([encoded(sample_image()), content]))


def test_only_jpeg_and_png_are_decoded():
    for kind in ("GIF", "WEBP", "BMP", "TIFF"):
        with pytest.raises(tf.errors.InvalidArgumentError, match="of a JPEG or PNG f"):
            decode_image(encoded(sample_image(), kind), 32)


def test_padding_is_grey_and_nothing_else_is_lost():
    found = pixels(encoded(Image.new("RGB", (90, 30), "white")), 90, "pad")
    assert (found[:30] == 127).all() and (found[60:] == 127).all()
    assert (found[30:60] == 255).all()


def test_a_line_stays_a_line():
    """2 · height · size does not fit into 32 bits."""
    line = png(1, 999_999, [b"\0"] * 999_999, bits=1, colours=0)
    found = pixels(line, 1200, "pad")
    assert (found[:, 599] == 0).all() and (found[:, [598, 600]] == 127).all()


def test_fine_stripes_do_not_alias():
    stripes = np.zeros((256, 256, 3), "uint8")
    stripes[:, ::2] = 255
    found = pixels(encoded(Image.fromarray(stripes)), 30)
    assert np.abs(found[1:-1, 1:-1] - 127.5).max() < 40


def test_an_unknown_fit_is_refused():
    with pytest.raises(ValueError, match="fit must be one of pad, crop, stretch"):
        decode_image(encoded(sample_image()), 32, "squash")
