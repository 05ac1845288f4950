"""Tables of token embeddings: one or two on the way in, and again on the way out."""

import math

import keras
from keras import ops

# Rows for which XLA reads a table faster as it lies, at most.
FEW_ROWS = 8


def full_precision(dtype):
    """The policy of layers that make logits: that of `dtype`, float32 for mixed ones.

    A loss over thousands of classes overflows or rounds in half floats. Where weights
    are half floats too, they stay so.
    """
    policy = keras.dtype_policies.get(dtype)
    if policy.compute_dtype != policy.variable_dtype:
        return keras.DTypePolicy(policy.variable_dtype)
    return policy


class Embedding(keras.layers.ReversibleEmbedding):
    """Keras's, under the name of its plain one.

    Files of weights name layers by their classes, and those of the first bundles have
    an `Embedding` here.
    """

    def quantize(self, mode=None, config=None, **kwargs):
        # Keras leaves subclasses alone, which might compute otherwise.
        super().quantize(mode, type_check=False, config=config)


def token_embedding(vocabulary_size, dim, dtype, name):
    """A Keras layer whose table may serve as output weights too, quantised or not.

    Its standard deviation is `1/√dim`: vectors of length one, and logits of the scale
    that output weights would give. It computes in full precision, for the logits;
    `embed` gives vectors in that of a model.
    """
    policy = full_precision(dtype)
    is_half = policy.compute_dtype in ("float16", "bfloat16")
    return Embedding(
        vocabulary_size,
        dim,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=dim**-0.5),
        reverse_dtype="float32" if is_half else None,
        dtype=policy,
        name=name,
    )


def embed(embedding, token_ids, dtype):
    """Vectors `(…, dim)` of int ids `(…)`, in a model's `compute_dtype`."""
    return ops.cast(embedding(token_ids), dtype)


def tied_logits(embedding, features, bias=None):
    """Logits `(…, V)` of features `(…, dim)`, by the table of an embedding; float32.

    Args:
        embedding: what `token_embedding` returned.
        features: `(…, dim)`.
        bias: float32 `(V,)`, optional.

    References:
        [Press & Wolf, 2017](https://arxiv.org/abs/1608.05859).
    """
    features = ops.cast(features, embedding.reverse_dtype or embedding.compute_dtype)
    few_rows = len(features.shape) == 2 and (features.shape[0] or math.inf) <= FEW_ROWS
    if few_rows and embedding.quantization_mode is None:
        return _logits_of_few_rows(embedding.embeddings, features, bias)
    logits = ops.cast(embedding(features, reverse=True), "float32")
    return logits if bias is None else logits + bias


def _logits_of_few_rows(table, features, bias):
    """The same for features `(N, dim)`, as XLA computes it fastest on a CPU.

    Its library copies the whole table first, in another order. A product whose result
    is added to something becomes a loop of XLA's own, which does not: half of the time.
    """
    columns = ops.transpose(features)
    products = ops.matmul(ops.cast(table, features.dtype), columns)
    # Without a bias zeros, but none that a compiler knows to be so.
    added = columns[:1] * 0 if bias is None else bias[:, None]
    return ops.transpose(ops.cast(products + added, "float32"))


def check_one_vocabulary(source_vocabulary_size, target_vocabulary_size):
    """Raises ValueError where one table cannot serve for both sides."""
    if source_vocabulary_size != target_vocabulary_size:
        raise ValueError(
            "share_embeddings needs one vocabulary for source and target; received "
            f"source_vocabulary_size={source_vocabulary_size}, "
            f"target_vocabulary_size={target_vocabulary_size}. Train a shared "
            "tokenizer, or pass share_embeddings=False"
        )
