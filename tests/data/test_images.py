"""Pictures decode alike everywhere, as cameras held them; bad ones are named."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from keras_attention.data import images
from keras_attention.data.image_graph import MAX_PIXELS, decode_images
from keras_attention.data.images import (
    BadImage,
    check_image,
    decode_image,
    find_images,
    load_pixels,
    picture_size,
    placement,
    read_image,
)

tf = pytest.importorskip("tensorflow")


def picture(width=90, height=60):
    """Coloured squares: edges that interpolation would blur."""
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 256, (height // 10, width // 10, 3), "uint8")
    return Image.fromarray(squares.repeat(10, axis=0).repeat(10, axis=1))


def encoded(image, kind="PNG", **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def pixels(content, size=30, fit="stretch"):
    return np.asarray(decode_image(content, size, fit)).astype(int)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_has_the_pixels_that_pillow_sees(progressive):
    content = encoded(picture(60, 60), "JPEG", quality=80, progressive=progressive)
    expected = np.asarray(Image.open(io.BytesIO(content))).astype(int)
    np.testing.assert_array_equal(pixels(content, 60), expected)


def test_a_graph_gives_the_same_pixels_as_python():
    contents = [
        encoded(picture(), "JPEG"),
        encoded(picture(40, 70)),
        encoded(picture(100, 50).convert("L"), "JPEG"),
    ]
    graph = tf.function(
        lambda many: decode_images(many, 32),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    found = graph(tf.constant(contents)).numpy()
    for one, content in zip(found, contents, strict=True):
        np.testing.assert_array_equal(one, pixels(content, 32, "pad"))
    assert graph(tf.constant([], tf.string)).shape == (0, 32, 32, 3)


def test_a_saved_graph_has_ops_of_tensorflow_alone(tmp_path):
    module = tf.Module()
    module.decode = tf.function(
        lambda many: decode_images(many, 16),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )
    tf.saved_model.save(module, str(tmp_path))
    content = encoded(picture(), "JPEG")
    loaded = tf.saved_model.load(str(tmp_path)).decode(tf.constant([content]))
    np.testing.assert_array_equal(loaded.numpy()[0], pixels(content, 16, "pad"))
    graph = module.decode.get_concrete_function().graph.as_graph_def()
    ops = {node.op for node in graph.node}
    ops |= {node.op for f in graph.library.function for node in f.node_def}
    assert not {op for op in ops if "PyFunc" in op or "Xla" in op}


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "2 bits", "I;16"])
def test_every_kind_of_png_is_read(mode):
    image = picture()
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype("uint16") * 257)
    elif mode == "2 bits":
        image = image.quantize(4)
    else:
        image = image.convert(mode)
    expected = image
    if mode == "I;16":
        expected = Image.fromarray((np.asarray(image) // 257).astype("uint8"))
    expected = np.asarray(expected.convert("RGB").crop((0, 0, 60, 60))).astype(int)
    found = pixels(encoded(image.crop((0, 0, 60, 60))), 60)
    assert np.abs(found - expected).max() <= 1


def test_cmyk_and_grey_jpegs_are_read():
    for mode in ("CMYK", "L"):
        found = pixels(encoded(picture().convert(mode), "JPEG"))
        assert found.shape == (30, 30, 3) and 60 < found.mean() < 200


def test_what_is_transparent_is_white():
    clear = Image.new("RGBA", (20, 20), (200, 0, 0, 0))
    assert (pixels(encoded(clear)) == 255).all()
    half = Image.new("RGBA", (20, 20), (0, 0, 0, 128))
    assert (pixels(encoded(half)) == 127).all()


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpegs_are_turned_as_their_cameras_say(orientation, endian):
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F] = "a camera"
    exif[0x0112] = orientation
    content = encoded(picture(), "JPEG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(pixels(content), pixels(encoded(upright)))
    assert picture_size(content) == upright.size


def test_a_header_that_lies_does_no_harm():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = encoded(picture(), "JPEG", exif=exif)
    place = content.index(b"Exif\0\0") + 6
    for offset in (0, 7, 0xFFFF, 0xFFFFFFFF):
        lying = content[: place + 4] + struct.pack(">I", offset) + content[place + 8 :]
        assert pixels(lying).shape == (30, 30, 3)


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "TIFF"])
def test_other_formats_become_png(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    content = read_image(encoded(picture(60, 60), kind, **options))
    assert content[1:4] == b"PNG"
    near = 0 if kind != "GIF" else 255
    expected = np.asarray(picture(60, 60)).astype(int)
    assert np.abs(pixels(content, 60) - expected).max() <= near


def test_images_and_arrays_are_pictures_too(tmp_path):
    image = picture(60, 60)
    image.save(tmp_path / "one.png")
    array = np.asarray(image)
    sources = [tmp_path / "one.png", str(tmp_path / "one.png"), image, array]
    found = load_pixels([*sources, encoded(image)], 60)
    assert found.shape == (5, 60, 60, 3) and found.dtype == np.uint8
    assert (found == array).all()
    small = load_pixels(sources, 20)
    assert (small == small[:1]).all()
    grey = load_pixels([np.asarray(image.convert("L"))], 60)
    assert (grey[..., :1] == grey).all()


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (90, 30), (7, 90)])
@pytest.mark.parametrize("fit", ["pad", "crop", "stretch"])
def test_placement_says_where_the_picture_is(size, fit):
    """A white box on black is found where its box was mapped to."""
    width, height = size
    array = np.zeros((height, width, 3), "uint8")
    x0, x1 = width // 3, width - width // 3
    y0, y1 = height // 3, height - height // 3
    array[y0:y1, x0:x1] = 255
    found = pixels(encoded(Image.fromarray(array)), 90, fit)
    where = placement(width, height, 90, fit)
    box = where.to_square([x0, y0, x1, y1])
    bright = np.argwhere((found > 127).all(axis=-1))
    (top, left), (bottom, right) = bright.min(axis=0), bright.max(axis=0) + 1
    seen = np.clip(box, 0, 90)
    np.testing.assert_allclose([left, top, right, bottom], seen, atol=1.5)
    np.testing.assert_allclose(where.to_picture(box), [x0, y0, x1, y1])


def test_padding_is_grey_and_nothing_else_is_lost():
    found = pixels(encoded(Image.new("RGB", (90, 30), "white")), 90, "pad")
    assert (found[:30] == 127).all() and (found[60:] == 127).all()
    assert (found[30:60] == 255).all()


def test_fine_stripes_do_not_alias():
    stripes = np.zeros((256, 256, 3), "uint8")
    stripes[:, ::2] = 255
    found = pixels(encoded(Image.fromarray(stripes)), 30)
    assert np.abs(found[1:-1, 1:-1] - 127.5).max() < 40


def bomb():
    """A PNG of a few bytes that promises ten billion pixels."""

    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


def large_jpeg():
    """A JPEG whose header has been made to promise 60,000 × 60,000."""
    content = encoded(picture(), "JPEG")
    place = content.index(b"\xff\xc0") + 5
    return content[:place] + struct.pack(">HH", 60_000, 60_000) + content[place + 4 :]


BAD = {
    "text": (b"hello", images.NOT_AN_IMAGE, "begin with b'hello'"),
    "nothing": (b"", images.EMPTY, "is empty"),
    "half a jpeg": (
        encoded(picture(300, 300), "JPEG")[:-800],
        images.TRUNCATED,
        "truncated",
    ),
    "half a png": (encoded(picture())[:200], images.TRUNCATED, "truncated"),
    "a bomb": (bomb(), images.TOO_LARGE, "too large|50,000,000"),
    "a large jpeg": (large_jpeg(), images.TOO_LARGE, "too large|50,000,000"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_pictures_are_refused_with_their_reason(name):
    content, reason, message = BAD[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Pillow's own must not leak.
        for function in (read_image, check_image):
            with pytest.raises(BadImage, match=message) as caught:
                function(content)
            assert caught.value.reason == reason


@pytest.mark.parametrize("name", BAD)
def test_a_graph_refuses_bad_pictures(name):
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        decode_image(BAD[name][0], 32)
    if BAD[name][1] == images.TOO_LARGE:
        assert f"{MAX_PIXELS:,} pixels at most" in str(caught.value)


def test_a_missing_picture_is_named(tmp_path):
    with pytest.raises(BadImage, match="no picture .*gone.jpg") as caught:
        read_image(tmp_path / "gone.jpg")
    assert caught.value.reason == images.MISSING
    with pytest.raises(BadImage, match="cannot be read"):
        read_image(tmp_path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "received a int"),
        (np.zeros((4, 4, 3)), r"received float64 \(4, 4, 3\)"),
        (np.zeros((4, 4, 5), "uint8"), r"received uint8 \(4, 4, 5\)"),
        (np.zeros((0, 4, 3), "uint8"), "received uint8"),
    ],
)
def test_what_is_no_picture_is_refused(source, message):
    with pytest.raises(BadImage, match=message):
        read_image(source)


def test_an_unknown_fit_is_refused():
    with pytest.raises(ValueError, match='fit must be "pad", "crop" or "stretch"'):
        decode_image(encoded(picture()), 32, "squash")
    with pytest.raises(ValueError, match='fit must be "pad", "crop" or "stretch"'):
        placement(10, 10, 32, "squash")


def test_images_are_found_in_folders_and_by_patterns(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("b.jpg", "a.PNG", "notes.txt", "deep/c.webp"):
        (tmp_path / name).write_bytes(b"x")
    found = find_images([tmp_path])
    assert [path.name for path in found] == ["a.PNG", "b.jpg", "c.webp"]
    assert find_images([tmp_path / "notes.txt"]) == [tmp_path / "notes.txt"]
    assert find_images([f"{tmp_path}/*.jpg"]) == [tmp_path / "b.jpg"]
    with pytest.raises(ValueError, match="there is no file .*d.jpg"):
        find_images([tmp_path / "d.jpg"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no file in .*empty ends in .jpg"):
        find_images([tmp_path / "empty"])
