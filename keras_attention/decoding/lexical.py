"""Lexical constraints: what outputs must contain, and which words they may not."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.decoding.avoidance import is_letter
from keras_attention.special_tokens import PAD_ID


class LexicalConstraints(NamedTuple):
    """What each of `B` outputs must and may not contain, for `Decoder`.

    `Translator.translate` and `Captioner.caption` make them of words.

    Attributes:
        spelling: int32 `(V, M)`. What each token of the vocabulary spells: twice the
            code point of each character, plus one where it is a letter or a digit of a
            script with spaces between words; zeros after the last, and nothing but
            zeros of special tokens.
        constraints: int32 `(B, C, L)`. Sequences of tokens that an output must contain,
            padded with zeros; `()` for none.
        avoid: int32 `(D, W)`. Words that outputs may not contain, their characters as
            in `spelling`; `()` for none.
        avoid_in: bool `(B, D)`. Which outputs may not contain each of them.
        alternatives: int32 `(B, C, L)`. Another sequence for each of `constraints`,
            which will do as well; zeros, or `()`, for none.

    Example:

    >>> from keras_attention.decoding import Decoder
    >>> spelling = np.zeros((9, 1), "int32")
    >>> spelling[4:, 0] = [2 * ord(letter) + 1 for letter in "abcde"]
    >>> must = LexicalConstraints(spelling, constraints=np.array([[[5, 6]]], "int32"))
    >>> decoder = Decoder(Transformer(9, 9, **PRESETS["tiny"]))
    >>> source_ids = np.array([[4, 5, 3]], "int32")
    >>> options = DecodingOptions(max_length=5)
    >>> found = decoder({"source_ids": source_ids}, options, lexical=must)
    >>> 5 in found.token_ids[0, 0] and 6 in found.token_ids[0, 0]
    True

    References:
        [Hokamp and Liu, 2017](https://aclanthology.org/P17-1141), section 3;
        [Post and Vilar, 2018](https://aclanthology.org/N18-1119), section 3.
    """

    spelling: Any
    constraints: Any = ()
    avoid: Any = ()
    avoid_in: Any = ()
    alternatives: Any = ()


class Progress(NamedTuple):
    """How far `N` hypotheses are with the constraints of their sources.

    There are `W` sequences: constraints, and then their alternatives, if there are any.
    """

    matched: Any  # bool (N, W, L): the last j + 1 tokens are the first j + 1
    met: Any  # bool (N, W): the sequence, or the other one of its constraint
    ends_word: Any  # bool (N,): the last token has met one


class Tracker:
    """Follows hypotheses through the constraints of their sources.

    A constraint is met by its tokens one after the other; what breaks off counts for
    nothing, except for how it may begin anew (all prefixes are followed at once).
    Alternatives are followed as well, and meet the constraints that they stand for.

    Args:
        lexical: `LexicalConstraints`, with `constraints`.
    """

    def __init__(self, lexical):
        self.ids = ops.cast(lexical.constraints, "int32")  # (B, C, L)
        self.most_tokens = ops.shape(self.ids)[1] * ops.shape(self.ids)[2]
        self.has_alternatives = not isinstance(lexical.alternatives, tuple)
        if self.has_alternatives:
            others = ops.cast(lexical.alternatives, "int32")
            self.ids = ops.concatenate([self.ids, others], axis=1)  # (B, W, L)
        self.is_token = ops.not_equal(self.ids, PAD_ID)
        self.lengths = ops.sum(ops.cast(self.is_token, "int32"), axis=-1)  # (B, W)
        following = ops.concatenate(
            [self.is_token[..., 1:], ops.zeros_like(self.is_token[..., :1])], axis=-1
        )
        self.is_last = ops.logical_and(self.is_token, ops.logical_not(following))
        spelling = ops.convert_to_tensor(lexical.spelling)
        self.begins_word = ops.logical_not(is_letter(spelling[:, 0]))[None]  # (1, V)

    def start(self, width):
        """`Progress` of `width` hypotheses of each source, `(B, width, …)`."""
        empty = ops.logical_not(self._either(self.lengths > 0))[:, None]
        shape = ops.shape(self.ids)
        return Progress(
            ops.zeros((shape[0], width, shape[1], shape[2]), dtype="bool"),
            ops.repeat(empty, width, axis=1),
            ops.zeros((shape[0], width), dtype="bool"),
        )

    def advance(self, progress, token_ids):
        """`Progress` `(B, M, …)` after one more token of each, `(B, M)`."""
        same = ops.equal(self.ids[:, None], token_ids[..., None, None])
        same = ops.logical_and(same, self.is_token[:, None])  # (B, M, W, L)
        before = ops.concatenate(
            [ops.ones_like(same[..., :1]), progress.matched[..., :-1]], axis=-1
        )
        matched = ops.logical_and(same, before)
        now = ops.any(ops.logical_and(matched, self.is_last[:, None]), axis=-1)
        now = self._either(now)
        new = ops.logical_and(now, ops.logical_not(progress.met))
        met = ops.logical_or(progress.met, now)
        return Progress(matched, met, ops.any(new, axis=-1))

    def longest(self, progress):
        """Tokens of each sequence at the end of hypotheses, int `(B, M, W)`."""
        length = ops.arange(1, ops.shape(self.ids)[-1] + 1, dtype="int32")
        return ops.max(ops.where(progress.matched, length, 0), axis=-1)

    def count(self, progress):
        """Tokens of constraints that are there, int `(B, M)`: which bank it is."""
        there = ops.where(
            progress.met, self.lengths[:, None], self.longest(progress)
        )  # (B, M, W)
        if self.has_alternatives:
            there = ops.maximum(*ops.split(there, 2, axis=-1))  # (B, M, C)
        return ops.sum(there, axis=-1)

    def next_ids(self, progress):
        """What would go on with each unmet constraint, int `(B, M, W)`, PAD for none.

        One that a sequence before it offers too is offered once.
        """
        last = ops.shape(self.ids)[-1] - 1
        place = ops.minimum(self.longest(progress), last)[..., None]  # (B, M, W, 1)
        ids = ops.broadcast_to(self.ids[:, None], ops.shape(progress.matched))
        ids = ops.take_along_axis(ids, place, axis=-1)[..., 0]
        ids = ops.where(progress.met, PAD_ID, ids)
        count = ops.shape(ids)[-1]
        earlier = ops.arange(count)[:, None] > ops.arange(count)[None]
        same = ops.equal(ids[..., :, None], ids[..., None, :])
        again = ops.any(ops.logical_and(same, earlier), axis=-1)
        return ops.where(again, PAD_ID, ids)

    def _either(self, flags):
        """Of sequences `(…, W)`, whether it is so of either of a constraint."""
        if not self.has_alternatives:
            return flags
        either = ops.logical_or(*ops.split(flags, 2, axis=-1))
        return ops.concatenate([either, either], axis=-1)
