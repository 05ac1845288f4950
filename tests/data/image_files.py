"""Small images as files, good and bad, for tests."""

import io
import re
import struct
import zlib

import numpy as np
from PIL import Image

from keras_attention.data.images import sources
from keras_attention.data.images.sources import decode_image

# The rows and columns of each pass of an interlaced PNG: from where, and how far apart.
PASSES = (
    (0, 8, 0, 8),
    (0, 8, 4, 8),
    (4, 8, 0, 4),
    (0, 4, 2, 4),
    (2, 4, 0, 2),
    (0, 2, 1, 2),
    (1, 2, 0, 1),
)


def sample_image(width=90, height=60):
    """Coloured squares: edges that interpolation would blur."""
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 256, (height // 10, width // 10, 3), "uint8")
    return Image.fromarray(squares.repeat(10, axis=0).repeat(10, axis=1))


def encoded(image, kind="PNG", **options):
    """A file of an image; an MPO has a second one behind it."""
    content = io.BytesIO()
    if kind == "MPO":
        options |= {"save_all": True, "append_images": [image.rotate(90)]}
    image.save(content, kind, **options)
    return content.getvalue()


def opened(content):
    return Image.open(io.BytesIO(content))


def pixels(content, size=30, fit="stretch"):
    return np.asarray(decode_image(content, size, fit)).astype(int)


def turned(orientation, kind="JPEG", endian="<", **options):
    """An image that says how its camera was held."""
    exif = Image.Exif()
    exif.endian = endian
    exif[0x010F] = "a camera"
    exif[0x0112] = orientation
    return encoded(sample_image(), kind, exif=exif, **options)


def chunk(kind, data):
    check = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + check


def png(width, height, rows, bits=8, colours=2, interlaced=0, chunks=b""):
    """A PNG made by hand; rows are bytes."""
    header = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, interlaced)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunks
        + chunk(b"IDAT", data)
        + chunk(b"IEND", b"")
    )


def interlaced_png(array):
    height, width, _ = array.shape
    rows = [
        row.tobytes()
        for top, down, left, right in PASSES
        for row in array[top::down, left::right]
    ]
    return png(width, height, rows, interlaced=1)


def sized(content, width, height):
    """A JPEG whose header has been made to promise other sides."""
    place = re.search(b"\xff[\xc0\xc2]", content).end() + 3
    return content[:place] + struct.pack(">HH", height, width) + content[place + 4 :]


def with_scans(content, count):
    """A JPEG whose last scan comes so many times more."""
    last = content.rindex(b"\xff\xda")
    return content[:-2] + content[last:-2] * count + content[-2:]


def with_texts(content, count, name=b"zTXt"):
    """A PNG with texts that unpack to some 8 million bytes each."""
    text = b"\0\1\0\0\0" if name == b"iTXt" else b"\0\0"
    text = chunk(name, b"a" + text + zlib.compress(bytes(7_900_000), 9))
    return content[:33] + count * text + content[33:]


def plain(width, height, **options):
    return encoded(Image.new("RGB", (width, height), (200, 9, 9)), "JPEG", **options)


# Name: content, reason, what Python says, what a graph says.
BAD = {
    "a jpeg of many scans": (
        with_scans(plain(1500, 1000, progressive=True), 660),
        sources.TOO_MUCH_WORK,
        "would take 1,005,000,000 steps to decode",
        "may take 1,000,000,000 steps to decode",
    ),
    "a jpeg of many segments": (
        encoded(sample_image(), "JPEG").replace(
            b"\xff\xc0", 1100 * b"\xff\xfe\0\3x" + b"\xff\xc0", 1
        ),
        sources.TOO_MUCH_WORK,
        "would take 1,000,000,001 steps to decode",
        "may take 1,000,000,000 steps to decode",
    ),
    "a png of many texts": (
        with_texts(encoded(sample_image()), 130),
        sources.TOO_MUCH_WORK,
        "1,000,000,000 at most",
        "may take 1,000,000,000 steps to decode",
    ),
    **{
        f"a {kind} jpeg that promises too much": (
            sized(
                encoded(sample_image(300, 300), "JPEG", progressive=more), 7000, 7000
            ),
            sources.TRUNCATED,
            r"the 7000 × 7000 pixels .* are too few",
            "or fewer bytes than its pixels take",
        )
        for kind, more in (("sequential", False), ("progressive", True))
    },
    "an arithmetic jpeg": (
        encoded(sample_image(), "JPEG").replace(b"\xff\xc0", b"\xff\xc9", 1),
        sources.NOT_AN_IMAGE,
        "of a rare kind, arithmetic",
        "must be baseline or progressive",
    ),
    "text": (b"hello", sources.NOT_AN_IMAGE, "begin with b'hello'", "JPEG or PNG"),
    "nothing": (b"", sources.EMPTY, "is empty", "JPEG or PNG"),
    "the beginning of a jpeg": (
        encoded(sample_image(), "JPEG")[:3],
        sources.NOT_AN_IMAGE,
        "is not an image",
        "Invalid JPEG",
    ),
    "the beginning of a png": (
        encoded(sample_image())[:12],
        sources.NOT_AN_IMAGE,
        "is not an image",
        "Invalid PNG",
    ),
    **{
        f"a jpeg without its last {count} bytes": (
            encoded(sample_image(300, 300), "JPEG")[:-count],
            sources.TRUNCATED,
            "is truncated or damaged",
            "must be whole; received one that has no end",
        )
        for count in (1, 2, 800)
    },
    "a png without its end": (
        encoded(sample_image())[:200],
        sources.TRUNCATED,
        "is truncated or damaged",
        "Invalid PNG",
    ),
    "an enormous jpeg": (
        sized(encoded(sample_image(), "JPEG"), 60_000, 60_000),
        sources.TOO_LARGE,
        "50,000,000 at most",
        "50,000,000 pixels at most",
    ),
    **{
        f"a png of {side}": (  # a little too large, such that Pillow warns, a bomb
            png(side, side, [bytes(1000)]),
            sources.TOO_LARGE,
            "50,000,000 at most",
            "50,000,000 pixels at most",
        )
        for side in (8_000, 10_000, 100_000, 0xFFFFFFFF)
    },
}
