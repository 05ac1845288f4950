"""Batches that are accumulated make the update of one whole batch."""

import keras
import numpy as np
import pytest

from keras_attention.models.transformer import Transformer
from keras_attention.training.accumulation import TokenAccumulation, innermost
from keras_attention.training.losses import LabelSmoothedCrossEntropy
from keras_attention.training.schedules import WarmupSchedule
from tests.support import slow_on_jax, to_numpy

SIZES = {"num_layers": 1, "model_dim": 8, "num_heads": 2, "feed_forward_dim": 8}
# To be read as one batch, or as a long one and a short one that padding fills up.
LENGTHS = (7, 6, 7, 1, 2, 0)


def made(dtype="float32", **losses):
    keras.utils.set_random_seed(0)
    model = Transformer(9, 9, **SIZES, dropout=0.0, dtype=dtype)
    for name, weight in losses.items():
        setattr(model, name, weight)
    model.build()
    model.built = True
    return model


def batch(seed):
    """Six sentences, aligned in part: inputs, labels, weights."""
    rng = np.random.default_rng(seed)
    real = np.arange(7) < np.array(LENGTHS)[:, None]
    labels = np.where(real, rng.integers(4, 9, size=real.shape), 0)
    alignments = np.eye(7)[rng.integers(7, size=real.shape)] * real[..., None]
    inputs = {
        "source_ids": np.where(real, rng.integers(4, 9, size=real.shape), 0),
        "target_ids": np.where(real, np.roll(labels, 1, axis=1), 0),
        "alignments": (alignments * (rng.random((6, 7, 1)) < 0.5)).astype("float32"),
    }
    return inputs, labels, rng.random(real.shape).astype("float32") + 0.5


def rows(data, rows):
    return tuple(
        {name: array[rows] for name, array in part.items()}
        if isinstance(part, dict)
        else part[rows]
        for part in data
    )


def adam(**options):
    """With an epsilon that leaves what has no gradient but noise: keys' biases."""
    options = {"global_clipnorm": 0.5, "use_ema": True, "ema_momentum": 0.9, **options}
    return keras.optimizers.AdamW(0.05, weight_decay=0.1, epsilon=1e-2, **options)


def trained(optimizer, parts, dtype="float32", updates=3, scale=None, **losses):
    """A model after some updates, each of six sentences read in `parts`."""
    model = made(dtype, **losses)
    if scale is not None:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=scale)
    eager = keras.backend.backend() == "tensorflow"
    model.compile(optimizer, LabelSmoothedCrossEntropy(0.1), run_eagerly=eager)
    model.optimizer.build(model.trainable_variables)
    for seed in range(updates):
        for part in parts:
            model.train_on_batch(*rows(batch(seed), part))
    return model


def assert_same(whole, halves, tolerance=1e-5):
    """Weights, moments, moving averages and counters."""
    for one, other in zip(
        whole.weights + innermost(whole.optimizer).variables,
        halves.weights + innermost(halves.optimizer).variables,
        strict=True,
    ):
        np.testing.assert_allclose(
            to_numpy(one), to_numpy(other), rtol=tolerance, atol=tolerance
        )


WHOLE, HALVES, THIRDS = (
    [slice(i, i + size) for i in range(0, 6, size)] for size in (6, 3, 2)
)


@pytest.mark.parametrize(
    ("parts", "losses"),
    [
        (HALVES, {}),
        (THIRDS, {"guided_alignment": 0.7}),
        (HALVES, {"guided_alignment": 0.7, "doubly_stochastic": 0.3}),
    ],
)
def test_parts_of_unequal_tokens_are_one_whole(parts, losses):
    """With clipping, weight decay, a moving average, and what else is to be lost."""
    whole = trained(adam(), WHOLE, **losses)
    halves = trained(TokenAccumulation(adam(), len(parts)), parts, **losses)
    assert_same(whole, halves)


def first_moments(model):
    variables = innermost(model.optimizer).variables
    return [to_numpy(v).ravel() for v in variables if "momentum" in v.path]


@slow_on_jax
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_so_they_are_in_mixed_precision(dtype):
    """As far as half floats go: the halves are rounded at other places."""
    scale = 2.0**8 if dtype == "mixed_float16" else None
    whole = trained(adam(), WHOLE, dtype, updates=1, scale=scale)
    halves = trained(
        TokenAccumulation(adam(), 2), HALVES, dtype, updates=1, scale=scale
    )
    one, other = (np.concatenate(first_moments(model)) for model in (whole, halves))
    assert np.linalg.norm(one) > 0
    assert np.linalg.norm(one - other) < 0.02 * np.linalg.norm(one)


@slow_on_jax
def test_a_scaled_loss_accumulates_as_one_that_is_not():
    """What float16 needs, in float32, where all else is exact."""
    whole = trained(adam(), WHOLE)
    halves = trained(TokenAccumulation(adam(), 2), HALVES, scale=2.0**12)
    assert_same(whole, halves)


@slow_on_jax
def test_a_batch_that_overflows_is_left_out():
    """The window waits for another, and the scale falls."""
    model = trained(TokenAccumulation(adam(), 2), HALVES, updates=1, scale=2.0**12)
    before = [to_numpy(weight) for weight in model.weights]
    first, second = (rows(batch(1), part) for part in HALVES)
    model.train_on_batch(*first)
    model.train_on_batch(*second[:2], np.nan * second[2])
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(to_numpy(weight), value)
    assert float(model.optimizer.dynamic_scale) == 2.0**11
    model.train_on_batch(*second)

    whole = trained(adam(), WHOLE, updates=2)
    assert_same(whole, model)


@slow_on_jax
def test_batches_of_padding_alone_are_nothing():
    whole = trained(adam(), WHOLE, updates=1)
    model = trained(TokenAccumulation(adam(), 3), [slice(0, 6)], updates=1)
    inputs, labels, weight = batch(1)
    for _ in range(2):
        model.train_on_batch(
            {name: np.zeros_like(array) for name, array in inputs.items()},
            np.zeros_like(labels),
            weight,
        )
    assert_same(whole, model)


def test_schedules_count_updates():
    schedule = WarmupSchedule(1.0, 4)
    optimizer = TokenAccumulation(keras.optimizers.SGD(schedule), 2)
    model = trained(optimizer, HALVES, updates=3)
    assert int(model.optimizer.iterations) == 3
    assert float(model.optimizer.learning_rate) == 1.0


@slow_on_jax
def test_other_models_weigh_their_batches_alike():
    """As Keras does: nobody has said what they weigh."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 4, 3)).astype("float32")
    found = []
    for optimizer in (
        adam(gradient_accumulation_steps=2, use_ema=False),
        TokenAccumulation(adam(use_ema=False), 2),
    ):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
        model.compile(optimizer, "mse")
        for part in (slice(0, 3), slice(3, 4)):
            model.train_on_batch(x[part], y[part])
        found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@slow_on_jax
def test_an_open_window_survives_a_save(tmp_path):
    whole = trained(TokenAccumulation(adam(), 2), HALVES, updates=2)
    model = trained(TokenAccumulation(adam(), 2), HALVES, updates=1)
    first, second = (rows(batch(1), part) for part in HALVES)
    model.train_on_batch(*first)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert restored.optimizer.steps == 2
    restored.train_on_batch(*second)
    assert_same(whole, restored)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="steps must be at least 1; received 0"):
        TokenAccumulation(adam(), 0)
    with pytest.raises(ValueError, match="leave out its gradient_accumulation_steps=3"):
        TokenAccumulation(adam(gradient_accumulation_steps=3), 2)
