"""Quantised models mean what they meant, in every family, and come back as saved."""

import json

import keras
import numpy as np
import pytest

from keras_attention import layers
from keras_attention.models import (
    RecurrentCaptioner,
    RecurrentSeq2Seq,
    Transformer,
    TransformerCaptioner,
)
from tests.model_support import steps, teacher_forced
from tests.support import MODULE_SLOW_ON_JAX, save_and_load, slow_on_jax, to_numpy

# Keras warns of each layer that has nothing to quantise.
pytestmark = [
    *MODULE_SLOW_ON_JAX,
    pytest.mark.filterwarnings("ignore:.*quanti.*:UserWarning"),
]

IDS = {
    "source_ids": np.array([[4, 5, 6, 3], [6, 3, 0, 0]], "int32"),
    "target_ids": np.array([[2, 5, 4], [2, 7, 6]], "int32"),
}
IMAGES = {
    "images": np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), "uint8"),
    "target_ids": IDS["target_ids"],
}
BLOCKS = {"num_layers": 1, "model_dim": 16, "num_heads": 2, "feed_forward_dim": 24}
WORDS = {"embedding_dim": 16, "units": 16}
IMAGE_SIZES = {"image_size": 16, "grid_size": 2}
MODELS = {
    "transformer": (Transformer, (9, 9), BLOCKS, IDS),
    "transformer, shared": (
        Transformer,
        (9, 9),
        {**BLOCKS, "share_embeddings": True, "norm_first": True},
        IDS,
    ),
    "bahdanau, tied": (
        RecurrentSeq2Seq,
        (9, 9),
        {**WORDS, "tie_embeddings": True},
        IDS,
    ),
    "luong, shared": (
        RecurrentSeq2Seq,
        (9, 9),
        {
            **WORDS,
            "attention": "luong",
            "score": "general",
            "share_embeddings": True,
            "tie_embeddings": True,
        },
        IDS,
    ),
    "luong, dense": (
        RecurrentSeq2Seq,
        (9, 9),
        {**WORDS, "attention": "luong", "score": "concat", "input_feeding": True},
        IDS,
    ),
    "captioner, tied": (
        RecurrentCaptioner,
        (9,),
        {**WORDS, **IMAGE_SIZES, "region_dim": 16, "tie_embeddings": True},
        IMAGES,
    ),
    "transformer captioner": (
        TransformerCaptioner,
        (9,),
        {**BLOCKS, **IMAGE_SIZES},
        IMAGES,
    ),
}
# Of the largest logit: a few roundings of 8 bits, and of 4.
TOLERANCES = {"int8": 0.06, "int4": 0.5, "float8": 0.2}


def quantized(name, mode, **options):
    """`(logits before, the model quantised, inputs)`."""
    keras.utils.set_random_seed(0)
    model_class, sizes, config, inputs = MODELS[name]
    model = model_class(*sizes, **config, **options)
    model.build()
    before = to_numpy(model(inputs))
    if isinstance(mode, str):
        model.quantize(mode)
    else:
        model.quantize(config=mode)
    return before, model, inputs


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((name, "int8") for name in MODELS),
        ("transformer", "int4"),
        ("luong, shared", "int4"),
        ("captioner, tied", "int4"),
    ],
)
@slow_on_jax
def test_logits_stay_near_steps_equal_the_call_and_files_hold_it(name, mode):
    before, model, inputs = quantized(name, mode)
    logits, scores = teacher_forced(model, inputs)
    assert not np.array_equal(logits, before)
    largest = max(np.abs(before).max(), 1)
    assert np.abs(logits - before).max() < TOLERANCES[mode] * largest
    # Inputs are rounded for each row alone, so that steps see the same.
    stepped, attended = steps(model, inputs)
    np.testing.assert_allclose(stepped, logits, atol=1e-3 * largest)
    np.testing.assert_allclose(attended, scores, atol=1e-3)

    loaded = save_and_load(model)
    np.testing.assert_allclose(to_numpy(loaded(inputs)), logits, atol=1e-5)
    assert [w.dtype for w in loaded.weights] == [w.dtype for w in model.weights]
    assert loaded.target_embedding.quantization_mode == mode


def test_a_configuration_says_what_is_quantised():
    _, model, _ = quantized("transformer", "int8")
    config = json.dumps(model.get_config())
    twin = Transformer.from_config(json.loads(config))
    assert json.dumps(twin.get_config()) == config
    assert {str(weight.dtype) for weight in twin.weights} == {"int8", "float32"}


@pytest.mark.parametrize(
    "mode",
    [
        "float8",
        keras.quantizers.Int8QuantizationConfig(activation_quantizer=None),
        keras.quantizers.Int4QuantizationConfig(block_size=8),
        keras.quantizers.Int4QuantizationConfig(block_size=-1),
    ],
    ids=["float8", "weights alone", "groups of 8", "whole rows"],
)
@slow_on_jax
def test_other_ways_to_quantise_are_kept_too(mode):
    before, model, inputs = quantized("transformer, shared", mode)
    logits = to_numpy(model(inputs))
    tolerance = TOLERANCES[getattr(mode, "mode", mode)]
    assert np.abs(logits - before).max() < tolerance * np.abs(before).max()
    loaded = save_and_load(model)
    np.testing.assert_allclose(to_numpy(loaded(inputs)), logits, atol=1e-5)


@slow_on_jax
def test_mixed_bfloat16_is_quantised_too():
    before, model, inputs = quantized("transformer", "int8", dtype="mixed_bfloat16")
    logits = model(inputs)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert np.abs(to_numpy(logits) - before).max() < 0.1 * np.abs(before).max()
    loaded = save_and_load(model)
    assert loaded.dtype_policy.name == "mixed_bfloat16"
    np.testing.assert_allclose(to_numpy(loaded(inputs)), logits, atol=1e-5)


@slow_on_jax
def test_some_layers_alone_may_be_quantised():
    keras.utils.set_random_seed(0)
    model_class, sizes, config, inputs = MODELS["transformer"]
    model = model_class(*sizes, **config)
    model.build()
    model.quantize("int8", filters="inner_dense")
    expected = to_numpy(model(inputs))
    assert model.target_embedding.quantization_mode is None
    assert len(model.get_config()["quantization"]) == 2
    np.testing.assert_allclose(
        to_numpy(save_and_load(model)(inputs)), expected, atol=1e-5
    )


def test_a_model_that_is_not_quantised_says_nothing_of_it():
    model_class, sizes, config, _ = MODELS["transformer"]
    model = model_class(*sizes, **config)
    assert "quantization" not in model.get_config()
    model.build()
    assert "quantization" not in model.get_config()


def test_a_layer_that_is_not_there_is_named():
    _, model, _ = quantized("transformer", "int8")
    config = model.get_config()
    quantization = config["quantization"]
    quantization["encoder_block_7/dense"] = next(iter(quantization.values()))
    with pytest.raises(ValueError, match="has no layers encoder_block_7/dense, which"):
        Transformer.from_config(config)


@pytest.mark.parametrize(
    "layer",
    [
        layers.BahdanauAttention(8),
        layers.LuongAttention("general"),
        layers.SoftImageAttention(8),
        layers.MultiHeadCrossAttention(2, 4),
        layers.TransformerDecoderBlock(8, 2, 8),
    ],
    ids=lambda layer: type(layer).__name__,
)
@slow_on_jax
def test_layers_of_other_models_are_kept_too(layer):
    query, value = keras.Input((3, 8)), keras.Input((5, 8))
    model = keras.Model([query, value], layer(query, value))
    inputs = [np.random.default_rng(0).normal(size=(2, n, 8)) for n in (3, 5)]
    before = to_numpy(model(inputs))
    model.quantize("int8")
    expected = to_numpy(model(inputs))
    assert np.abs(expected - before).max() < 0.06 * np.abs(before).max()
    np.testing.assert_allclose(
        to_numpy(save_and_load(model)(inputs)), expected, atol=1e-5
    )
