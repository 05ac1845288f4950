"""Where to cut a network so that its map has the cells that are wanted."""

import keras

PADDING = (keras.layers.ZeroPadding2D, keras.layers.Cropping2D)


def check_grid(network_name, image_size, grid_size, available):
    """Raises ValueError, with the sizes that there are, for one that there is not."""
    if grid_size not in available:
        sizes = ", ".join(map(str, sorted(available))) or "none"
        raise ValueError(
            f"{network_name} has no grid_size={grid_size} for image_size={image_size}; "
            f"with images of this size it has {sizes}"
        )


def graph_steps(network):
    """The operations of a functional network, in an order in which they can be done.

    Args:
        network: `keras.Model` of one input.

    Returns:
        `(inputs, steps)`: a tensor, and a list of `(operation, read, output)`: each
        operation with the tensors that it reads and what it returns, after those that
        make what it reads.
    """
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
        network, clone_function=lambda layer: layer, call_function=call
    )
    return same.input, steps


def narrow_places(inputs, steps):
    """Yields each tensor through which everything passes, as the end of a block does
    and its branches do not; of operations with several outputs, the first is meant."""
    last_readers = {}
    for place, (_, read, _) in enumerate(steps):
        last_readers.update((id(tensor), place) for tensor in read)
    furthest = last_readers[id(inputs)]  # The last reader of anything so far.
    for place, (operation, _, output) in enumerate(steps):
        outputs = keras.tree.flatten(output)
        if furthest <= place and not isinstance(operation, PADDING):
            yield outputs[0]
        furthest = max(
            furthest, *(last_readers.get(id(tensor), place) for tensor in outputs)
        )


def is_map(tensor, image_size):
    """Whether a tensor is a square map, of less than half the image's side."""
    shape = tensor.shape
    return len(shape) == 4 and shape[1] == shape[2] < image_size // 2
