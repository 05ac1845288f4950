"""How much work an image is to decode, known before: in Python and in graphs.

A file of a few kilobytes can take minutes: a progressive JPEG may repeat a scan,
each of which goes over all pixels, and a PNG may hold texts that unpack a thousandfold.
And what a header promises need not come.

    work of a JPEG    pixels × scans
    work of a PNG     pixels × passes (seven if interlaced) + bytes of unpacked texts

Markers are those of the file itself: what looks like one inside of a segment, such as
in a camera's thumbnail, is none, and nothing counts behind the image's end.

ITU-T T.81, annexes B and F; PNG, third edition, sections 8.1 and 11.3.
"""

import re
from typing import Any, NamedTuple

from keras_attention.data.images.exif import JPEG, PNG, bytes_at

# 20 scans of 50 million pixels. Encoders make 10 of them, and 18 of CMYK.
MAX_WORK = 1_000_000_000
MOST_SEGMENTS = 1024  # of at most 64 KiB, save for scans

# Not a stuffed FF, a restart within a scan, or what fills up.
MARKER = re.compile(rb"\xff[^\x00\x01\xff\xd0-\xd7]", re.DOTALL)
SCAN, END = 0xDA, 0xD9
# Frames that Huffman codes. Arithmetic coding may say all of an image in a few bytes,
# and no browser reads it; the rest no decoder here does.
PROGRESSIVE = 0xC2
KINDS = (0, 0xC0, 0xC1, PROGRESSIVE)  # 0: no frame, which the decoder will miss
NO_FRAMES = (0xC4, 0xC8, 0xCC)
# That a block of 8 × 8 samples takes at least: one for its mean, and one for all the
# rest; where that comes later, many blocks may share it.
BITS = (2, 1)
FRAME_BYTES = 20  # length, precision, height, width, count, 3 for each of 4 components
WINDOW = 1 << 15  # that a graph looks through at once

TEXTS = (b"iCCP", b"iTXt", b"zTXt")
MOST_TEXT = 8_000_000  # to which libpng unpacks one
DEFLATE_RATIO = 1032  # at most
PASSES = 7


class Work(NamedTuple):
    """What decoding an image takes: numbers, or tensors of them."""

    amount: Any
    """An image is refused above `MAX_WORK`."""
    is_known: Any
    """Whether it is coded in a way of which this can be said."""
    is_complete: Any
    """Whether it has an end, and as many bytes as its pixels take at least."""

    @property
    def is_allowed(self):
        """Whether the image may be decoded; of numbers."""
        return self.is_known and self.is_complete and self.amount <= MAX_WORK


def decoding_work(content):
    """The `Work` of bytes that are a JPEG or PNG; none of others."""
    if content.startswith(JPEG):
        return _jpeg_work(content)
    if content.startswith(PNG):
        return _png_work(content)
    return Work(0, True, True)


def _jpeg_work(content):
    place, segments, scans, coded, has_end = 2, 0, 0, 0, False
    kind, frame = 0, bytes(FRAME_BYTES)
    while found := MARKER.search(content, place):
        marker, place = found[0][1], found.end()
        segments += 1
        has_end = marker == END or segments > MOST_SEGMENTS
        if has_end:
            break
        head = content[place : place + FRAME_BYTES].ljust(FRAME_BYTES, b"\0")
        if not kind and 0xC0 <= marker <= 0xCF and marker not in NO_FRAMES:
            kind, frame = marker, head
        place += max(256 * head[0] + head[1], 2)
        if marker == SCAN:
            scans += 1
            following = MARKER.search(content, place)
            end = following.start() if following else max(place, len(content))
            coded, place = coded + end - place, end
    across, down = [1], [1]
    for i in range(min(frame[7], 4)):
        across.append(frame[9 + 3 * i] // 16)
        down.append(frame[9 + 3 * i] % 16)
    samples = sum(a * b for a, b in zip(across[1:], down[1:], strict=True))
    pixels = (256 * frame[3] + frame[4]) * (256 * frame[5] + frame[6])
    blocks = pixels * samples / (64 * max(across) * max(down))
    return Work(
        scans * pixels if segments <= MOST_SEGMENTS else MAX_WORK + 1,
        kind in KINDS,
        has_end and 8 * coded >= BITS[kind == PROGRESSIVE] * blocks,
    )


def _png_work(content):
    width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
    passes = PASSES if content[28:29] == b"\1" else 1
    texts = 0
    for found in re.finditer(b"|".join(TEXTS), content):
        size = int.from_bytes(content[max(found.start() - 4, 0) : found.start()], "big")
        texts += min(DEFLATE_RATIO * size, MOST_TEXT)
    return Work(passes * width * height + texts, True, True)


def graph_jpeg_work(image_bytes):
    """`decoding_work` of a scalar string tensor that is a JPEG."""
    import tensorflow as tf

    length = tf.cast(tf.strings.length(image_bytes), tf.int64)
    zero = tf.constant(0, tf.int64)

    def step(place, segments, scans, coded, kind, frame, in_scan, _):
        window = _window(image_bytes, place)
        starts = tf.where(tf.equal(window[:-1], 0xFF))[:, 0]
        codes = tf.gather(window, starts + 1)
        restarts = (codes >= 0xD0) & (codes <= 0xD7)
        is_marker = (codes > 1) & (codes < 0xFF) & ~restarts
        starts = tf.boolean_mask(starts, is_marker)
        found = tf.size(starts) > 0
        start = tf.concat([starts, [WINDOW - 1]], axis=0)[0]
        code = window[tf.minimum(start + 1, WINDOW - 1)]
        marker = tf.where(found, tf.cast(code, tf.int64), 0)
        coded += tf.where(in_scan, tf.minimum(start, length - place), 0)
        head = bytes_at(image_bytes, place + start + 2, FRAME_BYTES)
        size = tf.maximum(256 * head[0] + head[1], 2)
        is_frame = (marker >= 0xC0) & (marker <= 0xCF)
        for other in NO_FRAMES:
            is_frame &= marker != other
        is_frame &= tf.equal(kind, 0)
        is_scan = tf.equal(marker, SCAN)
        return (
            place + start + tf.where(found, 2 + size, 0),
            segments + tf.cast(found, tf.int64),
            scans + tf.cast(is_scan, tf.int64),
            coded,
            tf.where(is_frame, marker, kind),
            tf.where(is_frame, head, frame),
            tf.where(found, is_scan, in_scan),
            tf.equal(marker, END) | (segments >= MOST_SEGMENTS),
        )

    start = (
        tf.constant(2, tf.int64),
        *(zero, zero, zero, zero, tf.zeros(FRAME_BYTES, tf.int64)),
        *(tf.constant(False), tf.constant(False)),
    )
    _, segments, scans, coded, kind, frame, _, has_end = tf.while_loop(
        lambda place, *state: ~state[-1] & (place < length), step, start
    )
    sampling = tf.reshape(frame[8:], (4, 3))[:, 1]
    there = tf.range(4, dtype=tf.int64) < frame[7]
    across, down = (tf.where(there, x, 0) for x in (sampling // 16, sampling % 16))
    pixels = (256 * frame[3] + frame[4]) * (256 * frame[5] + frame[6])
    most = tf.reduce_max(tf.maximum(across, 1)) * tf.reduce_max(tf.maximum(down, 1))
    blocks = pixels * tf.reduce_sum(across * down) / (64 * most)
    bits = tf.where(tf.equal(kind, PROGRESSIVE), *map(float, BITS[::-1]))
    return Work(
        tf.where(segments <= MOST_SEGMENTS, scans * pixels, MAX_WORK + 1),
        tf.reduce_any(tf.equal(kind, KINDS)),
        has_end
        & (8 * tf.cast(coded, tf.float64) >= tf.cast(bits, tf.float64) * blocks),
    )


def graph_png_work(image_bytes):
    """`decoding_work` of a scalar string tensor that is a PNG."""
    import tensorflow as tf

    length = tf.cast(tf.strings.length(image_bytes), tf.int64)

    def step(place, texts):
        # Four bytes of a size, and four of a name.
        window = _window(image_bytes, place)
        count = WINDOW - 7
        is_text = tf.zeros(count, tf.bool)
        for name in TEXTS:
            same = [tf.equal(window[4 + i :][:count], name[i]) for i in range(4)]
            is_text |= same[0] & same[1] & same[2] & same[3]
        starts = tf.where(is_text)  # (n, 1)
        sizes = tf.gather(window, starts + tf.range(4, dtype=tf.int64))
        sizes = tf.cast(sizes, tf.int64) * [1 << 24, 1 << 16, 1 << 8, 1]
        sizes = DEFLATE_RATIO * tf.reduce_sum(sizes, axis=1)
        return place + count, texts + tf.reduce_sum(tf.minimum(sizes, MOST_TEXT))

    zero = tf.constant(0, tf.int64)
    _, texts = tf.while_loop(lambda place, _: place < length, step, (zero, zero))
    header = bytes_at(image_bytes, 16, 13)
    sides = tf.reshape(header[:8], (2, 4)) * [1 << 24, 1 << 16, 1 << 8, 1]
    passes = tf.where(tf.equal(header[12], 1), tf.constant(PASSES, tf.int64), 1)
    pixels = tf.reduce_prod(tf.reduce_sum(sides, axis=1))
    true = tf.constant(True)
    return Work(passes * pixels + texts, true, true)


def _window(image_bytes, place):
    """uint8 `(WINDOW,)`, zeros behind the end."""
    import tensorflow as tf

    part = tf.strings.substr(image_bytes, place, tf.constant(WINDOW, tf.int64))
    return tf.io.decode_raw(part, tf.uint8, fixed_length=WINDOW)
