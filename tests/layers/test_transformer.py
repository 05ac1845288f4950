"""Blocks are their sublayers in the order of the paper; decoder steps equal a pass."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.layers.transformer import (
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)
from tests.support import check_layer, to_numpy

B, T, S, DIM = 2, 3, 5, 6
CONFIG = {"model_dim": DIM, "num_heads": 2, "feed_forward_dim": 8}
NORMS = pytest.mark.parametrize("norm_first", [False, True], ids=["post", "pre"])
TARGET_MASK = np.array([[1, 1, 1], [1, 1, 0]], bool)
SOURCE_MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]], bool)


def features(length, rows=B):
    rng = np.random.default_rng(length)
    return rng.normal(size=(rows, length, DIM)).astype("float32")


def built(block, *shapes):
    """The block with all its weights random, norms and biases too."""
    block.build(*shapes)
    rng = np.random.default_rng(7)
    block.set_weights([rng.normal(size=w.shape) * 0.5 for w in block.get_weights()])
    return block


def encoder(**config):
    return built(TransformerEncoderBlock(**CONFIG, **config), (None, None, DIM))


def decoder(**config):
    shape = (None, None, DIM)
    return built(TransformerDecoderBlock(**CONFIG, **config), shape, shape)


def layer_norm(layer, x):
    gamma, beta = layer.get_weights()
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + layer.epsilon)
    return gamma * centred / deviation + beta


def feed_forward(block, x):
    inner_kernel, inner_bias = block.inner_dense.get_weights()
    outer_kernel, outer_bias = block.outer_dense.get_weights()
    return np.maximum(x @ inner_kernel + inner_bias, 0) @ outer_kernel + outer_bias


def residual(block, norm, x, function):
    if block.norm_first:
        return x + function(layer_norm(norm, x))
    return layer_norm(norm, x + function(x))


def assert_close(actual, expected, tolerance=1e-4):
    np.testing.assert_allclose(
        to_numpy(actual), to_numpy(expected), rtol=tolerance, atol=tolerance
    )


@NORMS
def test_encoder_block_keeps_the_layer_contract(norm_first):
    config = {**CONFIG, "norm_first": norm_first, "activation": "gelu"}
    check_layer(TransformerEncoderBlock, config, value=(B, S, DIM))


@NORMS
def test_decoder_block_keeps_the_layer_contract(norm_first):
    check_layer(
        TransformerDecoderBlock,
        {**CONFIG, "norm_first": norm_first},
        query=(B, T, DIM),
        value=(B, S, DIM),
        query_mask=TARGET_MASK,
        value_mask=SOURCE_MASK,
    )


@NORMS
def test_encoder_block_is_attention_then_feed_forward(norm_first):
    block, value = encoder(norm_first=norm_first), features(S)

    def attention(x):
        return to_numpy(block.self_attention(x, value_mask=SOURCE_MASK))

    x = residual(block, block.self_attention_norm, value, attention)
    x = residual(block, block.feed_forward_norm, x, lambda x: feed_forward(block, x))
    assert_close(block(value, value_mask=SOURCE_MASK), x)


@NORMS
def test_decoder_block_is_self_attention_cross_attention_feed_forward(norm_first):
    block, query, value = decoder(norm_first=norm_first), features(T), features(S)

    def look_back(x):
        return to_numpy(
            block.self_attention(x, value_mask=TARGET_MASK, use_causal_mask=True)
        )

    def look_at_source(x):
        return to_numpy(block.cross_attention(x, value, value_mask=SOURCE_MASK))

    x = residual(block, block.self_attention_norm, query, look_back)
    x = residual(block, block.cross_attention_norm, x, look_at_source)
    x = residual(block, block.feed_forward_norm, x, lambda x: feed_forward(block, x))
    outputs = block(query, value, query_mask=TARGET_MASK, value_mask=SOURCE_MASK)
    assert_close(outputs, x)


@NORMS
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-4), ("bfloat16", 0.15)])
def test_decoder_steps_equal_the_full_pass_for_all_beams(norm_first, dtype, tolerance):
    block, beams = decoder(norm_first=norm_first, dtype=dtype), 2
    query, value = features(T, rows=B * beams), features(S)
    expected, expected_scores = block(
        query,
        np.repeat(value, beams, axis=0),
        value_mask=np.repeat(SOURCE_MASK, beams, axis=0),
        return_attention_scores=True,
    )
    source = block.project_source(value)
    cache = block.make_cache(B * beams, num_steps=T + 1)
    for t in range(T):
        step, scores, cache = block.step(
            query[:, t], source, cache, t, value_mask=SOURCE_MASK
        )
        assert_close(step, expected[:, t], tolerance)
        assert_close(scores, expected_scores[:, :, t], tolerance)


def test_padding_and_the_future_change_nothing_before_them():
    block, query, value = decoder(), features(T), features(S)
    before = block(query, value, value_mask=SOURCE_MASK)
    query, value = query.copy(), value.copy()
    query[:, 2] = 1e2
    value[1, 2:] = 1e2
    after = block(query, value, value_mask=SOURCE_MASK)
    assert_close(after[:, :2], before[:, :2])


def test_masks_of_embeddings_are_obeyed_and_passed_on():
    ids = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(9, DIM, mask_zero=True)
    encoded = encoder()(embedding(ids))
    decoded = decoder()(embedding(ids), encoded)
    pooled = keras.layers.GlobalAveragePooling1D()(decoded)
    model = keras.Model(ids, pooled)
    whole = model.predict_on_batch(np.array([[3, 4]]))
    padded = model.predict_on_batch(np.array([[3, 4, 0, 0]]))
    assert_close(padded, whole)


def test_dropout_acts_in_training_only():
    plain, dropping = encoder(), encoder(dropout=0.5, attention_dropout=0.5)
    value = features(S)
    assert_close(dropping(value), plain(value))
    difference = ops.abs(dropping(value, training=True) - plain(value))
    assert to_numpy(difference).max() > 0.01


@pytest.mark.parametrize("num_heads", [4, 0])
def test_heads_that_do_not_share_the_width_evenly_are_an_error(num_heads):
    with pytest.raises(ValueError, match=f"model_dim=6, num_heads={num_heads}"):
        TransformerEncoderBlock(6, num_heads, 8)
