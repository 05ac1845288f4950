"""What may not be said next: log-probabilities with tokens forbidden or forced."""

from keras import ops

from keras_attention.special_tokens import END_ID, PAD_ID, START_ID, UNKNOWN_ID

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
        self.ids = ops.arange(vocabulary_size, dtype="int32")[None]  # (1, V)
        self.is_end = ops.equal(self.ids, END_ID)
        never = [PAD_ID, START_ID]
        if options.unknown == "forbid":
            never.append(UNKNOWN_ID)
        never = ops.convert_to_tensor(never, dtype="int32")
        never = ops.equal(self.ids, never[:, None])
        self.never = ops.any(never, axis=0, keepdims=True)  # (1, V)
        # The end may have to wait, unless there is nothing else to say at all.
        others = ops.logical_not(ops.logical_or(self.never, self.is_end))
        self.may_wait = ops.logical_and(self.is_end, ops.any(others))

    def __call__(self, log_probs, index, history=None, more=None):
        """Forbids and forces tokens.

        The limit comes before the prefix, and the prefix before all else.

        Args:
            log_probs: float32 `(N, V)`.
            index: int scalar tensor. Tokens generated before this one.
            history: int `(N, num_steps)`, what those tokens are; needed where
                n-grams must not repeat.
            more: bool `(N, V)`, optional. Other tokens that may not come.

        Returns:
            float32 `(N, V)`.
        """
        too_early = index + 1 < self.options.min_length
        forbidden = ops.logical_or(
            self.never, ops.logical_and(self.may_wait, too_early)
        )  # (1, V)
        if self.options.forbids_repeats:
            repeats = self._repeats(history, index)
            more = repeats if more is None else ops.logical_or(more, repeats)
        if more is not None:
            forbidden = self._forbid_more(forbidden, more)
        allowed = log_probs + ops.where(forbidden, FORBIDDEN, 0.0)

        forced = self._forced(index)[:, None]  # (N, 1)

        def force():
            cost = log_probs if self.options.score_forced else 0.0
            only = ops.where(ops.equal(self.ids, forced), cost, FORBIDDEN)
            return ops.where(forced < 0, allowed, only)

        # Few steps force anything, and vocabularies are large.
        return ops.cond(ops.any(forced >= 0), force, lambda: allowed)

    def _repeats(self, history, index):
        vocabulary_size = self.ids.shape[-1]
        repeats = repeated_ngrams(
            history, index, self.options.no_repeat_ngram, vocabulary_size
        )
        return ops.logical_and(repeats, ops.logical_not(self.is_end))

    def _forbid_more(self, forbidden, more):
        forbidden = ops.logical_or(forbidden, more)  # (N, V)
        # Where nothing else is left to say, ending early is allowed.
        stuck = ops.all(forbidden, axis=-1, keepdims=True)
        release = ops.logical_and(stuck, self.is_end)
        return ops.logical_and(forbidden, ops.logical_not(release))

    def _forced(self, index):
        """The token that each row must take, int `(N,)`, or -1 where it may choose."""
        forced = ops.full_like(self.limits, -1)
        if self.prefix_ids is not None:
            length = ops.shape(self.prefix_ids)[1]
            column = ops.minimum(index, length - 1)
            prefix = ops.cast(ops.take(self.prefix_ids, column, axis=1), "int32")
            given = ops.logical_and(ops.not_equal(prefix, PAD_ID), index < length)
            forced = ops.where(given, prefix, forced)
        if self.options.force_end:
            forced = ops.where(index + 1 >= self.limits, END_ID, forced)
        return forced


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
