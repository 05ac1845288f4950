"""Source words in place of unknown ones inside a graph, as `data.unknown_words` has it.

TensorFlow's own string ops count bytes, and so do the offsets that tensorflow-text
gives; patterns are the same as in Python.
"""

from typing import Any, NamedTuple

from keras_attention.data.unknown_words import NO_SPACE, PUNCTUATION, SPACE
from keras_attention.special_tokens import END_ID, UNKNOWN_ID

LARGEST = 2**31 - 1


class GraphWords(NamedTuple):
    """The words of a batch of sources, and which of them their subwords are of."""

    numbers: Any  # ragged int (B, (S)), without END
    words: Any  # string (B, W), "" where there is none


def source_words(text, tokens, starts, ends):
    """`SourceWords` of each text.

    Args:
        text: string `(B,)`.
        tokens: ragged int `(B, (S))`, subwords; perhaps not up to the text's end.
        starts, ends: ragged int `(B, (S))`, where they stand, in bytes.

    Returns:
        `GraphWords`.
    """
    import tensorflow as tf

    strings, replace = tf.strings, tf.strings.regex_replace
    rows = tokens.value_rowids()
    texts = tf.gather(text, rows)
    ends = tf.cast(ends.values, tf.int32)
    lengths = ends - tf.cast(starts.values, tf.int32)
    content = strings.substr(texts, ends - lengths, lengths)
    content = replace(content, f"^{SPACE}+", "")
    # A subword takes the spaces before it along, and may be nothing else.
    begins = ends - strings.length(content)
    content = replace(content, f"{SPACE}+$", "")
    before = strings.join([strings.substr(texts, tf.zeros_like(begins), begins), "a"])
    before = replace(replace(before, f"{NO_SPACE}+", "w"), f"{SPACE}+", "")
    numbers = strings.length(before) - 1  # (subwords,)

    num_words = tf.maximum(tf.reduce_max(numbers) + 1, 1)
    keys = rows * tf.cast(num_words, rows.dtype) + tf.cast(numbers, rows.dtype)
    num_keys = tf.shape(text)[0] * num_words

    def spans(chosen):
        """From the first to the last of some subwords, for each word `(B · W,)`."""
        first = tf.where(chosen, begins, LARGEST)
        last = tf.where(chosen, begins + strings.length(content), 0)
        return (
            tf.math.unsorted_segment_min(first, keys, num_keys),
            tf.maximum(tf.math.unsorted_segment_max(last, keys, num_keys), 0),
        )

    said = tf.not_equal(content, "")
    known = tf.not_equal(tokens.values, UNKNOWN_ID)
    punctuation = strings.regex_full_match(content, f"{PUNCTUATION}+")
    letters = tf.logical_and(said, ~tf.logical_and(known, punctuation))
    (first, last), (first_letter, last_letter) = spans(said), spans(letters)
    has_letters = last_letter > 0
    first = tf.where(has_letters, first_letter, first)
    last = tf.where(has_letters, last_letter, last)
    first = tf.where(last > 0, first, 0)
    words = strings.substr(tf.repeat(text, num_words), first, last - first)
    words = tf.reshape(words, [-1, num_words])
    return GraphWords(tokens.with_values(numbers), words)


def attended_copies(attention_scores, source):
    """The word that each step attends to most: string `(B, n, T)`.

    Args:
        attention_scores: float `(B, n, T, S)`.
        source: `GraphWords`.
    """
    import tensorflow as tf

    membership = tf.one_hot(source.numbers.to_tensor(-1), tf.shape(source.words)[1])
    # What follows the subwords is no word.
    scores = attention_scores[..., : tf.shape(membership)[1]]
    attended = tf.einsum("bnts,bsw->bntw", tf.cast(scores, tf.float32), membership)
    empty = tf.equal(source.words, "")[:, None, None]
    choices = tf.argmax(tf.where(empty, -1.0, attended), axis=-1)
    return tf.gather(source.words, choices, batch_dims=1)


class CopyingTexts:
    """`decode_with` for a tokenizer in a graph.

    Args:
        tokenizer: tensorflow-text's.
        surface: str, what it writes for an unknown id.
        takes_space: bool. Whether unknown tokens hold the space before them.
    """

    def __init__(self, tokenizer, surface, takes_space):
        self.tokenizer = tokenizer
        self.surface = surface
        self.takes_space = takes_space

    def __call__(self, token_ids, copies):
        """Texts `(B, n)` of ids and words to copy, both `(B, n, T)`.

        A text is cut before each unknown token; these then begin the cuts, which are
        detokenised with them, so that spaces stay what they are within a text, and
        lose them for the words.
        """
        import tensorflow as tf

        strings = tf.strings
        shape = tf.shape(token_ids)
        token_ids = tf.reshape(token_ids, [-1, shape[2]])  # (N, T)
        copies = tf.reshape(copies, [-1, shape[2]])
        unknown = tf.equal(token_ids, UNKNOWN_ID)
        cuts = tf.cumsum(tf.cast(unknown, tf.int32), axis=1)
        num_cuts = tf.maximum(tf.reduce_max(cuts) + 1, 1)
        num_rows = tf.shape(token_ids)[0]
        places = tf.range(num_rows)[:, None] * num_cuts + cuts
        spoken = tf.logical_or(token_ids > END_ID, unknown)

        def by_cut(values, chosen):
            return tf.RaggedTensor.from_value_rowids(
                tf.boolean_mask(values, chosen),
                tf.cast(tf.boolean_mask(places, chosen), tf.int64),
                nrows=tf.cast(num_rows * num_cuts, tf.int64),
                validate=False,
            )

        parts = self.tokenizer.detokenize(by_cut(token_ids, spoken))
        parts = tf.reshape(parts, [-1, num_cuts])
        parts = tf.concat(
            [
                parts[:, :1],
                strings.regex_replace(parts[:, 1:], f"^\\Q{self.surface}\\E", ""),
            ],
            axis=1,
        )
        words = strings.reduce_join(by_cut(copies, unknown), axis=-1)
        words = tf.reshape(words, [-1, num_cuts])
        if self.takes_space:
            words = self._spaced(parts, words)
        texts = strings.reduce_join(strings.join([words, parts]), axis=-1)
        return tf.reshape(texts, shape[:2])

    def _spaced(self, parts, words):
        """Words `(N, cuts)` with a space before those that follow something else."""
        import tensorflow as tf

        before = tf.strings.join([words, parts])[:, :-1]
        before = tf.concat([tf.fill([tf.shape(before)[0], 1], ""), before], axis=1)
        touches = ~tf.strings.regex_full_match(before, f"(?s)(.*{SPACE})?")
        follows = tf.logical_and(touches, tf.not_equal(words, ""))
        return tf.where(follows, tf.strings.join([" ", words]), words)
