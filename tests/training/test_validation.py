"""Free-running validation scores, keeps the best, averages and stops in time."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from keras_attention.training.translation import TranslationValidation
from keras_attention.training.validation import (
    FreeRunningValidation,
    load_weights,
    save_weights,
)

SOURCES = ["a b", "c d"]


class Parrot:
    """Says what it is told to, and records its calls."""

    target_language = "de"

    def __init__(self, *rounds):
        self.rounds = list(rounds)
        self.calls = []
        self.look = lambda: None

    def translate(self, sources, **options):
        self.calls.append((sources, options))
        self.look()
        return [SimpleNamespace(text=text) for text in self.rounds.pop(0)]


def dense_model(value=0.0):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD())
    set_all(model, value)
    return model


def set_all(model, value):
    for weight in model.weights:
        weight.assign(np.full(weight.shape, value, "float32"))


def all_equal(model, value):
    return all(np.all(np.asarray(weight) == value) for weight in model.weights)


def validation(folder, parrot, keep=1, patience=0, model=None):
    callback = FreeRunningValidation(
        TranslationValidation(parrot, SOURCES, SOURCES), "exact", keep, patience, folder
    )
    callback.set_model(model or dense_model())
    return callback


RIGHT, HALF, WRONG = ["a b", "c d"], ["a b", "x"], ["y", "x"]


def rounds(callback, count, start=1):
    """Validates `count` rounds, whose weights are all 1, 2, 3, …"""
    logs = []
    for number in range(start, start + count):
        set_all(callback.model, number)
        callback.step = lambda number=number: 10 * number
        logs.append({})
        callback.on_epoch_end(number, logs[-1])
        callback.delete_old()
        if callback.model.stop_training:
            break
    return logs


def test_logs_hold_the_scores(tmp_path):
    (logs,) = rounds(validation(tmp_path, Parrot(HALF)), 1)
    assert logs["val_exact"] == 50
    assert 0 < logs["val_chrf"] < 100
    assert logs["val_bleu"] >= 0
    assert logs["validation_seconds"] >= 0


def test_decodes_greedily_whatever_the_recipe_says(tmp_path):
    parrot = Parrot(HALF)
    rounds(validation(tmp_path, parrot), 1)
    ((sources, options),) = parrot.calls
    assert sources == SOURCES
    assert (options["beam"], options["n_best"], options["temperature"]) == (1, 1, 0)


def test_the_best_round_is_kept_and_others_go(tmp_path):
    callback = validation(tmp_path, Parrot(WRONG, RIGHT, HALF, HALF))
    rounds(callback, 4)
    assert callback.state == {
        "best": 100,
        "best_step": 20,
        "waited": 2,
        "recent": [40],
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-20.npz",
        "step-40.npz",
    ]
    model = dense_model()
    load_weights(model, tmp_path / "step-20.npz")
    assert all_equal(model, 2)


def test_the_first_of_equals_is_the_best(tmp_path):
    callback = validation(tmp_path, Parrot(WRONG, WRONG))
    rounds(callback, 2)
    assert callback.state["best_step"] == 10


def test_the_last_rounds_are_kept_to_be_averaged(tmp_path):
    callback = validation(tmp_path, Parrot(RIGHT, HALF, HALF, HALF), keep=2)
    rounds(callback, 4)
    assert callback.state["recent"] == [30, 40]
    model = dense_model()
    load_weights(model, *(tmp_path / f"step-{step}.npz" for step in (30, 40)))
    assert all_equal(model, 3.5)


def test_patience_stops_after_so_many_rounds_without_a_better_one(tmp_path):
    callback = validation(tmp_path, Parrot(*[HALF] * 9), patience=3)
    assert len(rounds(callback, 9)) == 4
    assert callback.state["waited"] == 3


def test_a_better_round_gives_patience_back(tmp_path):
    callback = validation(
        tmp_path, Parrot(WRONG, WRONG, HALF, HALF, RIGHT, HALF), patience=2
    )
    assert len(rounds(callback, 6)) == 6
    assert not callback.model.stop_training


def test_state_goes_on_after_a_resume(tmp_path):
    first = validation(tmp_path, Parrot(RIGHT, HALF), keep=2)
    rounds(first, 2)
    second = validation(tmp_path, Parrot(HALF), keep=2)
    second.state.update(first.state)
    rounds(second, 1, start=3)
    assert second.state == {
        "best": 100,
        "best_step": 10,
        "waited": 2,
        "recent": [20, 30],
    }


@pytest.mark.parametrize("scaled", [False, True])
def test_moving_averages_are_validated_and_saved_and_taken_away(tmp_path, scaled):
    """`scaled`: as Keras wraps the optimizer in mixed float16."""
    model = dense_model(1.0)
    inner = optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(inner)
    model.compile(optimizer)
    optimizer.build(model.trainable_variables)
    ones = [np.ones(weight.shape, "float32") for weight in model.weights]
    inner.apply(ones, model.trainable_variables)  # 0, and so is the average
    inner.apply(ones, model.trainable_variables)  # -1, the average -0.5

    parrot = Parrot(HALF)
    seen = []
    parrot.look = lambda: seen.append(all_equal(model, -0.5))
    callback = validation(tmp_path, parrot, model=model)
    callback.step = lambda: 10
    callback.on_epoch_end(0, {})
    assert seen == [True]
    assert all_equal(model, -1.0)
    load_weights(model, tmp_path / "step-10.npz")
    assert all_equal(model, -0.5)


def test_weights_come_back_bit_for_bit(tmp_path):
    model, twin = dense_model(), dense_model()
    model.set_weights([np.random.default_rng(0).normal(size=w.shape) for w in ones()])
    save_weights(model, tmp_path / "w.npz")
    load_weights(twin, tmp_path / "w.npz")
    for a, b in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


def test_damaged_weights_are_named(tmp_path):
    model = dense_model(1.0)
    save_weights(model, tmp_path / "w.npz")
    content = bytearray((tmp_path / "w.npz").read_bytes())
    content[content.index(np.float32(1).tobytes())] ^= 255
    (tmp_path / "w.npz").write_bytes(content)
    with pytest.raises(ValueError, match="w.npz is damaged"):
        load_weights(model, tmp_path / "w.npz")


def ones():
    return dense_model(1.0).get_weights()
