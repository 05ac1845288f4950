"""The loss of attention agrees with its formula."""

import keras
import numpy as np
import pytest

from keras_attention.layers.guided_alignment import alignment_loss
from tests.support import to_numpy


def example():
    rng = np.random.default_rng(0)
    scores = rng.dirichlet(np.ones(4), size=(2, 3)).astype("float32")
    alignments = np.zeros((2, 3, 4), "float32")
    alignments[0, 0, 1] = 1
    alignments[0, 2, [0, 3]] = 0.5  # two links share the row; row 1 has none
    alignments[1, 1, 2] = 1
    return alignments, scores


def test_agrees_with_the_formula():
    alignments, scores = example()
    expected = -np.log(scores[0, 0, 1]) - np.log(scores[1, 1, 2])
    expected -= 0.5 * np.log(scores[0, 2, 0]) + 0.5 * np.log(scores[0, 2, 3])
    loss = to_numpy(alignment_loss(alignments, scores))
    assert (loss.shape, loss.dtype) == ((), np.float32)
    np.testing.assert_allclose(loss, expected / 3, rtol=1e-5)


def test_is_per_token_where_tokens_weigh_something():
    """Also those without links, as the cross-entropy of tokens is."""
    alignments, scores = example()
    weights = np.array([[1, 1, 0.5], [2, 0, 3]], "float32")
    losses = -(alignments * np.log(scores)).sum(axis=-1)
    expected = (weights * losses).sum() / weights.sum()
    loss = to_numpy(alignment_loss(alignments, scores, weights))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_where_nothing_is_aligned_nothing_is_lost():
    _, scores = example()
    assert float(alignment_loss(np.zeros_like(scores), scores)) == 0


def test_rows_without_links_do_not_count():
    alignments, scores = example()
    padded = [np.pad(x, ((0, 3), (0, 2), (0, 1))) for x in (alignments, scores)]
    expected = to_numpy(alignment_loss(alignments, scores))
    np.testing.assert_allclose(alignment_loss(*padded), expected, rtol=1e-6)


def test_attention_that_agrees_loses_nothing():
    alignments, _ = example()
    whole = np.eye(4, dtype="float32")[np.argmax(alignments, axis=-1)]
    np.testing.assert_allclose(alignment_loss(whole, whole), 0, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_no_attention_where_it_should_be_is_bad_but_finite(dtype):
    alignments, _ = example()
    scores = keras.ops.cast(np.zeros_like(alignments), dtype)
    loss = alignment_loss(keras.ops.cast(alignments, dtype), scores)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    assert 10 < float(loss) < 100
