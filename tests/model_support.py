"""The contract that all models share, checked on whatever backend runs."""

import functools
import weakref

import keras
import numpy as np
from keras import ops

from tests.shape_support import KNOWN_AXES
from tests.support import TOLERANCES, save_and_load, sublayers, to_numpy


def check_model(model_class, config, inputs, tolerance=1e-4):
    """Asserts what every model of this package keeps.

    Stepping equals teacher forcing, also for beams that share the memory of their
    row and change places; padding of the source, and the rest of the batch, change
    nothing; configuration and `.keras` round trips give the same numbers; lower
    precision stays finite and near; shapes and dtypes are known without numbers, and
    `build` leaves no layer unbuilt.

    Args:
        model_class: the `EncoderDecoder` to check.
        config: dict. Arguments of its constructor.
        inputs: dict of arrays, `target_ids` `(B, T)` and what the model encodes.
        tolerance: float. Of numbers that are computed in two ways.

    Returns:
        The model, built, for more checks.
    """
    model = model_class(**config)
    expected = teacher_forced(model, inputs)
    assert_close([to_numpy(model(inputs))], expected[:1], tolerance)
    check_steps(model, inputs, expected, tolerance)
    check_beams(model, inputs, tolerance)
    check_rows(model, inputs, expected, tolerance)
    if "source_ids" in inputs:
        check_padding(model, inputs, expected, tolerance)
    check_round_trips(model, inputs, expected)
    check_shapes(model_class, config, inputs, expected)
    check_precision(model, inputs, expected)
    return model


PROGRAMS = weakref.WeakKeyDictionary()


def program(model, method, **options):
    """A method of a model; compiled and kept on JAX, whose loops are slow without."""
    if keras.backend.backend() != "jax":
        return functools.partial(getattr(model, method), **options)
    import jax

    if not model.built:
        model.build()
        model.built = True
    programs = PROGRAMS.setdefault(model, {})
    key = method, *options.items()
    if key not in programs:
        reference = weakref.ref(model)

        def run(values, *arguments):
            model = reference()
            mapping = zip(model.variables, values, strict=True)
            with keras.StatelessScope(mapping):
                return getattr(model, method)(*arguments, **options)

        programs[key] = jax.jit(run)
    values = [variable.value for variable in model.variables]
    return functools.partial(programs[key], values)


def teacher_forced(model, inputs):
    """`(logits, attention_scores)` of `call`, as NumPy arrays."""
    outputs = program(model, "__call__", return_attention_scores=True)(inputs)
    return tuple(to_numpy(output) for output in outputs)


def steps(model, inputs, num_steps=None):
    """The same, step by step."""
    token_ids = inputs["target_ids"]
    num_steps = num_steps or token_ids.shape[1]
    memory, state = program(model, "encode", num_steps=num_steps)(inputs)
    logits, scores = [], []
    for column in token_ids.T:
        step, state = take_step(model, column, state, memory)
        logits.append(to_numpy(step))
        scores.append(to_numpy(state.attention_scores))
    return np.stack(logits, axis=1), np.stack(scores, axis=1)


def take_step(model, column, state, memory):
    return program(model, "step")(ops.convert_to_tensor(column), state, memory)


def assert_close(actual, expected, tolerance):
    for one, other in zip(actual, expected, strict=True):
        scale = max(1.0, np.abs(other).max())
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * scale)


def check_steps(model, inputs, expected, tolerance):
    """Stepping equals teacher forcing, however much room is left in the caches."""
    num_steps = inputs["target_ids"].shape[1]
    for room in (num_steps, num_steps + 3):
        assert_close(steps(model, inputs, room), expected, tolerance)


def check_beams(model, inputs, tolerance, beams=3):
    """Hypotheses go on from one another within a row, and read one memory."""
    rng = np.random.default_rng(0)
    batch_size, num_steps = inputs["target_ids"].shape
    num_rows = batch_size * beams
    first = (np.arange(num_rows) // beams * beams)[:, None]
    token_ids = rng.integers(1, model.target_vocabulary_size, (num_rows, num_steps))
    token_ids = token_ids.astype("int32")

    memory, state = program(model, "encode", num_steps=num_steps)(inputs)
    state = model.repeat_state(state, beams)
    said = np.zeros((num_rows, 0), "int32")
    for t in range(num_steps):
        column = token_ids[:, t]
        said = np.concatenate([said, column[:, None]], axis=1)
        logits, state = take_step(model, column, state, memory)
        parents = (first + rng.integers(0, beams, (num_rows, 1)))[:, 0]
        said, logits = said[parents], to_numpy(logits)[parents]
        state = model.gather_state(state, ops.convert_to_tensor(parents, "int32"))
        alone = {name: np.repeat(x, beams, axis=0) for name, x in inputs.items()}
        expected = teacher_forced(model, {**alone, "target_ids": said})
        actual = logits, to_numpy(state.attention_scores)
        assert_close(actual, [x[:, -1] for x in expected], tolerance)


def check_rows(model, inputs, expected, tolerance):
    """A batch gives what its rows give alone."""
    for row in range(len(inputs["target_ids"])):
        alone = {name: x[row : row + 1] for name, x in inputs.items()}
        logits, scores = teacher_forced(model, alone)
        assert_close((logits[0], scores[0]), [x[row] for x in expected], tolerance)


def check_padding(model, inputs, expected, tolerance, padding=4):
    """Padding is not looked at, and changes nothing; nor does a row without source."""
    ids = np.pad(inputs["source_ids"], ((0, 0), (0, padding)))
    logits, scores = teacher_forced(model, {**inputs, "source_ids": ids})
    assert not scores[..., -padding:].any()
    assert not (scores * (ids == 0)[:, None]).any()
    assert_close((logits, scores[..., :-padding]), expected, tolerance)

    ids = ids.copy()
    ids[0] = 0
    logits, scores = teacher_forced(model, {**inputs, "source_ids": ids})
    assert np.isfinite(logits).all() and not scores[0].any()
    assert_close(
        (logits[1:], scores[1:, :, :-padding]), [x[1:] for x in expected], tolerance
    )
    stepped = steps(model, {**inputs, "source_ids": ids})
    assert_close(stepped, (logits, scores), tolerance)


def check_round_trips(model, inputs, expected):
    """Configuration, weights and `.keras` files give the same model again."""
    config = keras.saving.serialize_keras_object(model)
    twin = keras.saving.deserialize_keras_object(config)
    assert keras.saving.serialize_keras_object(twin)["config"] == config["config"]
    twin(inputs)
    copy_weights(model, twin)
    assert_close(teacher_forced(twin, inputs), expected, 1e-5)
    assert_close(teacher_forced(save_and_load(model), inputs), expected, 1e-5)


def check_shapes(model_class, config, inputs, expected):
    """Keras is told of shapes and dtypes before any number, whichever axes it knows."""
    shapes = {name: array.shape for name, array in inputs.items()}
    for policy in ("float32", "mixed_bfloat16"):
        model = model_class(**config, dtype=policy)
        assert model.compute_output_shape(input_shape=shapes) == expected[0].shape
        check_symbolic(model, inputs, expected)
    model = model_class(**config)
    model.build()
    assert [layer for layer in sublayers(model) if not layer.built] == []
    lines = []
    model.summary(print_fn=lines.append)
    assert f"Total params: {model.count_params():,} " in "\n".join(lines)
    symbols = {
        name: keras.Input(array.shape[1:], name=name, dtype=str(array.dtype))
        for name, array in inputs.items()
    }
    outputs = model(symbols, return_attention_scores=True)
    functional = keras.Model(symbols, outputs)
    functional.summary(print_fn=lines.append)
    outputs = functional.predict_on_batch(inputs)
    assert [output.shape for output in outputs] == [array.shape for array in expected]


def check_symbolic(model, inputs, expected):
    for known in KNOWN_AXES[:2]:
        specs = {
            name: keras.KerasTensor(
                [n if known(i, x.ndim) else None for i, n in enumerate(x.shape)],
                dtype=str(x.dtype),
            )
            for name, x in inputs.items()
        }
        outputs = model(specs, return_attention_scores=True)
        assert model(specs).shape == outputs[0].shape
        for output, array in zip(outputs, expected, strict=True):
            batch = array.shape[0] if known(0, array.ndim) else None
            assert output.shape == (batch, *array.shape[1:])
        real = model(inputs, return_attention_scores=True)
        dtypes = [keras.backend.standardize_dtype(output.dtype) for output in real]
        assert [output.dtype for output in outputs] == dtypes


def check_precision(model, inputs, expected):
    """In lower precision numbers stay finite and near, and steps equal the call."""
    for policy in ("mixed_float16", "mixed_bfloat16"):
        lower = type(model).from_config({**model.get_config(), "dtype": policy})
        lower.build()
        lower.built = True
        copy_weights(model, lower)
        tolerance = 2 * TOLERANCES[lower.compute_dtype]
        logits = program(lower, "__call__")(inputs)
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"
        assert_close([to_numpy(logits)], expected[:1], tolerance)
        assert_close(teacher_forced(lower, inputs), expected, tolerance)
        assert_close(steps(lower, inputs), expected, tolerance)


def copy_weights(model, twin):
    for weight, original in zip(twin.weights, model.weights, strict=True):
        weight.assign(original)
