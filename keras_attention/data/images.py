"""Pictures from wherever they come: files, bytes, Pillow's images, arrays."""

import glob
import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from keras_attention.data.image_graph import MAX_PIXELS, decode_image
from keras_attention.data.placement import Placement, placement

__all__ = [
    "BadImage",
    "Placement",
    "check_image",
    "decode_image",
    "find_images",
    "load_pixels",
    "picture_size",
    "placement",
    "read_image",
]

MISSING = "missing picture"
EMPTY = "empty picture file"
NOT_AN_IMAGE = "not a picture"
TRUNCATED = "truncated or damaged picture"
TOO_LARGE = "picture with too many pixels"

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


class BadImage(ValueError):
    """A picture that cannot be used.

    Attributes:
        reason: str, one of the constants of this module, for counting.
    """

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason


def read_image(source):
    """The content of a JPEG or PNG file, whatever the picture was before.

    Args:
        source: path, bytes of a file, `PIL.Image.Image`, or a uint8 array `(H, W)`,
            `(H, W, 3)` or `(H, W, 4)`.

    Returns:
        bytes for `decode_image`. JPEG and PNG files as they are; others, of which the
        first frame counts, as PNG.

    Raises:
        BadImage: there is no picture, or it is damaged or enormous.
    """
    if isinstance(source, (str, Path)):
        return _checked(_read_file(Path(source)), str(source))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _checked(bytes(source), "the picture")
    if isinstance(source, Image.Image):
        return _as_png(source)
    if isinstance(source, np.ndarray):
        return _as_png(_image_of(source))
    raise BadImage(
        NOT_AN_IMAGE,
        "a picture must be a path, the bytes of a file, a PIL image or a uint8 array; "
        f"received a {type(source).__name__}",
    )


def check_image(content, name="the picture"):
    """Decodes a picture with Pillow, to find out what is wrong with it.

    Args:
        content: bytes of a file.
        name: str, for the error.

    Returns:
        str. Pillow's name of the format, as "JPEG".

    Raises:
        BadImage: see `read_image`.
    """
    with _opened(content, name) as image:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image.load()
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise BadImage(
                TRUNCATED,
                f"{name} is truncated or damaged ({error}): replace it, or leave it "
                "out",
            ) from None
        return image.format


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
        BadImage: names the first picture that cannot be used.
    """
    pixels = np.empty((len(sources), size, size, 3), "uint8")
    for i, source in enumerate(sources):
        is_array = isinstance(source, np.ndarray)
        if is_array and source.shape == (size, size, 3) and source.dtype == np.uint8:
            pixels[i] = source
        else:
            pixels[i] = _decoded(read_image(source), size, fit)
    return pixels


def picture_size(content, name="the picture"):
    """`(width, height)` as people see the picture, EXIF's turn applied.

    Raises:
        BadImage: see `read_image`.
    """
    with _opened(content, name) as image:
        turned = image.format == "JPEG" and image.getexif().get(0x0112, 1) in range(
            5, 9
        )
        return image.size[::-1] if turned else image.size


def find_images(paths):
    """Files among paths, folders and patterns, in order.

    Args:
        paths: list of str or Path. A folder stands for all pictures in it, at any
            depth, by their endings.

    Returns:
        list of Path.

    Raises:
        ValueError: a path that leads to nothing.
    """
    found = []
    for path in map(str, paths):
        if Path(path).is_dir():
            some = sorted(
                file
                for file in Path(path).rglob("*")
                if file.suffix.lower() in SUFFIXES and file.is_file()
            )
            what = f"no file in {path} ends in {', '.join(SUFFIXES)}"
        elif Path(path).exists():
            some, what = [Path(path)], ""
        else:
            some = sorted(map(Path, glob.glob(path, recursive=True)))  # noqa: PTH207
            what = f"there is no file {path} (from {Path.cwd()})"
        if not some:
            raise ValueError(f"{what}; expected pictures, folders of them or patterns")
        found += some
    return found


def _decoded(content, size, fit):
    """`decode_image`, which knows fewer kinds of JPEG and PNG than Pillow."""
    import tensorflow as tf

    try:
        return np.asarray(decode_image(content, size, fit))
    except tf.errors.InvalidArgumentError as error:
        raise BadImage(
            TRUNCATED,
            f"the picture is damaged, or of a rare kind ({error.message:.200}): save "
            "it anew, or leave it out",
        ) from None


def _read_file(path):
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BadImage(
            MISSING, f"there is no picture {path} (from {Path.cwd()})"
        ) from None
    except OSError as error:
        raise BadImage(MISSING, f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # A name with a zero byte in it.
        raise BadImage(MISSING, f"{str(path)!r} cannot be read: {error}") from None


def _checked(content, name):
    kind = check_image(content, name)
    if kind in ("JPEG", "MPO", "PNG"):  # MPO: a JPEG with more pictures behind it.
        return content
    with _opened(content, name) as image:
        return _as_png(image)


def _opened(content, name):
    """Pillow's image, of which only the header was read."""
    if not content:
        raise BadImage(EMPTY, f"{name} is empty: replace it, or leave it out")
    try:
        with warnings.catch_warnings():
            # What it says of large pictures, the limit below says.
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(content))
    except Image.DecompressionBombError as error:
        raise BadImage(TOO_LARGE, f"{name} is too large: {error}") from None
    except (OSError, SyntaxError, ValueError):
        raise BadImage(
            NOT_AN_IMAGE,
            f"{name} is not a picture that can be read; expected JPEG, PNG, WebP, GIF, "
            f"BMP or TIFF, received bytes that begin with {content[:8]!r}",
        ) from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise BadImage(
            TOO_LARGE,
            f"{name} has {width} × {height} pixels; a picture may have "
            f"{MAX_PIXELS:,} at most: make it smaller",
        )
    return image


def _image_of(array):
    shapes = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (3, 4))
    if array.dtype != np.uint8 or not shapes or 0 in array.shape:
        raise BadImage(
            NOT_AN_IMAGE,
            "an array must be uint8, (H, W), (H, W, 3) or (H, W, 4), from 0 to 255; "
            f"received {array.dtype} {array.shape}",
        )
    return Image.fromarray(array)


def _as_png(image):
    """A PNG of the picture as people see it."""
    image = ImageOps.exif_transpose(image)
    alpha = "A" in image.getbands() or "transparency" in image.info
    content = io.BytesIO()
    image.convert("RGBA" if alpha else "RGB").save(content, "PNG", compress_level=1)
    return content.getvalue()
