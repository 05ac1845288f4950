"""Multi-head attention agrees with its formula, with Keras, and with its own steps."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.layers.multi_head import (
    MultiHeadCrossAttention,
    MultiHeadSelfAttention,
)
from tests.layers.test_masking import softmax
from tests.support import check_layer, to_numpy

B, T, S, HEADS, KEY_DIM, DIM = 2, 3, 5, 2, 4, 6
CONFIG = {"num_heads": HEADS, "key_dim": KEY_DIM}
TARGET_MASK = np.array([[1, 1, 1], [1, 1, 0]], bool)
SOURCE_MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)


def features(length, dim=DIM, rows=B, seed=0):
    rng = np.random.default_rng(seed + length)
    return rng.normal(size=(rows, length, dim)).astype("float32")


def built(layer_class, *shapes, **config):
    """A layer whose biases are not the zeros that would hide a mistake."""
    layer = layer_class(**{**CONFIG, **config})
    layer.build(*shapes)
    rng = np.random.default_rng(7)
    layer.set_weights([rng.normal(size=w.shape) * 0.5 for w in layer.get_weights()])
    return layer


def self_attention(**config):
    return built(MultiHeadSelfAttention, (None, None, DIM), **config)


def cross_attention(**config):
    return built(MultiHeadCrossAttention, (None, None, DIM), (None, None, 8), **config)


def attend(layer, *args, **kwargs):
    outputs = layer(*args, return_attention_scores=True, **kwargs)
    return [to_numpy(output) for output in outputs]


def formula(layer, query, value, mask=None, scale=None):
    """Head by head, as section 3.2 writes it; `mask` is `(B, T, S)`."""
    dim = layer.key_dim if layer.value_dim is None else layer.value_dim
    scale = 1 / np.sqrt(layer.key_dim) if scale is None else scale
    dense = {
        name: (lambda x, w: x @ w[0] + (w[1] if len(w) > 1 else 0.0))
        for name in ("query", "key", "value", "output")
    }
    weights = {n: getattr(layer, f"{n}_dense").get_weights() for n in dense}
    q, k, v = (
        dense[name](x, weights[name])
        for name, x in [("query", query), ("key", value), ("value", value)]
    )
    heads, all_scores = [], []
    for head in range(layer.num_heads):
        keys = slice(head * layer.key_dim, (head + 1) * layer.key_dim)
        values = slice(head * dim, (head + 1) * dim)
        scores = scale * np.einsum("btd,bsd->bts", q[..., keys], k[..., keys])
        if mask is not None:
            scores = softmax(np.where(mask, scores, -1e30)) * mask
        else:
            scores = softmax(scores)
        all_scores.append(scores)
        heads.append(scores @ v[..., values])
    context = dense["output"](np.concatenate(heads, axis=-1), weights["output"])
    return context, np.stack(all_scores, axis=1)


def assert_close(actual, expected, tolerance=1e-5):
    np.testing.assert_allclose(
        to_numpy(actual), to_numpy(expected), rtol=10 * tolerance, atol=tolerance
    )


CONFIGS = {
    "plain": {},
    "narrow values, wide output": {"value_dim": 3, "output_dim": 9},
    "scale, no bias": {"scale": 0.3, "use_bias": False},
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_self_attention_keeps_the_layer_contract(config):
    check_layer(MultiHeadSelfAttention, {**CONFIG, **config}, value=(B, T, DIM))


def test_causal_padded_self_attention_keeps_the_layer_contract():
    check_layer(
        MultiHeadSelfAttention,
        CONFIG,
        options={"use_causal_mask": True},
        value=(B, T, DIM),
        value_mask=TARGET_MASK,
    )


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_cross_attention_keeps_the_layer_contract(config):
    inputs = {"query": (B, T, DIM), "value": (B, S, 8)}
    check_layer(MultiHeadCrossAttention, {**CONFIG, **config}, **inputs)


def test_padded_cross_attention_keeps_the_layer_contract():
    check_layer(
        MultiHeadCrossAttention,
        CONFIG,
        query=(B, T, DIM),
        value=(B, S, 8),
        value_mask=SOURCE_MASK,
    )


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_self_attention_agrees_with_the_formula(config):
    layer, value = self_attention(**config), features(T)
    expected = formula(layer, value, value, scale=config.get("scale"))
    for actual, reference in zip(attend(layer, value), expected, strict=True):
        assert_close(actual, reference)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_cross_attention_agrees_with_the_formula(config):
    layer, query, value = cross_attention(**config), features(T), features(S, 8)
    mask = np.broadcast_to(SOURCE_MASK[:, None], (B, T, S))
    expected = formula(layer, query, value, mask, scale=config.get("scale"))
    actual = attend(layer, query, value, value_mask=SOURCE_MASK)
    for one, other in zip(actual, expected, strict=True):
        assert_close(one, other)


def test_scores_are_divided_by_the_root_of_key_dim_by_default():
    by_default = self_attention(key_dim=64)
    by_hand = self_attention(key_dim=64, scale=1 / 8)
    value = 0.1 * features(T)
    for one, other in zip(
        attend(by_default, value), attend(by_hand, value), strict=True
    ):
        assert_close(one, other, 1e-6)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_agrees_with_keras_with_copied_weights(causal, padded):
    layer, value = self_attention(), features(T)
    reference = keras.layers.MultiHeadAttention(**CONFIG)
    reference.build(value.shape, value.shape)
    reference.set_weights(
        [
            weight.reshape(variable.shape)
            for weight, variable in zip(
                layer.get_weights(), reference.weights, strict=True
            )
        ]
    )
    mask = TARGET_MASK if padded else None
    expected = reference(
        value,
        value,
        value_mask=mask,
        use_causal_mask=causal,
        return_attention_scores=True,
    )
    actual = attend(layer, value, value_mask=mask, use_causal_mask=causal)
    for one, other in zip(actual, expected, strict=True):
        assert_close(one, other)


MASKS = {
    "none": {},
    "causal": {"use_causal_mask": True},
    "padding": {"value_mask": TARGET_MASK},
    "causal and padding": {"value_mask": TARGET_MASK, "use_causal_mask": True},
    "shared by the batch": {"attention_mask": np.eye(T, dtype=bool)},
    "one per row": {"attention_mask": np.stack([np.eye(T), np.ones((T, T))]) > 0},
    "a row that sees nothing": {"attention_mask": np.tri(T, T, -1) > 0},
    "padding alone": {"value_mask": np.array([[True] * T, [False] * T])},
}


@pytest.mark.parametrize("options", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_without_scores_the_numbers_are_the_same(options, dtype):
    layer, value = self_attention(dtype=dtype), features(T)
    context, _ = attend(layer, value, **options)
    fused = to_numpy(layer(value, **options))
    assert np.all(np.isfinite(fused))
    assert_close(fused, context, 1e-5 if dtype == "float32" else 5e-2)


def test_a_position_that_sees_nothing_gets_the_output_bias():
    layer, value = self_attention(), features(T)
    mask = np.tri(T, T, -1) > 0
    for context in (
        attend(layer, value, attention_mask=mask)[0],
        to_numpy(layer(value, attention_mask=mask)),
    ):
        bias = layer.output_dense.get_weights()[1]
        assert_close(context[:, 0], np.broadcast_to(bias, (B, DIM)))


@pytest.mark.parametrize("return_attention_scores", [False, True])
def test_the_future_and_padding_are_not_seen(return_attention_scores):
    layer, value = self_attention(), features(T)
    changed = value.copy()
    changed[:, 2] = 1e3
    for options in ({"use_causal_mask": True}, {"value_mask": np.arange(T)[None] < 2}):
        options = {**options, "return_attention_scores": return_attention_scores}
        before, after = (
            keras.tree.flatten(layer(x, **options))[0] for x in (value, changed)
        )
        assert_close(after[:, :2], before[:, :2])


def test_takes_the_mask_that_an_embedding_left_on_its_input():
    layer = self_attention()
    ids = np.array([[1, 2, 0], [3, 0, 0]])
    _, scores = attend(layer, keras.layers.Embedding(9, DIM, mask_zero=True)(ids))
    np.testing.assert_array_equal(scores[:, 0, 0] > 0, ids > 0)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-5), ("bfloat16", 5e-2)])
def test_steps_with_the_cache_equal_the_full_pass(dtype, tolerance):
    layer, value = self_attention(dtype=dtype), features(T)
    expected = to_numpy(layer(value, use_causal_mask=True))
    cache = layer.make_cache(B, num_steps=T + 2)  # longer than needed
    for t in range(T):
        context, cache = layer.step(value[:, t].astype("float32"), cache, t)
        assert_close(context, expected[:, t], tolerance)


def test_reordered_beams_see_what_they_descend_from():
    layer, beams, rng = self_attention(), 3, np.random.default_rng(3)
    value = rng.normal(size=(T, B, beams, DIM)).astype("float32")
    cache = layer.make_cache(B, T, beams=beams)
    histories = np.zeros((B, beams, 0), int)  # the beam each one was at each step
    for t in range(T):
        parents = rng.integers(beams, size=(B, beams, 1))
        histories = np.take_along_axis(histories, parents, axis=1)
        own = np.broadcast_to(np.arange(beams)[None, :, None], (B, beams, 1))
        histories = np.concatenate([histories, own], axis=-1)  # (B, beams, t + 1)

        visible = np.zeros((B, beams, T, beams), bool)
        np.put_along_axis(visible[:, :, : t + 1], histories[..., None], True, axis=-1)
        context, cache = layer.step(
            value[t].reshape(B * beams, DIM),
            cache,
            t,
            visible=visible.reshape(B, beams, T * beams),
        )
        for row, beam in np.ndindex(B, beams):
            path = value[np.arange(t + 1), row, histories[row, beam]]
            expected = layer(path[None], use_causal_mask=True)
            assert_close(context[row * beams + beam], expected[0, -1])


def test_steps_of_cross_attention_equal_the_full_pass_for_all_beams():
    layer, beams = cross_attention(), 3
    query, value = features(1, rows=B * beams), features(S, 8)
    expected = attend(
        layer,
        query,
        np.repeat(value, beams, axis=0),
        value_mask=np.repeat(SOURCE_MASK, beams, axis=0),
    )
    source = layer.project_source(value)
    context, scores = layer.step(query[:, 0], source, value_mask=SOURCE_MASK)
    assert_close(context, expected[0][:, 0])
    assert_close(scores, expected[1][:, :, 0])


def test_a_key_of_its_own_is_compared_instead_of_value():
    layer = built(
        MultiHeadCrossAttention, (None, None, DIM), (None, None, 8), (None, None, 5)
    )
    query, value, key = features(T), features(S, 8), features(S, 5)
    _, scores = attend(layer, query, value, key=key)
    _, other = attend(layer, query, 2 * value, key=key)
    assert_close(scores, other)
    source = layer.project_source(value, key=key)
    assert_close(layer.step(query[:, 0], source)[1], scores[:, :, 0])


def test_dropout_acts_in_training_only():
    plain, dropping = self_attention(), self_attention(dropout=0.5)
    value = features(T)
    assert_close(dropping(value), plain(value))
    assert np.abs(to_numpy(dropping(value, training=True) - plain(value))).max() > 0.01


def test_large_scores_stay_finite_in_float16():
    layer = self_attention(dtype="mixed_float16")
    value = ops.cast(100.0 * features(T), "float16")
    assert np.all(np.isfinite(to_numpy(attend(layer, value)[1])))


@pytest.mark.parametrize("config", [{"num_heads": 0}, {"key_dim": 0}])
def test_no_heads_or_no_width_is_an_error(config):
    with pytest.raises(ValueError, match="positive"):
        MultiHeadSelfAttention(**{**CONFIG, **config})


@pytest.mark.parametrize("dtype", ["mixed_float16", "float16"])
def test_steps_do_not_overflow_either(dtype):
    features = 2000 * np.random.default_rng(0).normal(size=(2, 6)).astype("float32")
    attention = MultiHeadSelfAttention(2, 4, dtype=dtype)
    attention.build((None, None, 6))
    context, cache = attention.step(features, attention.make_cache(2, 3), 0)
    context, _ = attention.step(-features, cache, 1)
    assert np.isfinite(to_numpy(context)).all()

    attention = MultiHeadCrossAttention(2, 4, dtype=dtype)
    attention.build((None, None, 6), (None, None, 6))
    source = attention.project_source(np.stack([features, -features], axis=1))
    context, scores = attention.step(features, source)
    assert np.isfinite(to_numpy(context)).all()
    np.testing.assert_allclose(to_numpy(scores).sum(axis=-1), 1, rtol=1e-2)
