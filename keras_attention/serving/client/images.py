"""Images as an exported captioner takes them: the content of a JPEG or PNG file."""

import os
from pathlib import Path

SENT_UNCHANGED = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")  # JPEG, PNG


def encode_images(images):
    """The bytes of each image; WebP, GIF, BMP and TIFF become PNGs.

    Args:
        images: list of paths, of bytes, of Pillow's images or of uint8 arrays; or one
            of them.

    Raises:
        ValueError: what is no image.
        OSError: a file that cannot be read.
    """
    single = (bytes, bytearray, memoryview, str, os.PathLike)
    if isinstance(images, single) or hasattr(images, "__array_interface__"):
        images = [images]
    return [_bytes_of(image) for image in images]


def _bytes_of(image):
    content = image
    if isinstance(image, (str, os.PathLike)):
        content = Path(image).read_bytes()
    if isinstance(content, (bytes, bytearray, memoryview)):
        content = bytes(content)
        if content.startswith(SENT_UNCHANGED):
            return content  # The server judges them, as those of every client.
    # Not before it is needed: it takes Pillow.
    from keras_attention.data.images.sources import read_image

    return read_image(image)  # By its path, an error can name it.
