"""LayerwiseAdam is as many plain optimizers as there are factors."""

import keras
import numpy as np
import pytest

from keras_attention.training.accumulation import TokenAccumulation
from keras_attention.training.layerwise import LayerwiseAdam
from keras_attention.training.schedules import WarmupSchedule
from tests.support import to_numpy

SHAPES = [(3, 2), (2,), (4,)]
FACTORS = [0.1, 1.0, 0.5]


def variables():
    rng = np.random.default_rng(0)
    return [keras.Variable(rng.normal(size=s).astype("float32")) for s in SHAPES]


def gradients(seed):
    rng = np.random.default_rng(seed)
    return [3 * rng.normal(size=s).astype("float32") for s in SHAPES]


def clipped(gradients, norm):
    """All by their common norm."""
    total = np.sqrt(sum(np.sum(gradient**2) for gradient in gradients))
    return [gradient * min(1.0, norm / total) for gradient in gradients]


def schedule(factor=1.0):
    return WarmupSchedule(0.05 * factor, warmup_steps=3, decay="inverse_sqrt")


def assert_same(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(to_numpy(one), to_numpy(other), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("weight_decay", [None, 0.2])
def test_each_variable_has_a_plain_optimizer_of_its_own_rate(weight_decay):
    """With one norm to clip by, a schedule, and moving averages."""
    options = {"beta_2": 0.98, "use_ema": True, "ema_momentum": 0.8}
    ours, theirs = variables(), variables()
    optimizer = LayerwiseAdam(
        FACTORS,
        weight_decay,
        learning_rate=schedule(),
        global_clipnorm=2.0,
        **options,
    )
    optimizer.build(ours)
    plain = [
        keras.optimizers.Adam(schedule(factor), weight_decay=weight_decay, **options)
        for factor in FACTORS
    ]
    for one, variable in zip(plain, theirs, strict=True):
        one.build([variable])
    for seed in range(5):
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients(seed)], ours)
        for one, variable, gradient in zip(
            plain, theirs, clipped(gradients(seed), 2.0), strict=True
        ):
            one.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    assert_same(ours, theirs)
    optimizer.finalize_variable_values(ours)
    for one, variable in zip(plain, theirs, strict=True):
        one.finalize_variable_values([variable])
    assert_same(ours, theirs)


def trained(optimizer, model, factor=1.0):
    """A small model after some batches, gradients scaled and accumulated by two."""
    optimizer = TokenAccumulation(optimizer, 2)
    optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=64.0)
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(1)
    for _ in range(6):
        model.train_on_batch(rng.normal(size=(4, 3)), rng.normal(size=(4, 2)))
    return model


def test_scaled_and_accumulated_all_at_one_rate_are_plain_adam():
    def made():
        keras.utils.set_random_seed(0)
        return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])

    options = {"epsilon": 1e-3, "weight_decay": 0.1}
    ours = trained(LayerwiseAdam([0.5, 0.5], learning_rate=0.1, **options), made())
    theirs = trained(keras.optimizers.AdamW(0.05, **options), made())
    assert_same(ours.weights, theirs.weights)
    assert not np.allclose(to_numpy(ours.weights[0]), to_numpy(made().weights[0]))


def test_comes_back_from_its_config():
    optimizer = LayerwiseAdam([0.5, 2.0], weight_decay=0.1, learning_rate=0.3)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert again.get_config() == optimizer.get_config()
    assert (again.factors, again.decoupled_decay) == ([0.5, 2.0], 0.1)
    with pytest.raises(ValueError, match="a factor for each of 3 variables; received"):
        again.build(variables())
