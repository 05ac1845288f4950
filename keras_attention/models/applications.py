"""The models of `keras.applications` as image encoders."""

import functools

import keras

from keras_attention.models.grids import check_grid

PADDING = (keras.layers.ZeroPadding2D, keras.layers.Cropping2D)


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
    before = keras.config.dtype_policy()
    if dtype is not None:
        keras.config.set_dtype_policy(dtype)  # These models take no dtype.
    try:
        whole = make(
            include_top=False, weights=weights, input_shape=(image_size, image_size, 3)
        )
    finally:
        keras.config.set_dtype_policy(before)
    inputs, steps = _steps(whole)
    maps = _feature_maps(inputs, steps, image_size)
    check_grid(name, image_size, grid_size, maps)
    inputs, preprocess = _beginning(inputs, steps, module)
    return keras.Model(inputs, maps[grid_size], name=whole.name), preprocess


def _steps(whole):
    """`(inputs, steps)`: each operation of a network with what it reads and returns, in
    an order in which each comes after those that it reads."""
    steps = []

    def call(operation, *args, **kwargs):
        output = operation(*args, **kwargs)
        read = [
            tensor
            for tensor in keras.tree.flatten((args, kwargs))
            if keras.utils.is_keras_tensor(tensor)
        ]
        steps.append((operation, read, output))
        return output

    same = keras.models.clone_model(
        whole, clone_function=lambda layer: layer, call_function=call
    )
    return same.input, steps


def _feature_maps(inputs, steps, image_size):
    """Of each size the last map through which everything passes."""
    last_readers = {}
    for place, (_, read, _) in enumerate(steps):
        last_readers.update((id(tensor), place) for tensor in read)
    maps = {}
    furthest = last_readers[id(inputs)]  # The last reader of anything so far.
    for place, (operation, _, output) in enumerate(steps):
        shape = output.shape
        is_map = len(shape) == 4 and shape[1] == shape[2] < image_size // 2
        if is_map and furthest <= place and not isinstance(operation, PADDING):
            maps[shape[1]] = output
        furthest = max(furthest, last_readers.get(id(output), place))
    return maps


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
