"""The models of `keras.applications` as image encoders."""

import keras

from keras_attention.models.grids import check_grid


def application_names():
    """Names of all models, as "ResNet50"."""
    return sorted(
        name
        for name in dir(keras.applications)
        if name[0].isupper() and callable(getattr(keras.applications, name))
    )


def application_network(name, image_size, grid_size, dtype=None, weights=None):
    """One of these models, up to its last layer with a map of the wanted size.

    Args:
        name: str. One of `application_names()`.
        image_size: int. Pixels along each side.
        grid_size: int.
        dtype: dtype policy.
        weights: None, at random, or "imagenet", which Keras downloads.

    Returns:
        `(network, preprocess)`: a `keras.Model`, `(B, S, S, 3)` to `(B, N, N, D)`, and
        what is done to pixels from 0 to 255 before.

    Raises:
        ValueError: pictures too small for it, or a grid that it does not have.
    """
    make = getattr(keras.applications, name)
    module = getattr(keras.applications, make.__module__.rsplit(".", 1)[-1])
    before = keras.config.dtype_policy()
    if dtype is not None:
        keras.config.set_dtype_policy(dtype)  # These models take no dtype.
    try:
        whole = make(
            include_top=False, weights=weights, input_shape=(image_size, image_size, 3)
        )
    finally:
        keras.config.set_dtype_policy(before)
    taps = {}
    for layer in whole.layers[1:]:
        shape = getattr(layer.output, "shape", ())
        if len(shape) == 4 and shape[1] == shape[2] and shape[1] < image_size // 2:
            taps[shape[1]] = layer.output
    check_grid(name, image_size, grid_size, taps)
    network = keras.Model(whole.input, taps[grid_size], name=whole.name)
    return network, module.preprocess_input
