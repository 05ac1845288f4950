"""Scheduled sampling follows its three schedules and draws what softmax says."""

import keras
import numpy as np
import pytest

from keras_attention.choices import SAMPLING_SCHEDULES
from keras_attention.layers.scheduled_sampling import (
    ScheduledSampling,
    draw_tokens,
)
from tests.shape_support import check_shapes
from tests.support import compiled, to_numpy

TOKEN_IDS = np.ones((40, 50), "int32")


def shares(schedule, half_steps, steps, **options):
    layer = ScheduledSampling(schedule, half_steps, **options)
    return to_numpy(layer.teacher_share(np.asarray(steps, "float32")))


def test_schedules_agree_with_their_formulas():
    i = np.arange(0, 400, 7)
    linear, exponential, sigmoid = (shares(name, 100, i) for name in SAMPLING_SCHEDULES)
    np.testing.assert_allclose(linear, np.maximum(0, 1 - i / 200), atol=1e-6)
    np.testing.assert_allclose(exponential, (0.5 ** (1 / 100)) ** i, rtol=1e-5)
    # k ln k = 100
    k = 29.536599
    np.testing.assert_allclose(sigmoid, k / (k + np.exp(i / k)), rtol=1e-4)


@pytest.mark.parametrize("schedule", SAMPLING_SCHEDULES)
@pytest.mark.parametrize("half_steps", [1, 2, 30, 2000, 100_000])
def test_half_of_the_tokens_are_its_own_after_half_steps(schedule, half_steps):
    first, half, last = shares(schedule, half_steps, [0, half_steps, 50 * half_steps])
    np.testing.assert_allclose(half, 0.5, rtol=1e-4)
    np.testing.assert_allclose(last, 0, atol=1e-6)
    assert 0.5 < first <= 1


@pytest.mark.parametrize("schedule", SAMPLING_SCHEDULES)
def test_the_share_falls_and_not_below_the_least(schedule):
    found = shares(schedule, 50, np.arange(0, 500, 5), least=0.3)
    assert (np.diff(found) <= 0).all()
    np.testing.assert_allclose(found[-1], 0.3)


@pytest.mark.parametrize("schedule", SAMPLING_SCHEDULES)
def test_as_many_tokens_are_right_as_the_schedule_says(schedule):
    layer = ScheduledSampling(schedule, 4)
    draw = compiled(layer) if keras.backend.backend() == "tensorflow" else layer
    for i in range(6):
        shown, uniforms = (to_numpy(x) for x in draw(TOKEN_IDS))
        share = to_numpy(layer.teacher_share(i))
        deviation = (share * (1 - share) / shown.size) ** 0.5
        assert abs(shown.mean() - share) <= 5 * deviation + 1e-6
        assert 0 <= uniforms.min() and uniforms.max() < 1
        # Coins and uniforms are drawn apart.
        assert abs(uniforms.mean() - 0.5) < 0.04
    assert float(to_numpy(layer.num_batches)) == 6


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16"])
def test_half_precision_counts_on(policy):
    layer = ScheduledSampling("linear", 1000, dtype=policy)
    layer.num_batches.assign(999.0)
    layer(TOKEN_IDS)
    assert float(to_numpy(layer.num_batches)) == 1000


def test_shapes_are_known_without_numbers():
    check_shapes(ScheduledSampling, {}, {"token_ids": TOKEN_IDS})
    shown, uniforms = ScheduledSampling()(keras.KerasTensor((None, 7), dtype="int32"))
    assert (shown.shape, shown.dtype) == ((None, 7), "bool")
    assert (uniforms.shape, uniforms.dtype) == ((None, 7), "float32")


def test_it_adds_variables_but_no_weights():
    layer = ScheduledSampling()
    layer(TOKEN_IDS)
    assert layer.weights == [] and not layer.trainable_variables
    assert len(layer.variables) == 2  # the counter and the seed


def test_survives_its_configuration():
    layer = ScheduledSampling("exponential", 7, 0.25, name="mine")
    config = keras.saving.serialize_keras_object(layer)
    twin = keras.saving.deserialize_keras_object(config)
    assert twin.get_config() == layer.get_config()
    assert (twin.schedule, twin.half_steps, twin.least) == ("exponential", 7, 0.25)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("cubic",), "one of linear, exponential, inverse_sigmoid; received 'cubic'"),
        (("linear", 0), "half_steps must be at least 1.*half_steps=0"),
        (("linear", 5, 1.5), "least from 0 to 1.*least=1.5"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        ScheduledSampling(*arguments)


def test_tokens_are_drawn_as_often_as_they_are_probable():
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=6).astype("float32")
    uniforms = (np.arange(10_000, dtype="float32") + 0.5) / 10_000
    drawn = to_numpy(draw_tokens(np.tile(logits, (10_000, 1)), uniforms))
    probabilities = np.exp(logits) / np.exp(logits).sum()
    counts = np.bincount(drawn, minlength=6)
    np.testing.assert_allclose(counts / 10_000, probabilities, atol=2e-4)
    assert drawn.dtype == np.int32


def test_the_ends_of_the_interval_draw_what_is_possible():
    logits = np.log(np.array([[0, 0.5, 0, 0.5, 0]], "float32") + 1e-38)
    logits = np.repeat(logits, 4, axis=0)
    largest = np.nextafter(np.float32(1), np.float32(0))
    uniforms = np.array([0, 0.25, 0.75, largest], "float32")
    np.testing.assert_array_equal(draw_tokens(logits, uniforms), [1, 1, 3, 3])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_rounding_never_draws_beyond_the_vocabulary(dtype):
    rng = np.random.default_rng(0)
    logits = keras.ops.cast(rng.normal(size=(50, 3001)), dtype)
    largest = np.nextafter(np.float32(1), np.float32(0))
    drawn = to_numpy(draw_tokens(logits, np.full(50, largest)))
    assert (drawn <= 3000).all() and (drawn > 2900).all()
