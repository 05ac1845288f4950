"""What may not be said next: log-probabilities with tokens forbidden or forced."""

from keras import ops

from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

# Stands for log 0: finite, so that sums and differences of it are never NaN.
FORBIDDEN = -1e9


def is_possible(log_probs):
    """Whether a (sum of) log-probabilities has no forbidden token in it."""
    return log_probs > FORBIDDEN / 2


class Constraints:
    """The rules of one search, applied to every step's log-probabilities.

    Args:
        options: `DecodingOptions`.
        limits: int `(N,)`. The step limit of each hypothesis.
        vocabulary_size: int.
        prefix_ids: int `(N, P)`, optional. Tokens that hypotheses must start with,
            padded with zeros.
    """

    def __init__(self, options, limits, vocabulary_size, prefix_ids=None):
        self.options = options
        self.limits = limits
        self.prefix_ids = prefix_ids
        ids = ops.arange(vocabulary_size)
        self.is_end = ops.equal(ids, END_ID)[None]  # (1, V)
        self.never = ops.logical_or(ops.equal(ids, PAD_ID), ops.equal(ids, START_ID))
        self.ids = ids[None]

    def __call__(self, log_probs, index, history=None):
        """Forbids and forces tokens.

        Args:
            log_probs: float32 `(N, V)`.
            index: int scalar tensor. Tokens generated before this one.
            history: int `(N, num_steps)`, what those tokens are; needed where
                n-grams must not repeat.

        Returns:
            float32 `(N, V)`.
        """
        forbidden = self.never[None]
        too_early = index + 1 < self.options.min_length
        forbidden = ops.logical_or(forbidden, ops.logical_and(self.is_end, too_early))
        if self.options.no_repeat_ngram:
            repeats = repeated_ngrams(
                history, index, self.options.no_repeat_ngram, log_probs.shape[-1]
            )
            # Where everything would repeat, ending is still allowed.
            repeats = ops.logical_and(repeats, ops.logical_not(self.is_end))
            forbidden = ops.logical_or(forbidden, repeats)
        must_end = (index + 1 >= self.limits)[:, None]
        forced = ops.logical_and(must_end, ops.logical_not(self.is_end))
        forbidden = ops.where(must_end, forced, forbidden)
        if self.prefix_ids is not None:
            forbidden = self._force_prefix(forbidden, index, must_end)
        return ops.where(forbidden, FORBIDDEN, log_probs)

    def _force_prefix(self, forbidden, index, must_end):
        length = ops.shape(self.prefix_ids)[1]
        column = ops.minimum(index, length - 1)
        prefix = ops.take(self.prefix_ids, column, axis=1)[:, None]  # (N, 1)
        given = ops.logical_and(ops.not_equal(prefix, PAD_ID), index < length)
        given = ops.logical_and(given, ops.logical_not(must_end))
        return ops.where(given, ops.not_equal(self.ids, prefix), forbidden)


def repeated_ngrams(history, index, size, vocabulary_size):
    """Which next tokens would complete an n-gram that came before.

    Args:
        history: int `(N, num_steps)`. Tokens up to `index`; what follows is ignored.
        index: int scalar tensor. How many tokens of `history` are there.
        size: int. The n of n-gram.
        vocabulary_size: int.

    Returns:
        bool `(N, vocabulary_size)`.
    """
    num_rows, num_steps = ops.shape(history)[0], ops.shape(history)[1]
    starts = ops.arange(num_steps)
    matches = ops.broadcast_to((starts + size - 1 < index)[None], (num_rows, num_steps))
    for offset in range(size - 1):
        # Token `offset` of the n-gram that starts at each position, and of the last
        # `size - 1` tokens, which the next one would complete.
        window = _shift(history, offset)
        last = ops.take(history, ops.maximum(index - size + 1 + offset, 0), axis=1)
        matches = ops.logical_and(matches, ops.equal(window, last[:, None]))
    completing = _shift(history, size - 1)
    rows = ops.broadcast_to(ops.arange(num_rows)[:, None], (num_rows, num_steps))
    places = ops.reshape(ops.stack([rows, completing], axis=-1), (-1, 2))
    counts = ops.scatter(
        places,
        ops.cast(ops.reshape(matches, (-1,)), "int32"),
        (num_rows, vocabulary_size),
    )
    return counts > 0


def _shift(history, offset):
    """Columns moved `offset` places to the left; what comes in is never matched."""
    return ops.roll(history, -offset, axis=1) if offset else history
