"""Files of images: found, opened with Pillow, judged, and made PNGs of."""

import glob
import io
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from keras_attention.data.images.decoding_work import MAX_WORK, decoding_work
from keras_attention.data.images.exif import tiff_orientation
from keras_attention.data.images.graph import MAX_PIXELS
from keras_attention.data.images.tiff import tiff_work

MISSING = "missing image"
EMPTY = "empty image file"
NOT_AN_IMAGE = "not an image"
TRUNCATED = "truncated or damaged image"
TOO_LARGE = "image with too many pixels"
TOO_MUCH_WORK = "image that takes too much work to decode"

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
# Pillow knows more, of which some start other programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
DECODED_AS_THEY_ARE = ("JPEG", "MPO", "PNG")  # MPO: a JPEG, with others behind it.

# What undoes the turns that EXIF counts.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_warnings_lock = threading.RLock()


class BadImage(ValueError):
    """An image that cannot be used.

    Attributes:
        reason: str, one of the constants of this module, for counting.
    """

    def __init__(self, reason, message):
        super().__init__(message)
        self.reason = reason

    def __reduce__(self):
        return type(self), (self.reason, str(self))


def find_images(paths):
    """Files among paths, folders and patterns, in order.

    Args:
        paths: list of str or Path. A folder stands for all images in it, at any
            depth, by their endings; hidden ones are left out.

    Returns:
        list of Path.

    Raises:
        ValueError: a path that leads to nothing.
    """
    found = []
    for path in map(str, paths):
        try:
            some, what = _files_at(path)
        except OSError as error:
            raise ValueError(f"{path:.200} cannot be read: {error.strerror}") from None
        if not some:
            raise ValueError(f"{what}; expected images, folders of them or patterns")
        found += some
    return found


def read_file(path):
    """The content of a file, or the `BadImage` that there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        problem = f"there is no image {path} (from {Path.cwd()})"
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror}"
    except ValueError as error:  # A name with a zero byte in it.
        problem = f"{str(path)!r} cannot be read: {error}"
    raise BadImage(MISSING, problem)


def opened(content, name):
    """Pillow's image, of which only the header was read."""
    if not content:
        raise BadImage(EMPTY, f"{name} is empty: replace it, or leave it out")
    try:
        with _quietly():
            image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except Exception:  # Pillow's readers do not agree on what a damaged header raises.
        _check_amount(decoding_work(content).amount, name)
        raise BadImage(
            NOT_AN_IMAGE,
            f"{name} is not an image that can be read; expected JPEG, PNG, WebP, GIF, "
            f"BMP or TIFF, received bytes that begin with {content[:8]!r}",
        ) from None
    check_size(image, name)
    _check_work(image, content, name)
    return image


def loaded(content, name):
    """Pillow's image, with its pixels."""
    image = opened(content, name)
    load(image, name)
    return image


def load(image, name):
    """Decodes the pixels of Pillow's image, if that has not been done."""
    try:
        # The others warn, and are rare; these decode on many threads at once.
        if image.format in DECODED_AS_THEY_ARE:
            image.load()
        else:
            with _quietly():
                image.load()
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except Exception as error:  # See `opened`.
        raise _damaged(name, error) from None


def as_png(image, name):
    """A PNG of Pillow's image as people see it."""
    check_size(image, name)
    if getattr(image, "tile", None) and getattr(image, "fp", None) is not None:
        # Somebody opened it, and has not read it yet.
        place = image.fp.tell()
        image.fp.seek(0)
        _check_work(image, image.fp.read(), name)
        image.fp.seek(place)
    load(image, name)
    mode = image.mode
    if mode.startswith("I;16"):  # Pillow would cut off what is above 255.
        image = Image.fromarray((np.asarray(image) >> 8).astype("uint8"))
    elif mode in ("I", "F"):
        raise BadImage(
            NOT_AN_IMAGE,
            f"{name} has samples of 32 bits (mode {mode}), of which nobody knows what "
            "is black and white; expected 8 or 16 bits: bring them to 0..255",
        )
    exif = image.info.get("exif") or b""
    turn = TURNS.get(tiff_orientation(exif.removeprefix(b"Exif\0\0")))
    content = io.BytesIO()
    try:
        image = image.convert("LA") if mode == "La" else image
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        image = image if turn is None else image.transpose(turn)
        image.save(content, "PNG", compress_level=1, exif=None, icc_profile=None)
    except (ValueError, OSError) as error:
        raise BadImage(
            NOT_AN_IMAGE,
            f"{name} has colours of an unknown kind, mode {mode} ({error}); expected "
            "what converts to RGB",
        ) from None
    return content.getvalue()


def check_size(image, name):
    width, height = image.size
    if not width * height:
        raise BadImage(
            EMPTY, f"{name} has {width} × {height} pixels: leave it out, or replace it"
        )
    if width * height > MAX_PIXELS:
        raise _too_large(name, f"has {width} × {height} pixels")


def _check_work(image, content, name):
    """Refuses what the graph refuses before it decodes, and the like of TIFFs."""
    work = decoding_work(content)
    if image.format == "TIFF":
        try:
            work = work._replace(amount=tiff_work(image, content))
        except (TypeError, ValueError) as error:
            raise _damaged(name, error) from None
    if not work.is_known:
        raise BadImage(
            NOT_AN_IMAGE,
            f"{name} is a JPEG of a rare kind, arithmetic or lossless, which browsers "
            "do not read either; expected baseline or progressive: save it anew",
        )
    _check_amount(work.amount, name)
    if not work.is_complete:
        width, height = image.size
        raise _damaged(
            name,
            f"it has no end, or for the {width} × {height} pixels that its header "
            f"promises {len(content):,} bytes are too few",
        )


def _check_amount(amount, name):
    if amount > MAX_WORK:
        raise BadImage(
            TOO_MUCH_WORK,
            f"{name} would take {amount:,} steps to decode, pixels times scans and "
            f"texts in it counted; an image may take {MAX_WORK:,} at most: save it "
            "anew, or leave it out",
        )


def _damaged(name, why):
    return BadImage(
        TRUNCATED,
        f"{name} is truncated or damaged ({why}): replace it, or leave it out",
    )


def _too_large(name, what="has too many pixels"):
    return BadImage(
        TOO_LARGE,
        f"{name} {what}; an image may have {MAX_PIXELS:,} at most: make it smaller",
    )


@contextmanager
def _quietly():
    """Silences Pillow, whose warnings are errors here or nothing at all.

    What warns, and how, belongs to the whole process: threads that changed it at the
    same time would leave it changed.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _files_at(path):
    """The files that `path` stands for, and what to say if there are none."""
    if Path(path).is_dir():
        some = [
            file
            for file in Path(path).rglob("*")
            if file.suffix.lower() in SUFFIXES and _is_shown(file.relative_to(path))
        ]
        what = f"no file in {path} ends in {', '.join(SUFFIXES)}"
    elif Path(path).exists():
        return [Path(path)], None
    else:
        some = [Path(name) for name in glob.glob(path, recursive=True)]  # noqa: PTH207
        what = f"there is no file {path} (from {Path.cwd()})"
    return sorted(file for file in some if file.is_file()), what


def _is_shown(path):
    return not any(part.startswith(".") for part in path.parts)
