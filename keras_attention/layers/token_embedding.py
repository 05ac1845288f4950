"""Tables of token embeddings: one or two on the way in, and again on the way out."""

import keras
from keras import ops


def token_embedding(vocabulary_size, dim, dtype, name):
    """A Keras `Embedding` whose table may serve as output weights too.

    Its standard deviation is `1/√dim`: vectors of length one, and logits of the scale
    that output weights would give.
    """
    return keras.layers.Embedding(
        vocabulary_size,
        dim,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=dim**-0.5),
        dtype=dtype,
        name=name,
    )


def tied_logits(embedding, features):
    """Logits `(…, V)` of features `(…, dim)`, by the table of an embedding.

    In float32: a loss over thousands of classes overflows or rounds in half floats.

    References:
        [Press & Wolf, 2017](https://arxiv.org/abs/1608.05859).
    """
    table = ops.cast(embedding.embeddings, features.dtype)
    return ops.cast(ops.matmul(features, ops.transpose(table)), "float32")


def check_one_vocabulary(source_vocabulary_size, target_vocabulary_size):
    """Raises ValueError where one table cannot serve for both sides."""
    if source_vocabulary_size != target_vocabulary_size:
        raise ValueError(
            "share_embeddings needs one vocabulary for source and target; received "
            f"source_vocabulary_size={source_vocabulary_size}, "
            f"target_vocabulary_size={target_vocabulary_size}. Train a shared "
            "tokenizer, or pass share_embeddings=False"
        )
