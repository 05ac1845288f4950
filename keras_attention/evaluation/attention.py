"""How sharp attention is, how right, and whether it forgets part of the source.

Shapes: `T` target steps, `S` source positions; scores of a step sum to one.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import ArrayLike, NDArray

from keras_attention.data.alignments import parse_alignment

__all__ = [
    "alignment_error_rate",
    "coverage",
    "entropy",
    "hard_alignment",
    "parse_alignment",
]

Alignment = AbstractSet[tuple[int, int]]
"""Pairs `(source position, target position)`, both from 0."""


def entropy(attention_scores: ArrayLike) -> NDArray:
    """How widely each target step looks around.

        H(a) = -Σ_s a_s ln a_s,    with 0 ln 0 = 0

    Args:
        attention_scores: float `(..., T, S)`.

    Returns:
        float `(..., T)`, in nats: 0 for a look at one position, `ln S` for one at all
        alike. `exp` of it is the number of positions looked at.

    Example:

    >>> entropy([[1.0, 0.0], [0.5, 0.5]]).round(3).tolist()
    [0.0, 0.693]
    """
    scores = _as_scores(attention_scores)
    logarithms = np.log(scores, out=np.zeros_like(scores), where=scores > 0)
    return np.abs(-np.sum(scores * logarithms, axis=-1))  # abs: no -0.0


def coverage(attention_scores: ArrayLike) -> NDArray:
    """How much each source position was looked at in all, `c_s = Σ_t a_ts`.

    Near 0 a word was left out; far above 1 it may be said again and again
    ([Tu et al., 2016](https://arxiv.org/abs/1601.04811), section 3).

    Args:
        attention_scores: float `(..., T, S)`.

    Returns:
        float `(..., S)`.
    """
    return _as_scores(attention_scores).sum(axis=-2)


def hard_alignment(attention_scores: ArrayLike) -> set[tuple[int, int]]:
    """Where each target step looks most.

    Args:
        attention_scores: float `(T, S)`, without the steps and positions that are not
            to be aligned: padding and the end tokens.

    Returns:
        A set of `T` pairs `(source position, target position)`. A step that looks
        nowhere, all zeros, has none.

    Raises:
        ValueError: the scores are not of two axes, or there are no positions.

    Example:

    >>> sorted(hard_alignment([[0.1, 0.9], [0.8, 0.2]]))
    [(0, 1), (1, 0)]
    """
    scores = _as_scores(attention_scores)
    if scores.ndim != 2 or not scores.shape[1]:
        raise ValueError(
            f"expected attention scores (T, S) of one sentence, S at least 1; "
            f"received the shape {scores.shape}"
        )
    return {
        (int(step.argmax()), position)
        for position, step in enumerate(scores)
        if step.any()
    }


def alignment_error_rate(
    alignments: Sequence[Alignment],
    sure: Sequence[Alignment],
    possible: Sequence[Alignment] | None = None,
) -> float:
    """Compares alignments with those that people made; 0 is right, 1 is wrong.

        AER = 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|),    S ⊆ P

    Args:
        alignments: `A`, one set of pairs for each sentence.
        sure: `S`, the links that must be there.
        possible: `P`, the links that may be there; sure ones belong to it, said or not.
            None: only the sure ones.

    Returns:
        float, over all sentences together.

    Raises:
        ValueError: unequal numbers of sentences, or not one link anywhere.

    Example:

    >>> alignment_error_rate([{(0, 0), (1, 1)}], [{(0, 0)}], [{(1, 1), (1, 0)}])
    0.0

    References:
        [Och and Ney, 2003](https://aclanthology.org/J03-1002/), section 3.2.
    """
    possible = sure if possible is None else possible
    if not len(alignments) == len(sure) == len(possible):
        raise ValueError(
            "expected sets for the same sentences; received "
            f"{len(alignments)} alignments, {len(sure)} sure and {len(possible)} "
            "possible ones"
        )
    hits = total = 0
    for found, must, may in zip(alignments, sure, possible, strict=True):
        hits += len(found & must) + len(found & (may | must))
        total += len(found) + len(must)
    if not total:
        raise ValueError("expected at least one link; all alignments are empty")
    return 1 - hits / total


def _as_scores(attention_scores: ArrayLike | Iterable) -> NDArray:
    scores = np.asarray(attention_scores, "float64")
    if scores.ndim < 2:
        raise ValueError(
            "expected attention scores with the axes (..., T, S); "
            f"received the shape {scores.shape}"
        )
    return scores
