"""How sharp attention is, how right, and whether it forgets part of the source.

Shapes: `T` target steps, `S` source positions; scores of a step sum to one.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Alignment = AbstractSet[tuple[int, int]]
"""Pairs `(source position, target position)`, both from 0."""


class AlignmentScores(NamedTuple):
    """How alignments compare with those that people made."""

    error_rate: float
    """AER: 0 is right, 1 is wrong."""
    precision: float | None
    """The share of the links found that may be there; None where none was found."""
    recall: float | None
    """The share of the sure links that were found; None where none is sure."""


def entropy(attention_scores: ArrayLike) -> NDArray:
    """How widely each target step spreads its attention.

        H(a) = -Σ_s a_s ln a_s,    with 0 ln 0 = 0

    Args:
        attention_scores: float `(..., T, S)`.

    Returns:
        float `(..., T)`, in nats: 0 for one position, `ln S` for all alike. `exp`
        of it is the number of positions attended to.

    Example:

    >>> entropy([[1.0, 0.0], [0.5, 0.5]]).round(3).tolist()
    [0.0, 0.693]
    """
    scores = _as_scores(attention_scores)
    logarithms = np.log(scores, out=np.zeros_like(scores), where=scores > 0)
    return np.abs(-np.sum(scores * logarithms, axis=-1))  # abs: no -0.0


def coverage(attention_scores: ArrayLike) -> NDArray:
    """How much each source position was attended to in all, `c_s = Σ_t a_ts`.

    Near 0 a word was left out; far above 1 it may be said again and again
    ([Tu et al., 2016](https://arxiv.org/abs/1601.04811), section 3).

    Args:
        attention_scores: float `(..., T, S)`.

    Returns:
        float `(..., S)`.
    """
    return _as_scores(attention_scores).sum(axis=-2)


def alignment_scores(
    alignments: Sequence[Alignment],
    sure: Sequence[Alignment],
    possible: Sequence[Alignment] | None = None,
) -> AlignmentScores:
    """Compares alignments `A` with sure links `S` and possible ones `P`, `S ⊆ P`.

        AER = 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|)
        precision = |A ∩ P| / |A|,    recall = |A ∩ S| / |S|

    Args:
        alignments: `A`, one set of pairs for each sentence.
        sure: `S`, the links that must be there.
        possible: `P`, the links that may be there; sure ones belong to it, said or not.
            None: only the sure ones.

    Returns:
        `AlignmentScores`, over all sentences together.

    Raises:
        ValueError: unequal numbers of sentences, or not one link anywhere.

    Example:

    >>> scores = alignment_scores([{(0, 0), (1, 1)}], [{(0, 0)}], [{(1, 1), (1, 0)}])
    >>> tuple(scores)
    (0.0, 1.0, 1.0)

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
    in_sure = in_possible = num_found = num_sure = 0
    for found, must, may in zip(alignments, sure, possible, strict=True):
        in_sure += len(found & must)
        in_possible += len(found & (may | must))
        num_found += len(found)
        num_sure += len(must)
    if not num_found + num_sure:
        raise ValueError("expected at least one link; all alignments are empty")
    return AlignmentScores(
        1 - (in_sure + in_possible) / (num_found + num_sure),
        in_possible / num_found if num_found else None,
        in_sure / num_sure if num_sure else None,
    )


def alignment_error_rate(
    alignments: Sequence[Alignment],
    sure: Sequence[Alignment],
    possible: Sequence[Alignment] | None = None,
) -> float:
    """The `error_rate` of `alignment_scores`.

    Example:

    >>> alignment_error_rate([{(0, 0), (1, 2)}], [{(0, 0), (1, 1)}])
    0.5
    """
    return alignment_scores(alignments, sure, possible).error_rate


def _as_scores(attention_scores: ArrayLike | Iterable) -> NDArray:
    scores = np.asarray(attention_scores, "float64")
    if scores.ndim < 2:
        raise ValueError(
            "expected attention scores with the axes (..., T, S); "
            f"received the shape {scores.shape}"
        )
    return scores
