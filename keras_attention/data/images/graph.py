"""Images in TensorFlow's graph: bytes of a JPEG or PNG become a square of pixels.

Training data, Python and the exported graph all decode with what stands here, so that
a model sees the same pixels wherever it runs. TensorFlow Serving links all its ops.
"""

import functools

from keras_attention.data.images.decoding_work import (
    MAX_WORK,
    graph_jpeg_work,
    graph_png_work,
)
from keras_attention.data.images.exif import (
    JPEG,
    PNG,
    bytes_at,
    graph_jpeg_orientation,
    graph_png_orientation,
)
from keras_attention.data.images.fit import check_fit

MAX_PIXELS = 50_000_000
GREY = 127  # of what is added to make a square


def decode_images(image_bytes, size, fit="pad"):
    """Decodes a batch, for graphs.

    Args:
        image_bytes: string tensor `(B,)`, each the content of a JPEG or PNG file.
        size: int, S.
        fit: see `decode_image`.

    Returns:
        `(images, windows)`: uint8 `(B, S, S, 3)`, RGB, and int32 `(B, 4)`, see
        `decode_image_and_window`. `B` may be zero.
    """
    import tensorflow as tf

    return tf.map_fn(
        lambda one: graph_decode(one, size, fit),
        image_bytes,
        fn_output_signature=(
            tf.TensorSpec((size, size, 3), tf.uint8),
            tf.TensorSpec((4,), tf.int32),
        ),
    )


def decode_image(image_bytes, size, fit="pad"):
    """Decodes one image, outside of graphs too, where it is compiled once.

    Args:
        image_bytes: scalar string tensor or bytes, the content of a JPEG or PNG file.
        size: int, S.
        fit: "pad" keeps the whole image, on grey; "crop" takes the square in its
            middle; "stretch" changes its proportions.

    Returns:
        uint8 tensor `(S, S, 3)`, RGB: turned as its EXIF data say, transparent parts on
        white, resized bilinearly without aliasing.

    Raises:
        tf.errors.InvalidArgumentError: neither JPEG nor PNG, or damaged; of more than
            50 million pixels, too much work (see `image_work`), or too few bytes for
            its pixels, all of which is known before it is decoded.
    """
    return decode_image_and_window(image_bytes, size, fit)[0]


def decode_image_and_window(image_bytes, size, fit="pad", judged=False):
    """`decode_image`, and where in the square the image is.

    Args:
        judged: bool. Whether `decoding_work` was checked before, which takes Python
            less time than a graph.
        others: of `decode_image`.

    Returns:
        `(pixels, window)`: uint8 `(S, S, 3)`, and int32 `(4,)`, the edges
        `(x0, y0, x1, y1)` of the image in it, as `placement.window` gives them.
    """
    import tensorflow as tf

    if tf.inside_function():
        return graph_decode(image_bytes, size, fit, judged)
    return _compiled(size, fit, judged)(tf.convert_to_tensor(image_bytes))


@functools.lru_cache(maxsize=16)
def _compiled(size, fit, judged):
    import tensorflow as tf

    spec = tf.TensorSpec([], tf.string)
    return tf.function(
        lambda one: graph_decode(one, size, fit, judged),
        input_signature=[spec],
        autograph=False,
    )


def graph_decode(image_bytes, size, fit, judged=False):
    """`decode_image_and_window` inside a graph."""
    import tensorflow as tf

    # What a GPU could do of it, it would do with other roundings.
    with tf.device("CPU:0"):
        is_jpeg = tf.equal(tf.strings.substr(image_bytes, 0, len(JPEG)), JPEG)
        is_png = tf.equal(tf.strings.substr(image_bytes, 0, len(PNG)), PNG)
        known = tf.debugging.Assert(
            tf.logical_or(is_jpeg, is_png),
            [
                "image_bytes must be the content of a JPEG or PNG file; received other "
                "bytes"
            ],
        )
        with tf.control_dependencies([known]):
            image = tf.cond(
                is_jpeg,
                lambda: _decode_jpeg(image_bytes, judged),
                lambda: _decode_png(image_bytes, judged),
            )
        image.set_shape((None, None, 3))
        return _square(image, size, fit)


def _decode_jpeg(image_bytes, judged):
    import tensorflow as tf

    shape = tf.image.extract_jpeg_shape(image_bytes)
    small = [_not_too_large(shape[0], shape[1])]
    with tf.control_dependencies(small):
        checks = [] if judged else _can_be_done(graph_jpeg_work(image_bytes))
    with tf.control_dependencies(small + checks):
        # As Pillow does; TensorFlow leaves open what it does by default.
        image = tf.io.decode_jpeg(
            image_bytes, channels=3, dct_method="INTEGER_ACCURATE"
        )
    return _turned(image, graph_jpeg_orientation(image_bytes))


def _decode_png(image_bytes, judged):
    import tensorflow as tf

    # Width and height, 4 bytes each, then the bits of a sample.
    header = bytes_at(image_bytes, 16, 9)
    sides = tf.reshape(header[:8], (2, 4)) * [1 << 24, 1 << 16, 1 << 8, 1]
    width, height = tf.unstack(tf.reduce_sum(sides, axis=1))
    small = [_not_too_large(height, width)]
    with tf.control_dependencies(small):
        checks = [] if judged else _can_be_done(graph_png_work(image_bytes))
    with tf.control_dependencies(small + checks):
        image = tf.io.decode_png(image_bytes, channels=4)
    colours, opacity = image[..., :3], image[..., 3:]
    # To samples of less than 8 bits TensorFlow adds a lesser number for opaque.
    bits = tf.minimum(header[8], 8)
    opaque = tf.cast(
        tf.bitwise.left_shift(tf.constant(1, tf.int64), bits) - 1, tf.uint8
    )
    colours = tf.cond(
        tf.reduce_all(tf.equal(opacity, opaque)),
        lambda: colours,
        lambda: _on_white(colours, opacity),
    )
    return _turned(colours, graph_png_orientation(image_bytes))


def _on_white(colours, opacity):
    """Rounds colours · opacity + white · (1 - opacity); no number exceeds 65,535."""
    import tensorflow as tf

    darkness = 255 - tf.cast(colours, tf.uint16)
    light = 255 * 255 - darkness * tf.cast(opacity, tf.uint16)
    return tf.cast((light + 127) // 255, tf.uint8)


def _turned(image, orientation):
    """Exchangeable image file format 2.3, section 4.6.4, "Orientation"."""
    import tensorflow as tf

    image = tf.cond(
        orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image
    )
    mirrored = tf.reduce_any(tf.equal(orientation, (2, 3, 6, 7)))
    image = tf.cond(mirrored, lambda: tf.reverse(image, (1,)), lambda: image)
    upside_down = tf.reduce_any(tf.equal(orientation, (3, 4, 7, 8)))
    return tf.cond(upside_down, lambda: tf.reverse(image, (0,)), lambda: image)


def _not_too_large(height, width):
    import tensorflow as tf

    return tf.debugging.Assert(
        tf.cast(height, tf.float64) * tf.cast(width, tf.float64) <= MAX_PIXELS,
        [
            f"an image may have {MAX_PIXELS:,} pixels at most; received height and "
            "width",
            height,
            width,
        ],
    )


def _can_be_done(work):
    """What is to be awaited before an image is decoded; the first problem counts."""
    import tensorflow as tf

    done = []
    for is_right, what in (
        (work.is_known, ["a JPEG must be baseline or progressive; received another"]),
        (
            work.amount <= MAX_WORK,
            [
                f"an image may take {MAX_WORK:,} steps to decode, pixels times scans "
                "and texts in it counted; received one that takes",
                work.amount,
            ],
        ),
        (
            work.is_complete,
            [
                "an image must be whole; received one that has no end, or fewer bytes "
                "than its pixels take"
            ],
        ),
    ):
        with tf.control_dependencies(done):
            done = [tf.debugging.Assert(is_right, what)]
    return done


def _square(image, size, fit):
    import tensorflow as tf

    check_fit(fit)
    height, width, _ = tf.unstack(tf.shape(image))
    whole = tf.constant([0, 0, size, size])
    if fit == "crop":
        side = tf.minimum(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        image = image[top : top + side, left : left + side]
        return _resized(image, size, size, size), whole
    if fit == "stretch":
        return _resized(image, size, size, size), whole
    # Rounded half up, in integers, as `Placement` does.
    sides = tf.cast([height, width], tf.int64)
    longest = tf.reduce_max(sides)
    sides = tf.maximum((2 * sides * size + longest) // (2 * longest), 1)
    new_height, new_width = tf.unstack(tf.cast(sides, tf.int32))
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
    return image, tf.stack([left, top, left + new_width, top + new_height])


def _resized(image, height, width, size):
    import tensorflow as tf

    image = tf.image.resize(image, (height, width), antialias=True)
    image = tf.cast(tf.clip_by_value(tf.round(image), 0.0, 255.0), tf.uint8)
    if size is not None:
        image.set_shape((size, size, 3))
    return image
