"""A small convolutional network, to be trained with the decoder from the beginning."""

import keras

from keras_attention.models.grids import check_grid

# Of each halving of the image; the last two have a residual convolution as well.
WIDTHS = (24, 48, 96, 160, 192)
LEAST_HALVINGS = 2


def small_cnn_network(image_size, grid_size, dtype=None):
    """Strided convolutions with batch normalisation; for 1/16, 0.5 million parameters.

    Group normalisation, the same in training and in use, took longer in both.

    Args:
        image_size: int. Pixels along each side; `grid_size` times 4, 8, 16 or 32.
        grid_size: int.
        dtype: dtype policy.

    Returns:
        `keras.Model`, `(B, S, S, 3)` to `(B, N, N, D)`.

    Raises:
        ValueError: a grid that halving the image does not lead to.
    """
    halvings = {
        image_size >> n: n
        for n in range(LEAST_HALVINGS, len(WIDTHS) + 1)
        if image_size % (1 << n) == 0
    }
    check_grid("small-cnn", image_size, grid_size, halvings)
    inputs = keras.Input((image_size, image_size, 3), dtype="float32")
    features = inputs
    for i, width in enumerate(WIDTHS[: halvings[grid_size]]):
        features = _convolution(features, width, 2, dtype, f"down_{i}")
        if i >= 2:
            more = _convolution(features, width, 1, dtype, f"more_{i}")
            features = keras.layers.Add(dtype=dtype, name=f"sum_{i}")([features, more])
    return keras.Model(inputs, features, name="small_cnn")


def _convolution(features, width, stride, dtype, name):
    features = keras.layers.Conv2D(
        width, 3, stride, "same", use_bias=False, dtype=dtype, name=name
    )(features)
    features = keras.layers.BatchNormalization(
        momentum=0.95, dtype=dtype, name=f"{name}_norm"
    )(features)
    return keras.layers.ReLU(dtype=dtype, name=f"{name}_relu")(features)
