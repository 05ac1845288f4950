"""Words that outputs must contain, or avoid, inside a graph; see `tasks.lexical`."""

import numpy as np

from keras_attention.data.text.spelling import ANCHOR, BYTE, LETTER
from keras_attention.special_tokens import END_ID, PAD_ID, UNKNOWN_ID
from keras_attention.tasks.lexical import ARGUMENTS
from keras_attention.texts import BLANK

SPACE = "\u2581"


def words_specs():
    """What a signature takes of them: a list of `tf.TensorSpec`, `(B, C)` each."""
    import tensorflow as tf

    return [tf.TensorSpec([None, None], tf.string, name=name) for name in ARGUMENTS]


def no_words(count):
    """What a request for `count` outputs says of them, to ask for nothing."""
    return {name: np.full((count, 1), "", object) for name in ARGUMENTS}


def has_constraints(lexical):
    """Whether a search of `LexicalConstraints`, or None, is for what must come."""
    return lexical is not None and not isinstance(lexical.constraints, tuple)


def lexical_constraints(tokenizer, vocabulary_size, constraints, avoid):
    """`LexicalConstraints` of words.

    Args:
        tokenizer: as `graph_tokenizer` gives it.
        vocabulary_size: int, of it.
        constraints: string `(B, C)`, padded with "".
        avoid: string `(B, D)`, padded with "".
    """
    import tensorflow as tf

    from keras_attention.decoding.lexical import LexicalConstraints

    spelling = _spelling(tokenizer, vocabulary_size)
    # One that is empty will do, where there are none.
    constraints, avoid = (
        tf.concat([_without_blanks(words), tf.fill([tf.shape(words)[0], 1], "")], 1)
        for words in (constraints, avoid)
    )
    for name, words in zip(ARGUMENTS, (constraints, avoid), strict=True):
        _check_tokens(tokenizer, name, tf.reshape(words, [-1]))
    words, which = tf.unique(tf.reshape(avoid, [-1]))
    words = tf.strings.strip(tokenizer.detokenize(tokenizer.tokenize(words)))
    which = tf.reshape(which, tf.shape(avoid))
    ways = _ways(tokenizer, spelling, constraints)
    return LexicalConstraints(
        spelling,
        constraints=ways[0],
        alternatives=ways[1],
        avoid=_spelled(words),
        avoid_in=tf.reduce_any(tf.one_hot(which, tf.size(words), True, False), axis=1),
    )


def check_constraints(lexical, limits, num_forced=0):
    """Refuses constraints that cannot be met.

    Args:
        lexical: `LexicalConstraints` of `lexical_constraints`.
        limits: int `(B,)`, or one for all. Most tokens of an output, with its end.
        num_forced: int. How many of them say the language.
    """
    import tensorflow as tf

    ways = lexical.constraints, lexical.alternatives
    one, other = (tf.math.count_nonzero(ids, 2, dtype=tf.int32) for ids in ways)
    least = tf.where(other > 0, tf.minimum(one, other), one)
    real = tf.reduce_sum(least, axis=1)
    fits = tf.logical_or(real < 1, real + 1 + num_forced <= limits)
    fits = tf.reduce_all(fits)
    known = tf.reduce_all(tf.not_equal(tf.stack(ways), UNKNOWN_ID))
    return [
        tf.debugging.Assert(
            known,
            [
                "constraints must be written in tokens of the vocabulary; received "
                "words of which it lacks some"
            ],
        ),
        tf.debugging.Assert(
            fits,
            [
                "constraints must leave room for the end token within an output's "
                "limit; received too many tokens: ask for less"
            ],
        ),
    ]


def apart(run, inputs, lexical):
    """Runs those with constraints apart: theirs is another search.

    Args:
        run: function of some of `inputs` and their `LexicalConstraints`, which returns
            a dict of tensors `(b, …)`.
        inputs: tensor `(B, …)`.
        lexical: `LexicalConstraints`.

    Returns:
        dict of tensors `(B, …)`.
    """
    import tensorflow as tf

    constrained = tf.reduce_any(lexical.constraints > 0, axis=[1, 2])
    rows, parts = [], []
    for here in (tf.logical_not(constrained), constrained):
        some = lexical._replace(
            constraints=tf.boolean_mask(lexical.constraints, here) if parts else (),
            alternatives=tf.boolean_mask(lexical.alternatives, here) if parts else (),
            avoid_in=tf.boolean_mask(lexical.avoid_in, here),
        )
        rows.append(tf.cast(tf.where(here)[:, 0], tf.int32))
        parts.append(run(tf.boolean_mask(inputs, here), some))
    return {
        name: tf.dynamic_stitch(rows, [part[name] for part in parts])
        for name in parts[0]
    }


def _check_tokens(tokenizer, name, words):
    """Refuses what can be read and of which a tokenizer makes nothing, as "▁"."""
    import tensorflow as tf

    nothing = tf.equal(tokenizer.tokenize(words).row_lengths(), 0)
    wrong = tf.boolean_mask(words, tf.logical_and(tf.not_equal(words, ""), nothing))
    tf.debugging.Assert(
        tf.equal(tf.size(wrong), 0),
        [f"{name} must be words, of which the tokenizer makes tokens; received", wrong],
    )


def _without_blanks(words):
    import tensorflow as tf

    return tf.where(tf.strings.regex_full_match(words, BLANK), "", words)


def _spelled(texts):
    """As `data.text.spelling.spelled`: string `(n,)` → int32 `(n, M)`."""
    import tensorflow as tf

    letters = tf.strings.regex_replace(texts, LETTER, "x")
    characters, letters = (
        tf.strings.unicode_decode(each, "UTF-8").to_tensor(0)
        for each in (texts, letters)
    )
    codes = 2 * characters + tf.cast(tf.equal(letters, ord("x")), tf.int32)
    return tf.pad(codes, [[0, 0], [0, tf.cast(tf.shape(codes)[1] < 1, tf.int32)]])


def _spelling(tokenizer, vocabulary_size):
    """As `data.text.spelling.spelling`."""
    import tensorflow as tf

    ids = tf.range(vocabulary_size)
    tokens = tokenizer.id_to_string(ids)
    bytes_ = tokenizer.detokenize(tf.RaggedTensor.from_tensor(ids[:, None]))
    tokens = tf.where(tf.strings.regex_full_match(tokens, BYTE), bytes_, tokens)
    tokens = tf.strings.regex_replace(tokens, SPACE, " ")
    return _spelled(tf.where(ids <= END_ID, "", tokens))


def _ways(tokenizer, spelling, phrases):
    """As `tasks.lexical` has them: string `(B, C)` → two of int32 `(B, C, L)`."""
    import tensorflow as tf

    tokens = tokenizer.tokenize(tf.reshape(phrases, [-1]))
    ids = _without_space(tokenizer, spelling, tokens)
    texts = tokenizer.detokenize(tokens)
    anchor = tf.size(tokenizer.tokenize(ANCHOR))
    within = tokenizer.tokenize(tf.strings.join([ANCHOR, texts]))[:, anchor:]
    same = tf.equal(tokenizer.detokenize(within), texts)
    letter = tf.strings.regex_full_match(texts, f"(?s){LETTER}.*")
    same = tf.logical_and(same, tf.logical_not(letter))
    within = within.to_tensor(PAD_ID)
    length = tf.maximum(tf.shape(ids)[1], tf.shape(within)[1])
    ids, within = (
        tf.pad(each, [[0, 0], [0, length - tf.shape(each)[1]]])
        for each in (ids, within)
    )
    both = tf.logical_and(same, tf.reduce_any(tf.not_equal(ids, within), axis=1))
    shape = tf.concat([tf.shape(phrases), [length]], axis=0)
    return (
        tf.reshape(tf.where(both[:, None], within, ids), shape),
        tf.reshape(tf.where(both[:, None], ids, PAD_ID), shape),
    )


def _without_space(tokenizer, spelling, tokens):
    """Ragged int32 `(n, None)` → int32 `(n, L)`, padded with 0."""
    import tensorflow as tf

    ids = tf.pad(tokens.to_tensor(PAD_ID), [[0, 0], [0, 2]])
    # No space needs to be before what is a word by itself.
    space = tf.equal(tokenizer.id_to_string(ids[:, 0]), SPACE)
    alone = tf.equal(tf.gather(spelling[:, 0], ids[:, 1]) % 2, 0)
    drop = tf.logical_and(space, tf.logical_and(alone, ids[:, 1] > 0))
    ids = tf.where(drop[:, None], tf.roll(ids, -1, axis=1), ids)
    # The last of the two that were added; the first has made room for none.
    return ids[:, :-1]
