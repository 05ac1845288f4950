"""BahdanauAttention agrees with its formula and never attends to padding."""

import keras
import numpy as np
import pytest

from keras_attention.layers.bahdanau import BahdanauAttention
from tests.layers.test_masking import softmax
from tests.support import check_layer, to_numpy


def example(seed=0, **config):
    rng = np.random.default_rng(seed)
    query = rng.normal(size=(2, 3, 4)).astype("float32")
    value = rng.normal(size=(2, 5, 6)).astype("float32")
    return BahdanauAttention(units=8, **config), query, value


def attend(attention, *args, **kwargs):
    outputs = attention(*args, return_attention_scores=True, **kwargs)
    return [to_numpy(output) for output in outputs]


@pytest.mark.parametrize("use_bias", [False, True])
def test_keeps_the_layer_contract(use_bias):
    config = {"units": 8, "use_bias": use_bias}
    check_layer(BahdanauAttention, config, query=(2, 3, 4), value=(2, 5, 6))


def test_keeps_the_layer_contract_with_padding():
    mask = np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
    check_layer(
        BahdanauAttention,
        {"units": 8},
        query=(2, 3, 4),
        value=(2, 5, 6),
        value_mask=mask,
    )


def test_agrees_with_the_formula():
    attention, query, value = example()
    context, attention_scores = attend(attention, query, value)

    query_kernel, key_kernel, score_kernel = attention.get_weights()
    hidden = np.tanh((query @ query_kernel)[:, :, None] + (value @ key_kernel)[:, None])
    expected = softmax((hidden @ score_kernel)[..., 0])
    np.testing.assert_allclose(attention_scores, expected, rtol=1e-4)
    np.testing.assert_allclose(context, expected @ value, rtol=1e-4, atol=1e-6)


def test_the_bias_stands_within_tanh():
    attention, query, value = example(use_bias=True)
    attention.build(query.shape, value.shape)
    weights = attention.get_weights()
    weights[1] = np.linspace(-1, 1, 8)
    attention.set_weights(weights)
    query_kernel, bias, key_kernel, score_kernel = weights
    hidden = (query @ query_kernel + bias)[:, :, None] + (value @ key_kernel)[:, None]
    expected = softmax((np.tanh(hidden) @ score_kernel)[..., 0])
    _, attention_scores = attend(attention, query, value)
    np.testing.assert_allclose(attention_scores, expected, rtol=1e-4)


@pytest.mark.parametrize("padding", [1, 4])
def test_padding_changes_nothing(padding):
    attention, query, value = example()
    noise = 1e3 * np.ones((2, padding, 6), "float32")
    padded = np.concatenate([value, noise], axis=1)
    mask = np.broadcast_to(np.arange(5 + padding) < 5, (2, 5 + padding))

    context = attention(query, value)
    context_padded, attention_scores = attend(attention, query, padded, value_mask=mask)
    np.testing.assert_allclose(context_padded, context, rtol=1e-4, atol=1e-5)
    assert not np.any(attention_scores[..., 5:])


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_a_source_of_padding_alone_gives_zeros(dtype):
    attention, query, value = example(dtype=dtype)
    context, attention_scores = attend(
        attention, query, value, value_mask=np.array([[True] * 5, [False] * 5])
    )
    assert np.all(np.isfinite(context))
    assert np.any(context[0]) and np.any(attention_scores[0])
    assert not np.any(context[1]) and not np.any(attention_scores[1])


def test_takes_the_mask_that_an_embedding_left_on_value():
    attention, query, _ = example()
    embedding = keras.layers.Embedding(9, 6, mask_zero=True)
    value = embedding(np.array([[1, 2, 0], [3, 0, 0]]))
    _, attention_scores = attend(attention, query, value)
    np.testing.assert_array_equal(attention_scores[:, 0] > 0, [[1, 1, 0], [1, 0, 0]])


def test_passes_the_mask_of_query_to_the_context():
    attention, *_ = example()
    query_ids = keras.Input((None,), dtype="int32")
    query = keras.layers.Embedding(9, 4, mask_zero=True)(query_ids)
    pooled = keras.layers.GlobalAveragePooling1D()(attention(query, query))
    whole = keras.Model(query_ids, pooled).predict_on_batch(np.array([[3, 4]]))
    padded = keras.Model(query_ids, pooled).predict_on_batch(np.array([[3, 4, 0]]))
    np.testing.assert_allclose(padded, whole, rtol=1e-5)


def test_a_key_projected_once_gives_the_same_numbers():
    attention, query, value = example()
    expected = attend(attention, query, value)
    key = attention.project_key(value)
    assert tuple(key.shape) == (2, 5, 8)
    for actual, reference in zip(
        attend(attention, query, value, key=key), expected, strict=True
    ):
        np.testing.assert_allclose(actual, reference, rtol=1e-5, atol=1e-6)


def test_beams_attend_to_the_source_of_their_row():
    attention, _, value = example()
    query = np.random.default_rng(1).normal(size=(6, 1, 4)).astype("float32")
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)
    expected = attend(
        attention,
        query,
        np.repeat(value, 3, axis=0),
        value_mask=np.repeat(mask, 3, axis=0),
    )
    actual = attend(attention, query, value, value_mask=mask)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_forgotten_time_axis_is_an_error():
    attention, query, value = example()
    with pytest.raises(ValueError, match=r"query\[:, None, :\]"):
        attention(query[:, 0], value)
