"""LuongAttention agrees with its three formulas."""

import numpy as np
import pytest

from keras_attention.layers.luong import LuongAttention
from tests.layers.test_masking import softmax
from tests.support import check_layer, to_numpy


def example(seed=0, value_dim=6):
    rng = np.random.default_rng(seed)
    query = rng.normal(size=(2, 3, 4)).astype("float32")
    return query, rng.normal(size=(2, 5, value_dim)).astype("float32")


def attend(attention, *args, **kwargs):
    outputs = attention(*args, return_attention_scores=True, **kwargs)
    return [to_numpy(output) for output in outputs]


CONTRACTS = {
    "dot": ({"score": "dot"}, 4),
    "general": ({"score": "general"}, 6),
    "concat": ({"score": "concat"}, 6),
    "concat of 7": ({"score": "concat", "units": 7}, 6),
}


@pytest.mark.parametrize("config, value_dim", CONTRACTS.values(), ids=CONTRACTS)
def test_keeps_the_layer_contract(config, value_dim):
    check_layer(LuongAttention, config, query=(2, 3, 4), value=(2, 5, value_dim))


def dot(query, value, weights):
    return np.einsum("btd,bsd->bts", query, value)


def general(query, value, weights):
    (kernel,) = weights  # (value_dim, query_dim)
    return np.einsum("btd,de,bse->bts", query, kernel.T, value)


def concat(query, value, weights):
    query_kernel, key_kernel, score_kernel = weights
    kernel = np.concatenate([query_kernel, key_kernel])
    scores = np.zeros((2, 3, 5))
    for b, t, s in np.ndindex(scores.shape):
        both = np.concatenate([query[b, t], value[b, s]])
        scores[b, t, s] = np.tanh(both @ kernel) @ score_kernel[:, 0]
    return scores


@pytest.mark.parametrize(
    "score, formula, value_dim", [("dot", dot, 4), ("general", general, 6),
                                  ("concat", concat, 6)]
)  # fmt: skip
def test_agrees_with_the_formula(score, formula, value_dim):
    query, value = example(value_dim=value_dim)
    attention = LuongAttention(score=score)
    context, attention_scores = attend(attention, query, value)
    expected = softmax(formula(query, value, attention.get_weights()))
    np.testing.assert_allclose(attention_scores, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(context, expected @ value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("score, key_dim", [("dot", 4), ("general", 4), ("concat", 7)])
def test_a_key_projected_once_gives_the_same_numbers(score, key_dim):
    query, value = example(value_dim=4)
    units = {"units": 7} if score == "concat" else {}
    attention = LuongAttention(score=score, **units)
    mask = np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], bool)
    expected = attend(attention, query, value, value_mask=mask)
    key = attention.project_key(value)
    assert tuple(key.shape) == (2, 5, key_dim)
    actual = attend(attention, query, value, key=key, value_mask=mask)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert not np.any(actual[1][0, :, 3:])


def test_beams_attend_to_the_source_of_their_row():
    _, value = example()
    attention = LuongAttention(score="general")
    query = np.random.default_rng(1).normal(size=(6, 1, 4)).astype("float32")
    expected = attend(attention, query, np.repeat(value, 3, axis=0))
    actual = attend(attention, query, value)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_an_unknown_score_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match="'dot', 'general', 'concat'.*'bilinear'"):
        LuongAttention(score="bilinear")


def test_dot_of_unequal_widths_is_an_error_that_names_both():
    with pytest.raises(ValueError, match="query_dim=4 and value_dim=6"):
        LuongAttention(score="dot")(*example())


@pytest.mark.parametrize("score", ["dot", "general"])
def test_units_without_a_hidden_layer_are_an_error(score):
    with pytest.raises(ValueError, match="units=8"):
        LuongAttention(score=score, units=8)


@pytest.mark.parametrize("dtype", ["mixed_float16", "float16"])
@pytest.mark.parametrize("score", ["dot", "general"])
def test_scores_beyond_float16_are_weighed(score, dtype):
    """A dot product of 65,600 is no infinity, and one of 65,601 is more."""
    query = np.full((1, 1, 4), 256.0, "float32")
    value = np.array([[[64.0, 64, 64, 64], [64, 64, 64, 65], [-256] * 4]], "float32")
    attention = LuongAttention(score, dtype=dtype)
    attention.build(query.shape, value.shape)
    if score == "general":
        attention.set_weights([np.eye(4)])
    _, scores = attention(query, value, return_attention_scores=True)
    np.testing.assert_array_equal(to_numpy(scores), [[[0, 1, 0]]])
