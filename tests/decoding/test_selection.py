"""Blocks of the vocabulary find what a look at each value finds."""

import numpy as np
import pytest
from keras import ops

from keras_attention.decoding.selection import BLOCK, argmax, top_k
from tests.support import to_numpy

SIZES = [5, 2 * BLOCK + 1, 700, 32 * BLOCK, 1_999]


def rows(size, kind):
    rng = np.random.default_rng(size)
    if kind == "ties":
        return rng.integers(0, 3, (6, size)).astype("float32")
    if kind == "forbidden":
        values = np.full((6, size), -1e9, "float32")
        values[:, rng.integers(0, size, 2)] = -1.5
        return values
    return rng.normal(size=(6, size)).astype("float32")


@pytest.mark.parametrize("kind", ["any", "ties", "forbidden"])
@pytest.mark.parametrize("k", [1, 4, 5])
@pytest.mark.parametrize("size", SIZES)
def test_top_k_is_a_stable_sort(size, k, kind):
    values = rows(size, kind)
    found, indices = map(to_numpy, top_k(ops.convert_to_tensor(values), k))
    expected = np.argsort(-values, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(found, np.take_along_axis(values, expected, 1))


@pytest.mark.parametrize("kind", ["any", "ties", "forbidden"])
@pytest.mark.parametrize("size", SIZES)
def test_argmax_is_the_first_of_the_largest(size, kind):
    values = rows(size, kind)
    found = to_numpy(argmax(ops.convert_to_tensor(values)))
    np.testing.assert_array_equal(found, values.argmax(axis=1))
