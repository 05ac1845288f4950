"""Language codes of Marian's texts inside a graph, read as in Python."""

import re

from keras_attention.tasks.language_codes import (
    BEGIN,
    WITHOUT_SPACE,
    language_codes,
    must_be_known,
)


def graph_codes(tokenizer):
    """A function of texts, string `(B,)`, as `tasks.language_codes.with_spaces`.

    Args:
        tokenizer: `Tokenizer` of the source.
    """
    import tensorflow as tf

    codes = language_codes(tokenizer)
    known = "|".join(map(re.escape, codes))

    def with_spaces(texts):
        if not codes:
            return texts
        begins = tf.strings.regex_full_match(texts, f"(?s){BEGIN}.*")
        fits = tf.strings.regex_full_match(texts, f"(?s)[ \t\r\n]*(?:{known}).*")
        wrong = tf.boolean_mask(texts, tf.logical_and(begins, tf.logical_not(fits)))
        wrong = tf.strings.substr(wrong[:1], 0, 40, unit="UTF8_CHAR")
        with tf.control_dependencies(
            [
                tf.debugging.Assert(
                    tf.equal(tf.size(wrong), 0), [must_be_known(codes), wrong]
                )
            ]
        ):
            return tf.strings.regex_replace(texts, WITHOUT_SPACE, r"\1 \2", False)

    return with_spaces
