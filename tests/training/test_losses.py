"""Label-smoothed cross-entropy agrees with Keras's own and never sees padding."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.training.losses import LabelSmoothedCrossEntropy
from tests.support import to_numpy


def example(seed=0, scale=3.0):
    rng = np.random.default_rng(seed)
    logits = scale * rng.normal(size=(3, 5, 7)).astype("float32")
    labels = rng.integers(7, size=(3, 5))
    sample_weight = (np.arange(5) < [[5], [2], [0]]).astype("float32")
    return labels, logits, sample_weight


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7])
def test_agrees_with_one_hot_labels_in_keras(smoothing):
    labels, logits, sample_weight = example()
    loss = LabelSmoothedCrossEntropy(smoothing)(labels, logits, sample_weight)
    reference = keras.losses.CategoricalCrossentropy(
        from_logits=True,
        label_smoothing=smoothing,
        reduction="mean_with_sample_weight",
    )
    expected = reference(np.eye(7, dtype="float32")[labels], logits, sample_weight)
    np.testing.assert_allclose(to_numpy(loss), to_numpy(expected), rtol=1e-5)


def test_agrees_with_the_formula():
    labels, logits, _ = example()
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    likelihood = np.take_along_axis(log_probs, labels[..., None], axis=-1)[..., 0]
    expected = -0.9 * likelihood - 0.1 * log_probs.mean(axis=-1)

    loss = LabelSmoothedCrossEntropy(0.1, reduction=None)(labels, logits)
    np.testing.assert_allclose(to_numpy(loss), expected, rtol=1e-4)


def test_without_smoothing_is_sparse_cross_entropy():
    labels, logits, sample_weight = example()
    reference = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="mean_with_sample_weight"
    )
    np.testing.assert_allclose(
        to_numpy(LabelSmoothedCrossEntropy()(labels, logits, sample_weight)),
        to_numpy(reference(labels, logits, sample_weight)),
        rtol=1e-5,
    )


def test_padding_changes_nothing():
    labels, logits, sample_weight = example()
    loss = LabelSmoothedCrossEntropy(0.1)
    expected = to_numpy(loss(labels, logits, sample_weight))

    wide = [np.pad(x, [(0, 2), (0, 3)]) for x in (labels, sample_weight)]
    noise = np.full((5, 8, 7), 1e3, "float32")
    noise[:3, :5] = logits
    np.testing.assert_allclose(
        to_numpy(loss(wide[0], noise, wide[1])), expected, rtol=1e-6
    )


def test_a_batch_of_nothing_but_padding_costs_nothing():
    labels, logits, _ = example()
    loss = LabelSmoothedCrossEntropy(0.1)(labels, logits, np.zeros((3, 5), "float32"))
    assert to_numpy(loss) == 0


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_floats_give_finite_gradients(dtype):
    """Logits of 1000 and a vocabulary that overflows float16 when summed."""
    labels = np.array([[0, 7]])
    logits = np.zeros((1, 2, 70_000), "float32")
    logits[0, 0, 0], logits[0, 1, 7] = 1000.0, -1000.0
    variable = keras.Variable(logits, dtype=dtype)
    loss = LabelSmoothedCrossEntropy(0.1)

    def total(value):
        return loss(labels, value, np.ones((1, 2), "float32"))

    if keras.backend.backend() == "jax":
        import jax

        value, gradient = jax.value_and_grad(total)(variable.value)
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = total(variable.value)
        gradient = tape.gradient(value, variable.value)
    assert np.isfinite(to_numpy(value))
    assert np.all(np.isfinite(to_numpy(ops.cast(gradient, "float32"))))
    assert np.any(to_numpy(ops.cast(gradient, "float32")))


def test_survives_a_save():
    loss = LabelSmoothedCrossEntropy(0.3, name="smooth")
    config = keras.saving.serialize_keras_object(loss)
    twin = keras.saving.deserialize_keras_object(config)
    assert isinstance(twin, LabelSmoothedCrossEntropy)
    assert (twin.label_smoothing, twin.name) == (0.3, "smooth")
    assert twin.get_config() == loss.get_config()


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_smoothing_is_a_share(smoothing):
    with pytest.raises(ValueError, match=r"label_smoothing must be in \[0, 1\); recei"):
        LabelSmoothedCrossEntropy(smoothing)
