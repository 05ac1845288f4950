"""The models of `keras.applications` as image encoders."""

import functools

import keras

from keras_attention.models.dtype_scope import dtype_policy_scope
from keras_attention.models.grids import (
    check_grid,
    graph_steps,
    is_map,
    narrow_places,
)


def application_names():
    """Names of all models, as "ResNet50"."""
    return sorted(
        name
        for name in dir(keras.applications)
        if name[0].isupper() and callable(getattr(keras.applications, name))
    )


def application_network(name, image_size, grid_size, dtype=None, weights=None):
    """One of these models, up to its last map of the wanted size.

    Only maps through which everything passes are taken: the ends of blocks, and not
    their branches. Blocks of NASNet skip each other, so that it has but few.

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
        ValueError: images too small for it, or a grid that it does not have.
    """
    make = getattr(keras.applications, name)
    module = getattr(keras.applications, make.__module__.rsplit(".", 1)[-1])
    with dtype_policy_scope(dtype):  # These models take no dtype.
        whole = make(
            include_top=False, weights=weights, input_shape=(image_size, image_size, 3)
        )
    inputs, steps = graph_steps(whole)
    maps = {
        tensor.shape[1]: tensor
        for tensor in narrow_places(inputs, steps)
        if is_map(tensor, image_size)
    }
    check_grid(name, image_size, grid_size, maps)
    inputs, preprocess = _beginning(inputs, steps, module)
    return keras.Model(inputs, maps[grid_size], name=whole.name), preprocess


def _beginning(inputs, steps, module):
    """`(tensor, preprocess)`: where pixels enter, and what is done to them before.

    EfficientNet normalises by numbers that Keras counts among the weights, but does not
    take up when weights are set, and by more of them if pretrained: they are the usual
    means and deviations of ImageNet, so all of it is done before.
    """
    for operation, _, output in steps:
        if isinstance(operation, keras.layers.Normalization) and operation.weights:
            normalise = keras.applications.imagenet_utils.preprocess_input
            return output, functools.partial(normalise, mode="torch")
    return inputs, module.preprocess_input
