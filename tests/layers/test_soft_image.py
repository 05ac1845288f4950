"""SoftImageAttention agrees with its formula, and its scores lie over the image."""

import numpy as np
import pytest

from keras_attention.layers.soft_image import (
    SoftImageAttention,
    as_grid,
    doubly_stochastic_penalty,
)
from tests.layers.test_masking import softmax
from tests.support import check_layer, to_numpy


def example(seed=0, regions=(4,)):
    rng = np.random.default_rng(seed)
    query = rng.normal(size=(2, 3, 5)).astype("float32")
    return query, rng.normal(size=(2, *regions, 6)).astype("float32")


def attend(attention, *args, **kwargs):
    outputs = attention(*args, return_attention_scores=True, **kwargs)
    return [to_numpy(output) for output in outputs]


@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("value", [(2, 4, 6), (2, 2, 4, 6)], ids=["regions", "grid"])
def test_keeps_the_layer_contract(gate, value):
    config = {"units": 8, "gate": gate}
    check_layer(SoftImageAttention, config, query=(2, 3, 5), value=value)


@pytest.mark.parametrize("gate", [True, False])
def test_agrees_with_the_formula(gate):
    query, value = example()
    attention = SoftImageAttention(units=8, gate=gate)
    context, attention_scores = attend(attention, query, value)

    state_kernel, region_kernel, score_kernel, *gate_weights = attention.get_weights()
    hidden = (query @ state_kernel)[:, :, None] + (value @ region_kernel)[:, None]
    expected = softmax((np.tanh(hidden) @ score_kernel)[..., 0])
    np.testing.assert_allclose(attention_scores, expected, rtol=1e-4)
    beta = 1.0
    if gate:
        kernel, bias = gate_weights
        beta = 1 / (1 + np.exp(-(query @ kernel + bias)))  # (B, T, 1)
    np.testing.assert_allclose(context, beta * (expected @ value), rtol=1e-4, atol=1e-6)


def test_a_grid_is_its_regions_row_by_row():
    query, value = example(regions=(2, 3))
    attention = SoftImageAttention(units=8)
    of_grid = attend(attention, query, value)
    of_regions = attend(attention, query, value.reshape(2, 6, 6))
    for one, other in zip(of_grid, of_regions, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)

    key = attention.project_key(value)
    assert tuple(key.shape) == (2, 6, 8)
    _, attention_scores = attend(attention, query, value, key=key)
    np.testing.assert_allclose(attention_scores, of_grid[1], rtol=1e-5, atol=1e-6)

    maps = as_grid(attention_scores, height=2)
    np.testing.assert_array_equal(to_numpy(maps)[1, 2, 1], attention_scores[1, 2, 3:])


def test_beams_attend_to_the_image_of_their_row():
    _, value = example()
    attention = SoftImageAttention(units=8)
    query = np.random.default_rng(1).normal(size=(6, 1, 5)).astype("float32")
    expected = attend(attention, query, np.repeat(value, 3, axis=0))
    actual = attend(attention, query, value)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_masked_region_is_not_attended_to():
    query, value = example()
    mask = np.array([[1, 1, 0, 1], [0, 0, 0, 0]], bool)
    context, attention_scores = attend(
        SoftImageAttention(units=8), query, value, value_mask=mask
    )
    np.testing.assert_array_equal(attention_scores[:, 0] > 0, mask)
    assert not np.any(context[1])


@pytest.mark.parametrize(
    "sizes, shape",
    [
        ({}, (2, 4, 3)),
        ({"height": 2}, (2, 2, 6)),
        ({"width": 2}, (2, 6, 2)),
        ({"height": 3, "width": 4}, (2, 3, 4)),
    ],
)
def test_scores_lie_on_a_grid(sizes, shape):
    length = 12 if sizes else 16
    grid = as_grid(np.arange(2.0 * length).reshape(2, length), **sizes)
    expected = shape if sizes else (2, 4, 4)
    assert tuple(grid.shape) == expected
    np.testing.assert_array_equal(to_numpy(grid).ravel(), np.arange(2 * length))


@pytest.mark.parametrize("sizes", [{}, {"height": 5}, {"height": 3, "width": 3}])
def test_regions_that_fill_no_grid_are_an_error(sizes):
    with pytest.raises(ValueError, match="L=12"):
        as_grid(np.ones((2, 12)), **sizes)


def test_the_penalty_is_zero_where_each_region_is_seen_once():
    once = np.eye(3)[None]  # three words, three regions
    np.testing.assert_allclose(doubly_stochastic_penalty(once), [0.0])
    first = np.zeros((1, 3, 3))
    first[..., 0] = 1.0  # (1 − 3)² + (1 − 0)² + (1 − 0)²
    np.testing.assert_allclose(doubly_stochastic_penalty(first), [6.0])
    mask = np.array([[True, False, False]])
    np.testing.assert_allclose(doubly_stochastic_penalty(first, mask), [2.0])


def test_a_forgotten_axis_is_an_error():
    query, value = example()
    with pytest.raises(ValueError, match="3 or 4"):
        SoftImageAttention(units=8)(query, value[0])
