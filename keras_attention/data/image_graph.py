"""Pictures in TensorFlow's graph: bytes of a JPEG or PNG become a square of pixels.

Training data, Python and the exported graph all decode with what stands here, so that
a model sees the same pixels wherever it runs. TensorFlow Serving links all its ops.
"""

import functools

MAX_PIXELS = 50_000_000
GREY = 127  # of what is added to make a square
JPEG = b"\xff\xd8\xff"
PNG = b"\x89PNG\r\n\x1a\n"
# Of a JPEG's beginning, in which cameras say how they were held.
HEADER_BYTES = 1 << 16
ORIENTATION_TAG = 0x0112


def decode_images(image_bytes, size, fit="pad"):
    """Decodes a batch, for graphs.

    Args:
        image_bytes: string tensor `(B,)`, each the content of a JPEG or PNG file.
        size: int, S.
        fit: see `decode_image`.

    Returns:
        uint8 `(B, S, S, 3)`, RGB. `B` may be zero.
    """
    import tensorflow as tf

    return tf.map_fn(
        lambda one: graph_decode(one, size, fit),
        image_bytes,
        fn_output_signature=tf.TensorSpec((size, size, 3), tf.uint8),
    )


def decode_image(image_bytes, size, fit="pad"):
    """Decodes one picture, outside of graphs too, where it is compiled once.

    Args:
        image_bytes: scalar string tensor or bytes, the content of a JPEG or PNG file.
        size: int, S.
        fit: "pad" keeps the whole picture, on grey; "crop" takes the square in its
            middle; "stretch" changes its proportions.

    Returns:
        uint8 tensor `(S, S, 3)`, RGB: turned as its EXIF data say, transparent parts on
        white, resized bilinearly without aliasing.

    Raises:
        tf.errors.InvalidArgumentError: neither JPEG nor PNG, damaged, or of more than
            50 million pixels, which is known before it is decoded.
    """
    import tensorflow as tf

    if tf.inside_function():
        return graph_decode(image_bytes, size, fit)
    return _compiled(size, fit)(tf.convert_to_tensor(image_bytes))


@functools.lru_cache(maxsize=16)
def _compiled(size, fit):
    import tensorflow as tf

    spec = tf.TensorSpec([], tf.string)
    return tf.function(lambda one: graph_decode(one, size, fit), input_signature=[spec])


def graph_decode(image_bytes, size, fit):
    """`decode_image` inside a graph."""
    import tensorflow as tf

    is_jpeg = tf.equal(tf.strings.substr(image_bytes, 0, len(JPEG)), JPEG)
    is_png = tf.equal(tf.strings.substr(image_bytes, 0, len(PNG)), PNG)
    known = tf.debugging.Assert(
        tf.logical_or(is_jpeg, is_png),
        ["image_bytes must be the content of a JPEG or PNG file; received other bytes"],
    )
    with tf.control_dependencies([known]):
        image = tf.cond(
            is_jpeg, lambda: _decode_jpeg(image_bytes), lambda: _decode_png(image_bytes)
        )
    image.set_shape((None, None, 3))
    return _square(image, size, fit)


def _decode_jpeg(image_bytes):
    import tensorflow as tf

    shape = tf.cast(tf.image.extract_jpeg_shape(image_bytes), tf.int64)
    with tf.control_dependencies([_not_too_large(shape[0], shape[1])]):
        image = tf.io.decode_jpeg(
            image_bytes, channels=3, dct_method="INTEGER_ACCURATE"
        )
    orientation = _orientation(image_bytes)
    image = tf.cond(
        orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image
    )
    mirrored = tf.reduce_any(tf.equal(orientation, (2, 3, 6, 7)))
    image = tf.cond(mirrored, lambda: tf.reverse(image, (1,)), lambda: image)
    upside_down = tf.reduce_any(tf.equal(orientation, (3, 4, 7, 8)))
    return tf.cond(upside_down, lambda: tf.reverse(image, (0,)), lambda: image)


def _decode_png(image_bytes):
    import tensorflow as tf

    # Of the header: width and height, 4 bytes each, then the bits of a sample.
    header = tf.io.decode_raw(
        tf.strings.substr(image_bytes, 16, 9), tf.uint8, fixed_length=9
    )
    header = tf.cast(header, tf.int64)
    sizes = tf.reduce_sum(
        tf.reshape(header[:8], (2, 4)) * [1 << 24, 1 << 16, 1 << 8, 1], axis=1
    )
    with tf.control_dependencies([_not_too_large(sizes[1], sizes[0])]):
        image = tf.io.decode_png(image_bytes, channels=4)
    # TensorFlow writes 1 for opaque where a sample has fewer bits than eight.
    image = tf.cast(image, tf.float32)
    opaque = image[..., 3:] / tf.where(header[8] < 8, 1.0, 255.0)
    opaque = tf.minimum(opaque, 1.0)
    image = image[..., :3] * opaque + 255.0 * (1.0 - opaque)
    return tf.cast(tf.round(image), tf.uint8)


def _not_too_large(height, width):
    import tensorflow as tf

    return tf.debugging.Assert(
        height * width <= MAX_PIXELS,
        [
            f"a picture may have {MAX_PIXELS:,} pixels at most; received height and "
            "width",
            height,
            width,
        ],
    )


def _orientation(image_bytes):
    """What EXIF says of how a JPEG is to be turned, int32 1 to 8; 1 if nothing.

    Exchangeable image file format, version 2.3, section 4.5.4: after "Exif\\0\\0" a
    TIFF header, whose first directory has the tag.
    """
    import tensorflow as tf

    start = tf.strings.substr(image_bytes, 0, HEADER_BYTES)
    header = tf.cast(tf.io.decode_raw(start, tf.uint8), tf.int32)
    signature = tf.constant(list(b"Exif\0\0"), tf.int32)
    count = tf.maximum(tf.size(header) - len(b"Exif\0\0"), 0)
    found = tf.fill([count], True)
    for i in range(len(b"Exif\0\0")):
        found = tf.logical_and(found, tf.equal(header[i : i + count], signature[i]))
    places = tf.where(found)[:, 0]

    def read():
        tiff = tf.cast(places[0], tf.int32) + len(b"Exif\0\0")
        # Whatever a damaged header points to, nothing beyond the end is read.
        padded = tf.concat([header, tf.zeros([16], tf.int32)], axis=0)
        last = tf.size(header)

        def byte(place):
            return tf.gather(padded, tf.clip_by_value(place, 0, last))

        little = tf.equal(byte(tiff), ord("I"))

        def number(place, length):
            parts = [byte(place + i) for i in range(length)]
            return tf.where(
                little,
                sum(part * (1 << 8 * i) for i, part in enumerate(parts)),
                sum(part * (1 << 8 * i) for i, part in enumerate(parts[::-1])),
            )

        # Three bytes are enough for places in a header of 64 KB.
        offset = tf.where(little, number(tiff + 4, 3), number(tiff + 5, 3))
        directory = tiff + tf.clip_by_value(offset, 0, HEADER_BYTES)
        entries = directory + 2 + 12 * tf.range(tf.minimum(number(directory, 2), 256))
        is_tag = tf.equal(number(entries, 2), ORIENTATION_TAG)
        values = tf.boolean_mask(number(entries + 8, 2), is_tag)
        value = tf.concat([values, [1]], axis=0)[0]
        return tf.where(tf.logical_and(value >= 1, value <= 8), value, 1)

    return tf.cond(tf.size(places) > 0, read, lambda: tf.constant(1))


def _square(image, size, fit):
    import tensorflow as tf

    shape = tf.shape(image)
    height, width = shape[0], shape[1]
    if fit == "crop":
        side = tf.minimum(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return _resized(image[top : top + side, left : left + side], size, size, size)
    if fit == "stretch":
        return _resized(image, size, size, size)
    if fit != "pad":
        raise ValueError(f'fit must be "pad", "crop" or "stretch"; received {fit!r}')
    longest = tf.maximum(height, width)
    # Rounded half up, in integers, as `Placement` does.
    new_height = tf.maximum((2 * height * size + longest) // (2 * longest), 1)
    new_width = tf.maximum((2 * width * size + longest) // (2 * longest), 1)
    image = _resized(image, new_height, new_width, None)
    top, left = (size - new_height) // 2, (size - new_width) // 2
    image = tf.pad(
        image,
        [
            [top, size - new_height - top],
            [left, size - new_width - left],
            [0, 0],
        ],
        constant_values=GREY,
    )
    image.set_shape((size, size, 3))
    return image


def _resized(image, height, width, size):
    import tensorflow as tf

    image = tf.image.resize(image, (height, width), antialias=True)
    image = tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), tf.uint8)
    if size is not None:
        image.set_shape((size, size, 3))
    return image
