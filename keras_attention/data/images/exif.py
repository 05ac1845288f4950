"""How a camera was held, by the EXIF data of a JPEG or PNG: in Python and in graphs.

JPEG   FF D8 | FF E1, length, "Exif" 0 0, TIFF | … | FF DA, length, pixels …
PNG    signature | length, "IHDR", … | length, "eXIf", TIFF | length, "IDAT", pixels …

In the first directory of the TIFF, a tag has a number from 1 to 8. Whatever is damaged,
missing, or comes after the pixels, means 1, which is upright, for both readings.

Exchangeable image file format 2.3, sections 4.5 and 4.6; PNG, third edition, 11.3.4.5.
"""

from typing import Any, NamedTuple

JPEG = b"\xff\xd8\xff"
PNG = b"\x89PNG\r\n\x1a\n"
TAG = 0x0112
MOST_PARTS = 512  # that are looked through, and of a directory:
MOST_ENTRIES = 256
ENTRY_BYTES = 12  # tag, type, count, value


class ExifPart(NamedTuple):
    """What the first bytes of one part of a file say: numbers, or tensors of them."""

    size: Any  # in bytes, with what stands before its content
    is_exif: Any
    is_last: Any


def orientation(content):
    """How an image is to be turned.

    Args:
        content: bytes of a JPEG or PNG file.

    Returns:
        int, from 1 (as it is) to 8, as EXIF counts.
    """
    if content.startswith(JPEG):
        return tiff_orientation(_exif(content, 2, 10, _jpeg_part))
    if content.startswith(PNG):
        return tiff_orientation(_exif(content, 8, 8, _png_part))
    return 1


def tiff_orientation(tiff):
    """The same, of EXIF data without the name before them."""
    order: Any = {b"II*\0": "little", b"MM\0*": "big"}.get(tiff[:4])
    if order is None:
        return 1

    def number(place, length):
        return int.from_bytes(tiff[place : place + length].ljust(length, b"\0"), order)

    directory = number(4, 4)
    for i in range(min(number(directory, 2), MOST_ENTRIES)):
        entry = directory + 2 + ENTRY_BYTES * i
        if number(entry, 2) == TAG:
            value = number(entry + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1


def graph_jpeg_orientation(image_bytes):
    """`orientation` of a scalar string tensor, int64, where it is a JPEG."""
    return _graph_tiff_orientation(_graph_exif(image_bytes, 2, 10, _jpeg_part))


def graph_png_orientation(image_bytes):
    """`orientation` of a scalar string tensor, int64, where it is a PNG."""
    return _graph_tiff_orientation(_graph_exif(image_bytes, 8, 8, _png_part))


def bytes_at(text, place, length):
    """int64 `(length,)`, zeros beyond the end of a scalar string tensor."""
    import tensorflow as tf

    place = tf.minimum(tf.cast(place, tf.int64), _length(text))
    part = tf.strings.substr(text, place, tf.constant(length, tf.int64))
    return tf.cast(tf.io.decode_raw(part, tf.uint8, fixed_length=length), tf.int64)


def _jpeg_part(head, equal):
    size = 2 + 256 * head[2] + head[3]
    return ExifPart(
        size,
        is_exif=equal(head[:2], b"\xff\xe1") & equal(head[4:], b"Exif\0\0"),
        is_last=(head[0] != 0xFF) | (head[1] == 0xDA) | (size < 4),
    )


def _png_part(head, equal):
    content = sum(head[i] * 256 ** (3 - i) for i in range(4))
    kind = head[4:]
    return ExifPart(12 + content, equal(kind, b"eXIf"), equal(kind, b"IDAT"))


def _exif(content, place, head_length, part_of):
    """What is in the part that has EXIF data, or nothing."""
    for _ in range(MOST_PARTS):
        head = content[place : place + head_length].ljust(head_length, b"\0")
        part = part_of(head, lambda some, expected: some == expected)
        if part.is_exif:
            return content[place + head_length : place + part.size]
        if part.is_last or place >= len(content):
            break
        place += part.size
    return b""


def _graph_exif(image_bytes, start, head_length, part_of):
    import tensorflow as tf

    def step(place, exif_size, _):
        part = part_of(bytes_at(image_bytes, place, head_length), _equal)
        return (
            tf.where(part.is_exif, place + head_length, place + part.size),
            tf.where(part.is_exif, part.size - head_length, exif_size),
            tf.logical_or(part.is_exif, part.is_last),
        )

    place, exif_size, _ = tf.while_loop(
        lambda place, _, done: ~done & (place < _length(image_bytes)),
        step,
        (tf.constant(start, tf.int64), tf.constant(0, tf.int64), tf.constant(False)),
        maximum_iterations=MOST_PARTS,
    )
    place = tf.minimum(place, _length(image_bytes))
    return tf.strings.substr(image_bytes, place, tf.maximum(exif_size, 0))


def _graph_tiff_orientation(tiff):
    import tensorflow as tf

    head = bytes_at(tiff, 0, 8)
    is_little = _equal(head[:4], b"II*\0")
    is_big = _equal(head[:4], b"MM\0*")

    def number(parts):
        weights = [256**i for i in range(parts.shape[-1])]
        little = tf.constant(weights, tf.int64)
        big = tf.constant(weights[::-1], tf.int64)
        return tf.reduce_sum(parts * tf.where(is_little, little, big), axis=-1)

    def read():
        content = 2 + ENTRY_BYTES * MOST_ENTRIES
        directory = bytes_at(tiff, number(head[4:]), content)
        entries = tf.reshape(directory[2:], (MOST_ENTRIES, ENTRY_BYTES))
        is_tag = tf.equal(number(entries[:, :2]), TAG)
        is_tag &= tf.range(MOST_ENTRIES, dtype=tf.int64) < number(directory[:2])
        values = tf.boolean_mask(number(entries[:, 8:10]), is_tag)
        value = tf.concat([values, [1]], axis=0)[0]
        return tf.where((value >= 1) & (value <= 8), value, 1)

    return tf.cond(is_little | is_big, read, lambda: tf.constant(1, tf.int64))


def _equal(some, expected):
    import tensorflow as tf

    return tf.reduce_all(tf.equal(some, tf.constant(list(expected), tf.int64)))


def _length(text):
    import tensorflow as tf

    return tf.cast(tf.strings.length(text), tf.int64)
