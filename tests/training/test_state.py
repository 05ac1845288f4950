"""A state brings back every variable bit for bit, and is whole or not there."""

import keras
import numpy as np
import pytest

from keras_attention.training.losses import LabelSmoothedCrossEntropy
from keras_attention.training.state import load_state, save_state

INPUTS = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")
LABELS = np.arange(8) % 3


def compiled(dtype="float32", units=4, **options):
    """A small model with dropout; an optimizer that remembers much."""
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(units, dtype=dtype),
            keras.layers.Dropout(0.5, seed=3, dtype=dtype),
            keras.layers.Dense(3, dtype=dtype),
        ]
    )
    optimizer = keras.optimizers.Adam(
        0.1, use_ema=True, gradient_accumulation_steps=2, **options
    )
    if dtype == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model.compile(optimizer, LabelSmoothedCrossEntropy(0.1))
    model.optimizer.build(model.trainable_variables)
    return model


def variables(model):
    found = [*model.variables, *model.optimizer.variables]
    return [np.copy(np.asarray(variable)) for variable in found]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "bfloat16"])
def test_goes_on_as_if_nothing_had_happened(tmp_path, dtype):
    model = compiled(dtype)
    for _ in range(3):  # odd: gradients of half an update are waiting
        model.train_on_batch(INPUTS, LABELS)
    save_state(tmp_path, 3, model, {"a": [1, None]})
    saved = variables(model)

    twin = compiled(dtype)
    assert load_state(tmp_path, twin) == {"a": [1, None]}
    assert_same(variables(twin), saved)
    for one in (model, twin):
        one.train_on_batch(INPUTS, LABELS)
    assert_same(variables(twin), variables(model))
    assert any(np.any(a != b) for a, b in zip(variables(twin), saved, strict=True))


def test_without_a_state_there_is_nothing_to_go_on_from(tmp_path):
    model = compiled()
    before = variables(model)
    assert load_state(tmp_path / "none", model) is None
    assert_same(variables(model), before)


def test_the_newest_is_kept_alone(tmp_path):
    model = compiled()
    for step in (8, 16, 100):
        save_state(tmp_path, step, model, {"step": step})
    assert [path.name for path in tmp_path.iterdir()] == ["state-100"]
    assert load_state(tmp_path, model) == {"step": 100}


def test_the_newest_is_read_where_a_kill_left_two(tmp_path):
    model = compiled()
    save_state(tmp_path, 8, model, {"step": 8})
    (tmp_path / "state-8").rename(tmp_path / "kept")
    save_state(tmp_path, 16, model, {"step": 16})
    (tmp_path / "kept").rename(tmp_path / "state-8")
    assert load_state(tmp_path, model) == {"step": 16}


def test_a_failure_while_saving_leaves_the_state_before(tmp_path, monkeypatch):
    model = compiled()
    save_state(tmp_path, 8, model, {"step": 8})
    saved = variables(model)

    def torn(path, **arrays):
        path.write_bytes(b"PK half a file")
        raise OSError("No space left on device")

    model.train_on_batch(INPUTS, LABELS)
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr(np, "savez", torn)
        save_state(tmp_path, 16, model, {"step": 16})
    assert [path.name for path in tmp_path.iterdir()] == ["state-8"]
    assert load_state(tmp_path, model) == {"step": 8}
    assert_same(variables(model), saved)


def test_what_a_kill_left_half_written_is_passed_over_and_swept(tmp_path):
    model = compiled()
    save_state(tmp_path, 8, model, {"step": 8})
    half = tmp_path / ".state-16-x1y2" / "new"
    half.mkdir(parents=True)
    (half / "variables.npz").write_bytes(b"PK half a file")
    assert load_state(tmp_path, model) == {"step": 8}
    save_state(tmp_path, 16, model, {"step": 16})
    assert [path.name for path in tmp_path.iterdir()] == ["state-16"]


def test_another_model_is_refused(tmp_path):
    save_state(tmp_path, 8, compiled(), {})
    other = compiled(units=5)
    before = variables(other)
    with pytest.raises(ValueError, match="state-8 holds the state of another model"):
        load_state(tmp_path, other)
    assert_same(variables(other), before)


def test_another_optimizer_is_refused(tmp_path):
    save_state(tmp_path, 8, compiled(), {})
    with pytest.raises(ValueError, match="another model or optimizer; it differs in"):
        load_state(tmp_path, compiled(amsgrad=True))


@pytest.mark.parametrize("name", ["variables.npz", "memory.json"])
@pytest.mark.parametrize("damage", ["inverted", "cut", "gone"])
def test_a_damaged_state_is_named(tmp_path, name, damage):
    model = compiled()
    save_state(tmp_path, 3, model, {"a": 1})
    path = tmp_path / "state-3" / name
    content = path.read_bytes()
    if damage == "inverted":
        path.write_bytes(bytes(255 - byte for byte in content))
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.unlink()
    wanted = f"cannot be read: .*{name}.* Train anew, in another folder or with --force"
    with pytest.raises(ValueError, match=wanted):
        load_state(tmp_path, model)
