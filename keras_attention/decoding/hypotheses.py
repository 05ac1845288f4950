"""Hypotheses: what a search returns, and how they are kept."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.decoding.constraints import FORBIDDEN
from keras_attention.layers.cache import write_step
from keras_attention.special_tokens import PAD_ID


class Hypotheses(NamedTuple):
    """The `n` best outputs for each source row, best first.

    Where a row has fewer than `n`, the rest have length 0 and a score of -1e9.

    Attributes:
        token_ids: int32 `(B, n, T)`, the end token included, zeros after it. One that
            was cut at its limit (`force_end`) has no end token.
        lengths: int32 `(B, n)`. Tokens, the end token included.
        scores: float32 `(B, n)`. Log-probability with the penalties, by which they are
            sorted.
        log_probs: float32 `(B, n)`. Natural logarithm, summed over tokens.
        attention_scores: float32 `(B, n, T, S)`. Where each token attended; `()` if not
            asked for, or, of a `ForcedDecoder`, if the model has no attention.
    """

    token_ids: Any
    lengths: Any
    scores: Any
    log_probs: Any
    attention_scores: Any


class StepHistory(NamedTuple):
    """What happened at each step, time-major, so that a step writes in place.

    Hypotheses are read off backwards at the end, from `parents`, rather than
    reordered at every step: a step's cost does not grow with the steps before it.
    """

    token_ids: Any  # int (T, B, K)
    parents: Any  # int (T, B, K): the slot at the step before
    attention_scores: Any  # (T, B, K, S), or () if not kept

    @classmethod
    def empty(cls, num_steps, batch_size, beam, attention_scores=None):
        """`attention_scores`, `(N, S)`, shows width and dtype where they are kept."""
        kept = ()
        if attention_scores is not None:
            length = ops.shape(attention_scores)[-1]
            shape = (num_steps, batch_size, beam, length)
            kept = ops.zeros(shape, dtype=attention_scores.dtype)
        # Zeros are PAD_ID, as it is.
        nothing = ops.zeros((num_steps, batch_size, beam), dtype="int32")
        return cls(nothing, ops.zeros_like(nothing), kept)

    def write(self, index, token_ids, parents, attention_scores):
        """Step `index`: `(B, K)`, `(B, K)`, and `(N, S)` if attention is kept."""
        kept = self.attention_scores
        if not isinstance(kept, tuple):
            scores = ops.reshape(attention_scores, ops.shape(kept)[1:])
            kept = write_step(kept, index, scores)
        return StepHistory(
            write_step(self.token_ids, index, token_ids),
            write_step(self.parents, index, parents),
            kept,
        )

    def write_kept(self, index, live, kept, attention_scores):
        """Step `index` of a beam that keeps the finished in slots of their own.

        Args:
            index: int scalar tensor.
            live: `(token_ids, parents)`, both `(B, K)`. The first `K` slots.
            kept: `(token_ids, parents)`, both `(B, n)`. The slots after them: parents
                are below `K` for what has just ended, and beyond for what stays.
            attention_scores: `(N, S)`, of the parents.
        """
        token_ids, parents = (
            ops.concatenate(both, axis=1) for both in zip(live, kept, strict=True)
        )
        if not isinstance(self.attention_scores, tuple):
            batch_size, beam = ops.shape(live[1])
            shape = (batch_size, beam, ops.shape(attention_scores)[-1])
            # What stays says nothing, wherever it looks.
            at = ops.where(parents < beam, parents, 0)
            attention_scores = pick(ops.reshape(attention_scores, shape), at)
        return self.write(index, token_ids, parents, attention_scores)

    def read(self, slots, index):
        """Follows hypotheses back from `slots` `(B, n)` after step `index`, exclusive.

        Returns:
            `(token_ids, attention_scores)`, `(B, n, T)` and `(B, n, T, S)` or `()`.
        """
        num_steps = ops.shape(self.token_ids)[0]
        path = ops.zeros((num_steps, *ops.shape(slots)), dtype="int32")

        def body(index, slots, path):
            path = write_step(path, index, slots)
            parents = ops.take(self.parents, index, axis=0)
            return index - 1, pick(parents, slots), path

        _, _, path = ops.while_loop(
            lambda index, slots, path: index >= 0, body, (index - 1, slots, path)
        )
        token_ids = ops.transpose(pick_steps(self.token_ids, path), (1, 2, 0))
        if isinstance(self.attention_scores, tuple):
            return token_ids, ()
        scores = pick_steps(self.attention_scores, path)
        scores = ops.cast(ops.transpose(scores, (1, 2, 0, 3)), "float32")
        # Steps after the end token have attention too, but say nothing.
        spoken = ops.cast(ops.not_equal(token_ids, PAD_ID), scores.dtype)
        return token_ids, scores * spoken[..., None]


def pick(values, slots):
    """`values[b, slots[b, n]]`: of `(B, K, …)` and `(B, n)`, the `(B, n, …)`.

    One gather of whole slices, where `take_along_axis` takes number by number.
    """
    batch_size, beam, *rest = ops.shape(values)
    rows = ops.arange(batch_size, dtype="int32")[:, None] * beam + slots
    return ops.take(ops.reshape(values, (-1, *rest)), rows, axis=0)


def pick_steps(values, path):
    """`values[t, b, path[t, b, n]]`: of `(T, B, K, …)` and `(T, B, n)`."""
    num_steps, batch_size, beam, *rest = ops.shape(values)
    slots = ops.reshape(path, (-1, path.shape[-1]))
    picked = pick(ops.reshape(values, (-1, beam, *rest)), slots)
    return ops.reshape(picked, (num_steps, batch_size, path.shape[-1], *rest))


def best(scores, count):
    """Slots `(B, count)` and scores of the best hypotheses, best first."""
    scores, slots = ops.top_k(scores, count)
    return ops.cast(slots, "int32"), ops.maximum(scores, FORBIDDEN)
