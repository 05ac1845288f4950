"""A recipe that trains in seconds, and what a run of it leaves."""

import io

import numpy as np
from rich.console import Console

from keras_attention.decoding.options import DecodingOptions
from keras_attention.training.recipe import (
    DataConfig,
    ModelConfig,
    Recipe,
    TokenizerConfig,
    TrainingConfig,
)

TRAINING = {
    "max_steps": 20,
    "batch_tokens": 64,
    "max_shapes": 2,
    "validate_every": 8,
    "validation_sentences": 8,
    "test_sentences": 4,
    "warmup_steps": 4,
    "learning_rate": 1e-2,
}


MODEL = ModelConfig(
    preset="tiny",
    options={
        "num_layers": 1,
        "model_dim": 16,
        "num_heads": 2,
        "feed_forward_dim": 32,
        "dropout": 0.2,
        "norm_first": True,
    },
)


def tiny_recipe(model=MODEL, **training):
    """Copies two hundred strings; with dropout, so that seeds matter."""
    return Recipe(
        name="tiny",
        data=DataConfig("copy", toy_count=200, toy_max_length=4, valid_share=0.1),
        tokenizer=TokenizerConfig("word", vocabulary_size=30, byte_fallback=False),
        model=model,
        training=TrainingConfig(**{**TRAINING, **training}),
        # Greedy, as validation is: one program serves both.
        decoding=DecodingOptions(beam=1, max_length=8),
    )


def quiet():
    """A console that nobody watches; its `file` knows what was said."""
    return Console(file=io.StringIO(), width=200, highlight=False, soft_wrap=True)


def weights(translator):
    return [np.asarray(weight) for weight in translator.model.weights]


def assert_equal_weights(one, other):
    """Bit for bit."""
    one, other = weights(one), weights(other)
    assert len(one) == len(other) > 0
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
