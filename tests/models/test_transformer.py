"""The Transformer steps as it trains, survives a save, and has its paper's sizes."""

import keras
import numpy as np
import pytest

from keras_attention.models.transformer import PRESETS, Transformer
from tests.model_support import check_model, copy_weights, teacher_forced
from tests.support import MODULE_SLOW_ON_JAX

SIZES = {"num_layers": 2, "model_dim": 8, "num_heads": 2, "feed_forward_dim": 12}
INPUTS = {
    "source_ids": np.array([[4, 5, 6, 3], [6, 3, 0, 0]], "int32"),
    "target_ids": np.array([[2, 5, 4], [2, 7, 6]], "int32"),
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        pytest.param(
            {"norm_first": True, "activation": "gelu"}, marks=MODULE_SLOW_ON_JAX
        ),
        pytest.param(
            {"share_embeddings": True, "alignment_layer": 0, "num_layers": 3},
            marks=MODULE_SLOW_ON_JAX,
        ),
        {"num_layers": 1, "num_heads": 1, "dropout": 0.5, "attention_dropout": 0.5},
        {
            "num_layers": 1,
            "num_decoder_layers": 3,
            "epsilon": 1e-5,
            "output_bias": True,
            "max_wavelength": 5000.0,
            "position_offset": 2,
        },
    ],
    ids=["post-norm", "pre-norm", "shared", "one layer", "as others have it"],
)
def test_keeps_the_model_contract(changes):
    keras.utils.set_random_seed(0)
    config = {"source_vocabulary_size": 9, "target_vocabulary_size": 9, **SIZES}
    check_model(Transformer, {**config, **changes}, INPUTS)


def test_vocabularies_may_differ():
    model = Transformer(7, 11, **SIZES)
    assert tuple(model(INPUTS).shape) == (2, 3, 11)


@pytest.mark.parametrize("layer, block", [(0, 0), (1, 1), (-1, 2), (-2, 1), (9, 2)])
def test_attention_is_that_of_the_alignment_layer(layer, block):
    keras.utils.set_random_seed(0)
    plain = Transformer(9, 9, **{**SIZES, "num_layers": 3})
    expected = []
    for i, decoder_block in enumerate(plain.decoder_blocks):
        call = decoder_block.call

        def spy(*args, call=call, **kwargs):
            kwargs["return_attention_scores"] = True
            features, scores = call(*args, **kwargs)
            expected.append(np.asarray(scores).mean(axis=1))
            return features

        if i < 3:
            decoder_block.call = spy
    plain(INPUTS)
    aligned = Transformer(9, 9, **{**SIZES, "num_layers": 3, "alignment_layer": layer})
    aligned(INPUTS)
    copy_weights(plain, aligned)
    scores = teacher_forced(aligned, INPUTS)[1]
    np.testing.assert_allclose(scores, expected[block], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(scores.sum(axis=-1), 1, rtol=1e-5)


def test_later_tokens_change_nothing_before_them():
    model = Transformer(9, 9, **SIZES)
    target_ids = INPUTS["target_ids"].copy()
    before = teacher_forced(model, INPUTS)
    target_ids[:, 2] = 8
    after = teacher_forced(model, {**INPUTS, "target_ids": target_ids})
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one[:, :2], other[:, :2], rtol=1e-4, atol=1e-5)


def test_a_bias_is_added_to_logits_and_not_trained():
    plain = Transformer(9, 9, **SIZES)
    biased = Transformer(9, 9, **SIZES, output_bias=True)
    expected = plain(INPUTS)
    biased(INPUTS)
    bias = np.arange(9, dtype="float32")
    biased.set_weights([bias, *plain.get_weights()])
    np.testing.assert_allclose(biased(INPUTS), expected + bias, rtol=1e-4, atol=1e-5)
    assert len(biased.trainable_weights) == len(plain.trainable_weights)


def test_the_first_position_may_be_another():
    plain = Transformer(9, 9, **SIZES)
    moved = Transformer(9, 9, **SIZES, position_offset=2)
    for model in (plain, moved):
        model(INPUTS)
    embed = plain._embed(plain.target_embedding, INPUTS["target_ids"])
    copy_weights(plain, moved)
    shift = moved._embed(moved.target_embedding, INPUTS["target_ids"]) - embed
    encode = plain.position_encoding.encode_positions
    expected = encode(np.arange(2, 5), 8) - encode(np.arange(3), 8)
    np.testing.assert_allclose(shift, np.stack([expected] * 2), atol=1e-5)


def test_target_embeddings_are_the_output_weights():
    separate = Transformer(9, 9, **SIZES)
    shared = Transformer(9, 9, **SIZES, share_embeddings=True)
    for model in (separate, shared):
        model(INPUTS)
    table = 9 * SIZES["model_dim"]
    assert separate.count_params() - shared.count_params() == table
    separate.target_embedding.embeddings.assign(
        keras.ops.zeros((9, SIZES["model_dim"]))
    )
    np.testing.assert_array_equal(separate(INPUTS), np.zeros((2, 3, 9)))


def test_dropout_acts_in_training_only():
    model = Transformer(9, 9, **SIZES, dropout=0.5)
    np.testing.assert_array_equal(model(INPUTS), model(INPUTS, training=False))
    training = np.asarray(model(INPUTS, training=True))
    assert np.abs(training - np.asarray(model(INPUTS))).max() > 0.01


def count_parameters(vocabulary_size, num_layers, model_dim, feed_forward_dim):
    """Of a post-norm Transformer with one table of embeddings, from the paper."""
    attention = 4 * (model_dim**2 + model_dim)
    feed_forward = 2 * model_dim * feed_forward_dim + feed_forward_dim + model_dim
    norm = 2 * model_dim
    encoder = attention + feed_forward + 2 * norm
    decoder = 2 * attention + feed_forward + 3 * norm
    return vocabulary_size * model_dim + num_layers * (encoder + decoder)


def sizes_of(preset):
    names = ("num_layers", "model_dim", "feed_forward_dim")
    return {name: PRESETS[preset][name] for name in names}


def test_presets_have_the_sizes_published():
    # The paper's table 3 says 65 million for base and 213 million for big, with "about
    # 37,000" tokens in one table: 44 million are not embeddings, and 512 wide, a
    # million more or less is 2,000 tokens.
    base = count_parameters(37_000, **sizes_of("base"))
    big = count_parameters(37_000, **sizes_of("big"))
    assert base == 63_082_496
    assert abs(base / 65e6 - 1) < 0.03
    assert abs(big / 213e6 - 1) < 0.03


@pytest.mark.parametrize("preset", ["tiny", "small"])
def test_presets_have_the_parameters_that_the_formula_counts(preset):
    model = Transformer(50, 50, **PRESETS[preset], share_embeddings=True)
    model.build()
    assert model.count_params() == count_parameters(50, **sizes_of(preset))


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["base", "big"])
def test_large_presets_have_the_parameters_that_the_formula_counts(preset):
    model = Transformer(50, 50, **PRESETS[preset], share_embeddings=True)
    model.build()
    assert model.count_params() == count_parameters(50, **sizes_of(preset))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"share_embeddings": True}, "source_vocabulary_size=9.*Train a shared"),
        ({"model_dim": 9}, "model_dim must be a multiple of num_heads"),
        ({"num_layers": 0}, "num_layers must be positive; received 0"),
        ({"num_decoder_layers": 0}, "num_decoder_layers must be positive; received 0"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        Transformer(9, 10, **{**SIZES, **changes})
