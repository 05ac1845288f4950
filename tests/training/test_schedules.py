"""Learning rates follow their formulas, in NumPy and inside an optimizer."""

import keras
import numpy as np
import pytest

from keras_attention.training.schedules import WarmupSchedule
from tests.support import to_numpy

WARMUP, TOTAL = 10, 50


def rise(step):
    return min(step / WARMUP, 1)


FORMULAS = {
    "inverse_sqrt": lambda step: rise(step) * (WARMUP / max(step, WARMUP)) ** 0.5,
    "cosine": lambda step: (
        rise(step)
        * (1 + np.cos(np.pi * np.clip((step - WARMUP) / (TOTAL - WARMUP), 0, 1)))
        / 2
    ),
    "linear": lambda step: (
        rise(step) * (1 - np.clip((step - WARMUP) / (TOTAL - WARMUP), 0, 1))
    ),
    "constant": rise,
}


def rates(schedule, count):
    return np.array([float(to_numpy(schedule(step))) for step in range(count)])


@pytest.mark.parametrize("decay", FORMULAS)
def test_follows_the_formula(decay):
    schedule = WarmupSchedule(0.02, WARMUP, decay, TOTAL)
    # The first update has step 0, and moves.
    expected = [0.02 * FORMULAS[decay](step + 1) for step in range(TOTAL + 5)]
    np.testing.assert_allclose(
        rates(schedule, TOTAL + 5), expected, rtol=1e-5, atol=1e-9
    )


def test_is_the_papers_schedule():
    """Vaswani et al., 2017, equation 3."""
    model_dim, warmup = 512, 20
    schedule = WarmupSchedule((model_dim * warmup) ** -0.5, warmup, "inverse_sqrt")
    steps = np.arange(1, 61)
    expected = model_dim**-0.5 * np.minimum(steps**-0.5, steps * warmup**-1.5)
    np.testing.assert_allclose(rates(schedule, 60), expected, rtol=1e-5)


def test_without_warmup_starts_at_the_top():
    assert rates(WarmupSchedule(0.5, 0, "inverse_sqrt"), 1)[0] == pytest.approx(0.5)


@pytest.mark.parametrize("decay", ["cosine", "linear"])
def test_warmup_may_outlast_the_training(decay):
    found = rates(WarmupSchedule(1.0, 10, decay, 5), 12)
    assert np.all(np.isfinite(found))
    np.testing.assert_allclose(found[:9], np.arange(1, 10) / 10, rtol=1e-6)


def test_survives_a_save_inside_an_optimizer():
    schedule = WarmupSchedule(0.02, WARMUP, "cosine", TOTAL)
    config = keras.saving.serialize_keras_object(keras.optimizers.Adam(schedule))
    optimizer = keras.saving.deserialize_keras_object(config)

    variable = keras.Variable([1.0])
    optimizer.build([variable])
    found = []
    for _ in range(3):
        found.append(float(to_numpy(optimizer.learning_rate)))
        optimizer.apply([np.ones(1, "float32")], [variable])
    np.testing.assert_allclose(found, rates(schedule, 3), rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"decay": "exponential"}, "decay must be one of .* received 'exponential'"),
        ({"decay": "cosine"}, "decay='cosine' needs total_steps, where it ends"),
        ({"decay": "linear", "total_steps": 0}, "decay='linear' needs total_steps"),
    ],
)
def test_errors_say_what_is_missing(arguments, message):
    with pytest.raises(ValueError, match=message):
        WarmupSchedule(1.0, **arguments)
