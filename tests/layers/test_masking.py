"""Masked softmax is a softmax over what may be seen, and zero where nothing may."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.layers.masking import (
    causal_mask,
    combine_masks,
    masked_softmax,
)
from tests.support import to_numpy


def softmax(scores):
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    "dtype, tolerance", [("float32", 1e-6), ("float16", 1e-3), ("bfloat16", 1e-2)]
)
def test_agrees_with_the_formula_in_the_dtype_of_the_scores(dtype, tolerance):
    scores = np.random.default_rng(0).normal(size=(2, 3, 5)).astype("float32")
    result = masked_softmax(ops.cast(scores, dtype))
    assert keras.backend.standardize_dtype(result.dtype) == dtype
    np.testing.assert_allclose(to_numpy(result), softmax(scores), atol=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_what_is_masked_might_as_well_not_be_there(dtype):
    scores = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    scores[:, 3:] = 1e4
    mask = np.arange(5) < 3
    result = to_numpy(masked_softmax(ops.cast(scores, dtype), mask))
    expected = to_numpy(masked_softmax(ops.cast(scores[:, :3], dtype)))
    np.testing.assert_array_equal(result[:, :3], expected)
    np.testing.assert_array_equal(result[:, 3:], 0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_fully_masked_row_is_exactly_zero(dtype):
    mask = np.array([[True, False, True], [False, False, False]])
    result = to_numpy(masked_softmax(ops.ones((2, 3), dtype=dtype), mask))
    np.testing.assert_array_equal(result, [[0.5, 0, 0.5], [0, 0, 0]])


def test_long_rows_of_half_precision_sum_to_one():
    # 100,000 exponentials of one and the same score overflow a float16 sum.
    result = masked_softmax(ops.zeros((1, 100_000), dtype="float16"))
    np.testing.assert_allclose(to_numpy(result).sum(), 1.0, rtol=2e-2)


def test_masks_combine_by_and_and_none_means_everywhere():
    row, column = np.array([[True, False]]), np.array([[True], [False]])
    assert combine_masks() is None
    assert combine_masks(None, None) is None
    np.testing.assert_array_equal(combine_masks(None, row), row)
    np.testing.assert_array_equal(combine_masks(row, None, column), row & column)
    np.testing.assert_array_equal(combine_masks(np.array([1, 0])), [True, False])


@pytest.mark.parametrize("offset", [0, 2])
def test_causal_mask_hides_the_future(offset):
    mask = to_numpy(causal_mask(3, 5, offset=offset))
    np.testing.assert_array_equal(mask, np.tri(3, 5, offset, dtype=bool))


def test_causal_mask_is_square_by_default():
    np.testing.assert_array_equal(causal_mask(4), np.tri(4, dtype=bool))


class CausalMean(keras.layers.Layer):
    """Takes the length from a tensor whose axes are unknown while it is traced."""

    def call(self, inputs):
        length = ops.shape(inputs)[1]
        scores = ops.zeros_like(inputs[:, :1, 0])[..., None]  # (B, 1, 1)
        return ops.matmul(
            masked_softmax(scores + ops.zeros((length, length)), causal_mask(length)),
            inputs,
        )


def test_unknown_lengths_work_in_a_functional_model():
    inputs = keras.Input((None, 2))
    model = keras.Model(inputs, CausalMean()(inputs))
    for length in (3, 5):
        example = np.random.default_rng(0).normal(size=(2, length, 2))
        expected = np.cumsum(example, axis=1) / np.arange(1, length + 1)[:, None]
        result = model.predict_on_batch(example)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-6)


def test_one_position_gets_all_without_a_warning():
    scores = np.array([[3.0], [-2.0]], "float32")
    mask = np.array([[True], [False]])
    assert to_numpy(masked_softmax(scores)).tolist() == [[1.0], [1.0]]
    assert to_numpy(masked_softmax(scores, mask)).tolist() == [[1.0], [0.0]]
