"""The contracts that all layers share, checked on whatever backend runs."""

import contextlib
import inspect
import tempfile
import threading
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_attention.locks import locked
from tests.shape_support import KNOWN_AXES, check_shapes

# Largest difference to float32, in units of the largest number: a few roundings of
# 11 and of 8 significant bits.
TOLERANCES = {"float16": 1e-2, "bfloat16": 8e-2}


def slow_on_jax(test):
    """Marks what JAX compiles for long, and TensorFlow checks before every commit."""
    return pytest.mark.slow(test) if keras.backend.backend() == "jax" else test


# The same for all tests of a module, as its `pytestmark`, or for some of its cases.
MODULE_SLOW_ON_JAX = [pytest.mark.slow] if keras.backend.backend() == "jax" else []


def check_layer(layer_class, config, options=None, **inputs):
    """Asserts what every layer of this package keeps.

    Configuration, `.keras` and compiled round trips give the same numbers; symbolic
    shapes and dtypes equal the real ones, with unknown axes too, and without tensors
    (see `check_shapes`); the dtype policy reaches all sublayers and lower precision
    stays close; gradients are finite.
    Attention layers are checked with and without their scores.

    Args:
        layer_class: the `keras.layers.Layer` to check.
        config: dict. Arguments of its constructor.
        options: dict, optional. Further arguments of its call, not tensors.
        **inputs: what it is called with, by name: an array, or the shape of random
            floats. Give target and source different lengths.
    """
    inputs = {name: example_input(value) for name, value in inputs.items()}
    calls = call_styles(layer_class, options or {})
    layer = layer_class(**config)
    expected = run(layer, calls, inputs)

    check_config(layer, calls, inputs, expected)
    check_symbolic(layer_class, config, calls, inputs, expected)
    check_shapes(layer_class, config, inputs, options)
    check_precision(layer, calls, inputs, expected)
    check_overflow(layer, calls, inputs)
    check_functional(layer, calls, inputs, expected)


def example_input(value, seed=0):
    """An array as it is, or random floats of a shape given as a tuple."""
    if not isinstance(value, tuple):
        return np.asarray(value)
    return np.random.default_rng(seed).normal(size=value).astype("float32")


def call_styles(layer_class, options):
    """The keyword arguments of each way to call the layer: without scores and with."""
    parameters = inspect.signature(layer_class.call).parameters
    if "return_attention_scores" not in parameters:
        return [options]
    return [{**options, "return_attention_scores": flag} for flag in (False, True)]


def results(layer, calls, inputs):
    """All outputs of all ways to call the layer, in one list."""
    return [x for call in calls for x in keras.tree.flatten(layer(**inputs, **call))]


def run(layer, calls, inputs):
    return [to_numpy(output) for output in results(layer, calls, inputs)]


def compiled(function):
    """`function`, as the backend that runs compiles it."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function, autograph=False)


def to_numpy(tensor):
    """The numbers of a tensor or variable, in float32 if it has fewer bits."""
    tensor = keras.ops.convert_to_tensor(tensor)
    if keras.backend.standardize_dtype(tensor.dtype) in TOLERANCES:
        tensor = keras.ops.cast(tensor, "float32")
    return keras.ops.convert_to_numpy(tensor)


def assert_same(actual, expected, rtol=1e-5, atol=1e-5):
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


def sublayers(layer):
    """The layers inside a layer, at any depth."""
    for value in vars(layer).values():
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, keras.layers.Layer):
                yield item
                yield from sublayers(item)


def check_config(layer, calls, inputs, expected):
    """The layer and its twin from a serialised configuration agree."""
    config = keras.saving.serialize_keras_object(layer)
    twin = keras.saving.deserialize_keras_object(config)
    assert type(twin) is type(layer)
    assert keras.saving.serialize_keras_object(twin)["config"] == config["config"]
    run(twin, calls, inputs)
    twin.set_weights(layer.get_weights())
    assert_same(run(twin, calls, inputs), expected)


def check_symbolic(layer_class, config, calls, inputs, expected):
    """Shapes and dtypes are known before the numbers, whichever axes are unknown."""
    ranks = {name: array.ndim for name, array in inputs.items()}
    for known in KNOWN_AXES:
        specs = {
            name: keras.KerasTensor(
                [n if known(i, ranks[name]) else None for i, n in enumerate(x.shape)],
                dtype=str(x.dtype),
            )
            for name, x in inputs.items()
        }
        layer = layer_class(**config)
        outputs = results(layer, calls, specs)
        assert len(outputs) == len(expected)
        for output, array in zip(outputs, expected, strict=True):
            assert output.dtype == str(array.dtype)
            assert len(output.shape) == array.ndim, (output.shape, array.shape)
            for axis, (dim, real) in enumerate(
                zip(output.shape, array.shape, strict=True)
            ):
                may_be_unknown = not known(axis, array.ndim) or not known(1, 3)
                assert dim == real or (dim is None and may_be_unknown), (
                    f"output shape {output.shape} for inputs {specs}, "
                    f"really {array.shape}"
                )


def check_precision(layer, calls, inputs, expected):
    """Each policy reaches the sublayers and compiles to numbers near float32's."""
    for policy in ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16"):
        config = {**layer.get_config(), "dtype": policy}
        lower = type(layer).from_config(config)
        results(lower, calls, {name: symbol(name, x) for name, x in inputs.items()})
        lower.set_weights(layer.get_weights())
        outputs = compiled(lambda x, layer=lower: results(layer, calls, x))(inputs)

        for inner in sublayers(lower):
            assert inner.dtype_policy.name == policy, inner
        for weight in lower.trainable_variables:
            assert weight.dtype == lower.variable_dtype, weight
        tolerance = TOLERANCES[lower.compute_dtype]
        for output, reference in zip(outputs, expected, strict=True):
            assert keras.backend.standardize_dtype(output.dtype) == lower.compute_dtype
            numbers = to_numpy(output)
            assert np.all(np.isfinite(numbers))
            atol = tolerance * max(1.0, np.abs(reference).max())
            np.testing.assert_allclose(numbers, reference, rtol=tolerance, atol=atol)


def check_overflow(layer, calls, inputs):
    """Scores of large features pass float16's range, and are weighed all the same."""
    if not any("return_attention_scores" in call for call in calls):
        return
    # JAX compiles each operation anew for another type, and one tells there.
    policies = ["mixed_float16", "float16"]
    for policy in policies[: 1 if keras.backend.backend() == "jax" else 2]:
        lower = type(layer).from_config({**layer.get_config(), "dtype": policy})
        large = {
            name: array * np.float32(2000) if array.dtype == "float32" else array
            for name, array in inputs.items()
        }
        results(lower, calls, {name: symbol(name, x) for name, x in inputs.items()})
        lower.set_weights(layer.get_weights())
        outputs = run(lower, calls, large)
        assert all(np.isfinite(output).all() for output in outputs)
        shares = outputs[-1].sum(axis=-1)
        assert np.all((np.abs(shares - 1) < 1e-2) | (shares == 0))


def check_functional(layer, calls, inputs, expected):
    """Compiled in a functional model, saved and loaded, the numbers stay the same."""
    weights, expected = layer.get_weights(), list(expected)
    for call in calls:
        # A layer called in two styles within one graph is more than Keras follows.
        layer = type(layer).from_config(layer.get_config())
        symbols = {name: symbol(name, array) for name, array in inputs.items()}
        model = keras.Model(symbols, layer(**symbols, **call))
        model.set_weights(weights)
        restored = save_and_load(model)
        outputs = keras.tree.flatten(restored.predict_on_batch(inputs))
        assert_same(outputs, expected[: len(outputs)])
        if restored.trainable_variables:
            check_gradients(restored, inputs, outputs)
        expected = expected[len(outputs) :]


def symbol(name, array):
    """An input of which only the features are known: not the batch, not the lengths."""
    unknown = array.ndim if array.ndim < 3 else array.ndim - 1
    shape = [*[None] * unknown, *array.shape[unknown:]]
    return keras.Input(batch_shape=shape, name=name, dtype=str(array.dtype))


def save_and_load(model):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return keras.models.load_model(path)


def check_gradients(model, inputs, outputs):
    """One step of gradient descent leaves every weight finite and moves some."""
    before = [to_numpy(weight) for weight in model.trainable_variables]
    # TensorFlow is quicker without compiling, JAX compiles one way or the other.
    eager = keras.backend.backend() == "tensorflow"
    optimizer = keras.optimizers.SGD(0.1)
    model.compile(optimizer, ["mse"] * len(outputs), run_eagerly=eager)
    model.train_on_batch(inputs, [np.zeros_like(output) for output in outputs])
    after = [to_numpy(weight) for weight in model.trainable_variables]
    assert all(np.all(np.isfinite(weight)) for weight in after)
    assert any(np.any(a != b) for a, b in zip(after, before, strict=True))


@contextlib.contextmanager
def held_elsewhere(folder):
    """Somebody else writes into a folder while the block runs."""
    has_it, may_go = threading.Event(), threading.Event()

    def hold():
        with locked(folder, "training"):
            has_it.set()
            may_go.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    has_it.wait()
    try:
        yield
    finally:
        may_go.set()
        thread.join()
