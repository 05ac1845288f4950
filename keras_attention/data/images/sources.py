"""Images from wherever they come: files, bytes, Pillow's images, arrays."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from keras_attention.data.images.decoding_work import decoding_work
from keras_attention.data.images.exif import JPEG, PNG, orientation
from keras_attention.data.images.files import (
    DECODED_AS_THEY_ARE,
    EMPTY,
    MISSING,
    NOT_AN_IMAGE,
    SUFFIXES,
    TOO_LARGE,
    TOO_MUCH_WORK,
    TRUNCATED,
    BadImage,
    as_png,
    find_images,
    loaded,
    opened,
    read_file,
)
from keras_attention.data.images.graph import (
    MAX_PIXELS,
    decode_image,
    decode_image_and_window,
)
from keras_attention.data.images.placement import (
    Placement,
    placement,
    whole_windows,
    window,
)
from keras_attention.graph_errors import plain_message

__all__ = [
    "EMPTY",
    "MAX_PIXELS",
    "MISSING",
    "NOT_AN_IMAGE",
    "SUFFIXES",
    "TOO_LARGE",
    "TOO_MUCH_WORK",
    "TRUNCATED",
    "BadImage",
    "Placement",
    "check_image",
    "decode_image",
    "decode_source",
    "find_images",
    "load_images",
    "load_pixels",
    "oriented_size",
    "placement",
    "read_image",
    "window",
]


def read_image(source):
    """The content of a JPEG or PNG file, whatever the image was before.

    Args:
        source: path, bytes of a file, `PIL.Image.Image`, or a uint8 array `(H, W)`,
            `(H, W, 1)`, `(H, W, 3)` or `(H, W, 4)`.

    Returns:
        bytes for `decode_image`. JPEG and PNG files as they are; others, of which the
        first frame counts, as PNG.

    Raises:
        BadImage: there is no image, or it is damaged or enormous.
    """
    content, name = _content_of(source)
    image = loaded(content, name)
    return content if image.format in DECODED_AS_THEY_ARE else as_png(image, name)


def check_image(content, name="the image"):
    """Decodes an image with Pillow, to find out what is wrong with it.

    Args:
        content: bytes of a file.
        name: str, for the error.

    Returns:
        str. Pillow's name of the format, as "JPEG".

    Raises:
        BadImage: see `read_image`.
    """
    return loaded(content, name).format


def load_pixels(sources, size, fit="pad"):
    """Squares of pixels, as models take them.

    Args:
        sources: list of what `read_image` takes. Arrays that are squares of this size
            already stay as they are.
        size: int, S.
        fit: see `decode_image`.

    Returns:
        uint8 `(n, S, S, 3)`.

    Raises:
        BadImage: names the first image that cannot be used.
    """
    return load_images(sources, size, fit)[0]


def load_images(sources, size, fit="pad"):
    """`load_pixels`, and where in the squares the images are.

    Returns:
        `(pixels, windows)`: uint8 `(n, S, S, 3)`, and int32 `(n, 4)`, for each the
        edges `(x0, y0, x1, y1)` of the image in its square, see `window`.
    """
    pixels = np.empty((len(sources), size, size, 3), "uint8")
    windows = whole_windows(len(sources), size)
    for i, source in enumerate(sources):
        is_array = isinstance(source, np.ndarray)
        if is_array and source.shape == (size, size, 3) and source.dtype == np.uint8:
            pixels[i] = source
        else:
            _, pixels[i], windows[i] = decode_source(source, size, fit)
    return pixels, windows


def decode_source(source, size, fit="pad"):
    """Decodes one image, once; what the graph refuses, Pillow explains.

    Args:
        source: what `read_image` takes.
        size: int, S.
        fit: see `decode_image`.

    Returns:
        `(image_bytes, pixels, window)`: the content of a JPEG or PNG file, as of
        `read_image`; uint8 `(S, S, 3)`; int32 `(4,)`, as of `load_images`.

    Raises:
        BadImage: see `read_image`.
    """
    import tensorflow as tf

    content, name = _content_of(source)
    if not content.startswith((JPEG, PNG)):
        content = as_png(loaded(content, name), name)
    if not decoding_work(content).is_allowed:
        check_image(content, name)  # Which knows why.
    try:
        pixels, window = decode_image_and_window(content, size, fit, judged=True)
    except tf.errors.InvalidArgumentError as error:
        check_image(content, name)
        why = plain_message(error.message)
        raise BadImage(
            TRUNCATED,
            f"{name} is damaged, or of a rare kind ({why:.200}): save it anew, or "
            "leave it out",
        ) from None
    return content, np.asarray(pixels), np.asarray(window)


def oriented_size(content, name="the image"):
    """`(width, height)` as people see the image, EXIF's turn applied.

    Args:
        content: bytes, as `read_image` returns them.
        name: str, for the error.

    Raises:
        BadImage: see `read_image`.
    """
    width, height = opened(content, name).size
    return (height, width) if orientation(content) >= 5 else (width, height)


def _content_of(source):
    """What the file holds that a source is, or could be, and its name for errors."""
    if isinstance(source, (str, os.PathLike)):
        return read_file(Path(source)), str(source)
    name = "the image"
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source), name
    if isinstance(source, Image.Image):
        return as_png(source, name), name
    if isinstance(source, np.ndarray):
        return as_png(_image_of(source), name), name
    raise BadImage(
        NOT_AN_IMAGE,
        "an image must be a path, the bytes of a file, a PIL image or a uint8 array; "
        f"received {type(source).__name__}",
    )


def _image_of(array):
    colours = array.shape[2:] in ((), (1,), (3,), (4,))
    if array.dtype != np.uint8 or array.ndim < 2 or not colours or 0 in array.shape:
        raise BadImage(
            NOT_AN_IMAGE,
            "an array must be uint8, (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), from 0 "
            f"to 255; received {array.dtype} {array.shape}",
        )
    return Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array)
