"""The client makes PNGs of images that models do not take, before it sends them."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_attention.data.images.sources import load_pixels
from keras_attention.serving.client.images import encode_images
from tests.captioners import encoded_image


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "BMP", "TIFF"])
def test_other_formats_become_pngs_of_the_same_pixels(tmp_path, kind):
    content = encoded_image(kind, 40, 30)
    path = tmp_path / "image"
    path.write_bytes(content)
    for source in (content, path, str(path), bytearray(content), memoryview(content)):
        (sent,) = encode_images(source)
        assert sent.startswith(b"\x89PNG\r\n\x1a\n")
        np.testing.assert_array_equal(load_pixels([sent], 16), load_pixels([path], 16))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_jpeg_and_png_are_sent_as_they_are(tmp_path, kind):
    content = encoded_image(kind, 40, 30)
    (tmp_path / "image").write_bytes(content)
    damaged = content[:20]  # Which the server judges.
    sent = encode_images([content, tmp_path / "image", damaged])
    assert sent == [content, content, damaged]


def test_images_and_arrays_are_taken_alone_and_in_lists():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, 3), "uint8")
    image = Image.fromarray(pixels)
    for images in (image, pixels, [image], [pixels], (each for each in [image])):
        (sent,) = encode_images(images)
        np.testing.assert_array_equal(Image.open(io.BytesIO(sent)), pixels)


def test_what_is_no_image_is_named_and_not_sent(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("no image")
    with pytest.raises(ValueError, match="notes.txt is not an image .*expected JPEG"):
        encode_images([path])
    with pytest.raises(ValueError, match="the image is empty"):
        encode_images(b"")
    with pytest.raises(FileNotFoundError, match="none.png"):
        encode_images(tmp_path / "none.png")
    with pytest.raises(ValueError, match="received int"):
        encode_images([3])
