"""Translators that were never trained, but say different things of different texts."""

import numpy as np

from keras_attention.data.corpora import corpus_path
from keras_attention.data.text.translations import read_pairs
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.decoding.options import DecodingOptions
from keras_attention.models.recurrent import PRESETS, RecurrentSeq2Seq
from keras_attention.models.transformer import Transformer
from keras_attention.special_tokens import UNKNOWN_ID
from keras_attention.tasks.translator import Translator

TEXTS = (
    "Click the button to open the dialog.",
    "",
    "Save",
    "Sélectionnez « 中文 » \U0001f600 naïve",
    "   ",
    "The table holds numbers, dates and text; choose one and press Enter.",
    "a" * 120,
)
OPTIONS = DecodingOptions(beam=3, n_best=2, max_length=12, max_length_ratio=1.0)


def transformer(*vocabulary_sizes, **sizes):
    return Transformer(
        *vocabulary_sizes,
        feed_forward_dim=32,
        dropout=0.0,
        norm_first=True,
        **{"num_layers": 1, "model_dim": 16, "num_heads": 2, **sizes},
    )


def recurrent(*vocabulary_sizes, **sizes):
    sizes = {"embedding_dim": 16, "units": 16, **sizes}
    return RecurrentSeq2Seq(*vocabulary_sizes, tie_embeddings=True, **sizes)


def make_translator(shared=True, seed=0, family=transformer, **sizes):
    """A tiny model with real tokenizers; its logits are sharp."""
    import keras

    pairs = list(read_pairs(corpus_path("help-en-de")))[:300]
    sides = [[pair.source for pair in pairs], [pair.target for pair in pairs]]
    if shared:
        tokenizers = [Tokenizer.train(sides[0] + sides[1], 420)] * 2
    else:
        tokenizers = [
            Tokenizer.train(side, 400 + 20 * i) for i, side in enumerate(sides)
        ]
    keras.utils.set_random_seed(seed)
    vocabulary_sizes = [tokenizer.vocabulary_size for tokenizer in tokenizers]
    model = family(*vocabulary_sizes, share_embeddings=shared, **sizes)
    model.build()
    model.built = True
    # Bytes are the first subwords after the special ones; few should be said.
    disturb(model, slice(4, 260), 0.5, seed)
    return Translator(
        model,
        *tokenizers,
        options=OPTIONS,
        max_source_length=40,
        source_language="en",
        target_language="de",
        training={"name": "tiny", "corpus": "none", "steps": 0},
        metrics={"model": {"bleu": 0.125}},
    )


def disturb(model, subwords, factor, seed):
    """Makes all weights large and random, and some subwords more likely, or less."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        # Biases and norms too, so that nothing is saved right by chance.
        noise = rng.normal(size=weight.shape).astype("float32")
        weight.assign(2 * np.asarray(weight) + 0.3 * noise)
    table = np.copy(np.asarray(model.target_embedding.embeddings))
    table[subwords] *= factor
    model.target_embedding.embeddings.assign(table)


def make_unknowing(seed=0, **sizes):
    """A recurrent translator with attention, without bytes, that often says <unk>."""
    pairs = list(read_pairs(corpus_path("help-en-de")))[:200]
    sides = [[pair.source for pair in pairs], [pair.target for pair in pairs]]
    tokenizers = [Tokenizer.train(side, 120, byte_fallback=False) for side in sides]
    import keras

    keras.utils.set_random_seed(seed)
    model = recurrent(*(t.vocabulary_size for t in tokenizers), **sizes)
    model.build()
    model.built = True
    disturb(model, UNKNOWN_ID, 6, seed)
    return Translator(model, *tokenizers, options=OPTIONS, max_source_length=24)


def make_recurrent_translator(tokenizer, attention):
    """The smallest recurrent model, "bahdanau", "luong" or None, untrained."""
    size = tokenizer.vocabulary_size
    model = RecurrentSeq2Seq(size, size, attention=attention, **PRESETS["tiny"])
    model.build()
    model.built = True
    return Translator(model, tokenizer, options=OPTIONS)
