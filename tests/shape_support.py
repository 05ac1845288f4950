"""The contract of shapes: known without numbers, however Keras asks for them."""

import inspect

import keras
import numpy as np

# Which axes of an input are known, each in turn: all, all but the batch, the features.
KNOWN_AXES = (
    lambda axis, rank: True,
    lambda axis, rank: axis > 0,
    lambda axis, rank: axis == rank - 1 and rank > 2,
)


def check_shapes(layer_class, config, inputs, options=None):
    """Asserts that Keras learns of a layer's shapes in all the ways in which it asks.

    `compute_output_shape` by the names of its arguments, without tensors and before the
    layer is built; the summary of a model that holds it; and if it takes one tensor and
    gives one, `TimeDistributed` and `Sequential`.

    Args:
        layer_class: the `keras.layers.Layer` to check.
        config: dict. Arguments of its constructor.
        inputs: dict of what it is called with, by name: arrays, or nests of them.
        options: dict, optional. Further arguments of its call, not tensors.
    """
    if keras.backend.backend() == "jax":
        return  # The same code runs there, and JAX compiles each model for long.
    layer, options = layer_class(**config), options or {}
    outputs = layer(**inputs, **options)
    check_output_shape(layer_class, config, inputs, outputs)
    check_summary(layer, outputs)
    first = next(iter(inputs.values()))
    alone = isinstance(first, np.ndarray) and len(inputs) == 1 and not options
    if alone and len(keras.tree.flatten(outputs)) == 1:
        check_time_distributed(layer, first)
        check_sequential(layer, first)


def shapes_of(nest):
    return keras.tree.map_structure(lambda x: tuple(x.shape), nest)


def flat_shapes(shapes):
    """The shapes in a nest of them, each a tuple."""
    found = []
    keras.tree.map_shape_structure(lambda shape: found.append(tuple(shape)), shapes)
    return found


def shape_arguments(function, shapes):
    """Shapes by the names that `compute_output_shape` or `build` has for them."""
    names = list(inspect.signature(function).parameters)
    if len(names) == 1:  # As Keras does: whatever its name.
        return {names[0]: next(iter(shapes.values()))}
    given = {f"{name}_shape": shape for name, shape in shapes.items()}
    return {name: given[name] for name in names if name in given}


def check_output_shape(layer_class, config, inputs, outputs):
    expected = flat_shapes(shapes_of(outputs))
    for known in KNOWN_AXES:
        shapes = keras.tree.map_structure(
            lambda x, known=known: tuple(
                n if known(axis, x.ndim) else None for axis, n in enumerate(x.shape)
            ),
            inputs,
        )
        layer = layer_class(**config)
        arguments = shape_arguments(layer.compute_output_shape, shapes)
        found = flat_shapes(layer.compute_output_shape(**arguments))
        assert len(found) == len(expected)
        for shape, real in zip(found, expected, strict=True):
            assert len(shape) == len(real), (shape, real)
            assert all(a in (b, None) for a, b in zip(shape, real, strict=True))
            assert shape == real or not known(0, 3)


class Holder(keras.Model):
    """A model with one layer, of whose shape its summary tells."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.built = True


def check_summary(layer, outputs):
    lines = []
    Holder(layer).summary(line_length=79, print_fn=lines.append)
    text = "\n".join(lines)
    shapes = flat_shapes(shapes_of(outputs))
    # Several shapes are broken into lines, and "?" stands where they are unknown.
    assert "?" not in text and (len(shapes) > 1 or str(shapes[0]) in text), text


def check_time_distributed(layer, array):
    """Each of several things along a new axis gets what it gets alone."""
    things = np.stack([array, array[::-1], array + array], axis=1)
    expected = [layer(things[:, i]) for i in range(3)]
    symbol = keras.Input(things.shape[1:], dtype=str(things.dtype))
    model = keras.Model(symbol, keras.layers.TimeDistributed(layer)(symbol))
    actual = model.predict_on_batch(things)
    assert model.output_shape == (None, *actual.shape[1:])
    for i, output in enumerate(expected):
        output = keras.ops.convert_to_numpy(output)
        np.testing.assert_allclose(actual[:, i], output, rtol=1e-4, atol=1e-5)


def check_sequential(layer, array):
    model = keras.Sequential([layer])
    assert tuple(model.compute_output_shape(array.shape)) == tuple(layer(array).shape)
    model = keras.Sequential([keras.Input(array.shape[1:], dtype=str(array.dtype))])
    model.add(layer)
    expected = keras.ops.convert_to_numpy(layer(array))
    assert model.output_shape == (None, *expected.shape[1:])
    actual = model.predict_on_batch(array)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
