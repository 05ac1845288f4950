"""A tokenizer inside a graph, the same as in Python; and how graphs are traced."""

from keras_attention.special_tokens import END_ID, PAD_ID, UNKNOWN_ID


def graph_function(input_signature):
    """A decorator, `tf.function` without AutoGraph, which takes half of the time to
    trace: no `if`, `for` or `while` of Python's is about tensors here."""
    import tensorflow as tf

    return tf.function(input_signature=input_signature, autograph=False)


def graph_tokenizer(tokenizer):
    """tensorflow-text's tokenizer of a `Tokenizer`."""
    import tensorflow as tf
    import tensorflow_text as tf_text

    # Python processes that load SavedModels share what has one name: with the default
    # name, all their tokenizers would become the first (tensorflow/text issue 1304).
    return tf_text.SentencepieceTokenizer(
        model=tokenizer.model,
        out_type=tf.int32,
        name=f"sentencepiece_{tokenizer.fingerprint}",
    )


def texts_of(tokenizer, token_ids):
    """What hypotheses say: `(B, n, T)` ids → `(B, n)` strings."""
    import tensorflow as tf

    shape = tf.shape(token_ids)
    flat = tf.reshape(token_ids, [-1, shape[2]])
    spoken = tf.logical_or(flat > END_ID, tf.equal(flat, UNKNOWN_ID))
    texts = tokenizer.detokenize(tf.ragged.boolean_mask(flat, spoken))
    return tf.reshape(texts, shape[:2])


def tokens_of(tokenizer, token_ids):
    """The subword of each id, "" for padding; of any shape."""
    import tensorflow as tf

    return tf.where(tf.equal(token_ids, PAD_ID), "", tokenizer.id_to_string(token_ids))


def best_with_attention(hypotheses):
    """The best hypothesis of each row, as long as the longest of them.

    Returns:
        `(token_ids, attention_scores)`, `(B, T)` and float32 `(B, T, S)`.
    """
    import tensorflow as tf

    longest = tf.maximum(tf.reduce_max(hypotheses.lengths[:, 0]), 0)
    token_ids = hypotheses.token_ids[:, 0, :longest]
    scores = hypotheses.attention_scores[:, 0, :longest]
    return token_ids, tf.cast(scores, tf.float32)
