"""Scores that are one sum over another, with intervals by resampling images."""

import functools
from typing import NamedTuple

import numpy as np

RESAMPLES = 1000


class Score(NamedTuple):
    """A score with its 95 % interval."""

    score: float
    low: float
    high: float
    count: int  # type: ignore[assignment]  # a tuple's method
    """Images, or whatever was resampled, that have a say in it."""

    def text(self, digits=1):
        """For a table's cell."""
        score, low, high = (f"{value:.{digits}f}" for value in self[:3])
        return f"{score} ({low} to {high})"

    def signed(self, digits=1):
        """As a difference."""
        score, low, high = (f"{value:+.{digits}f}" for value in self[:3])
        return f"{score} [{low}, {high}]"


class Shares(NamedTuple):
    """Two numbers for each image; their sums' quotient is the score."""

    numerators: np.ndarray
    """float `(n,)`."""
    denominators: np.ndarray
    """float `(n,)`; 0 where an image has no say."""

    @classmethod
    def of(cls, numerators, denominators=None):
        """Arrays of lists; the mean, where no denominators are given."""
        numerators = np.asarray(numerators, "float64")
        if denominators is None:
            return cls(numerators, np.ones_like(numerators))
        return cls(numerators, np.asarray(denominators, "float64"))

    def among(self, chosen):
        """Those of some images, bool `(n,)`."""
        return Shares(self.numerators[chosen], self.denominators[chosen])


def score_shares(shares, scale=1.0):
    """The score of images, with a bootstrap interval.

    Args:
        shares: `Shares`.
        scale: float. 100 gives per cent.

    Returns:
        `Score`, or None where no image has a say.

    Example:

    >>> found = score_shares(Shares.of([1, 0, 2, 1], [1, 1, 2, 1]), scale=100)
    >>> found.score, found.count
    (80.0, 4)
    """
    if not shares.denominators.sum():
        return None
    weights = resamples(len(shares.numerators))
    found = _quotients(shares, weights)
    return _score(_quotient(shares), found, shares.denominators > 0, scale)


def score_difference(ours, theirs, scale=1.0):
    """By how much one score is above another of the same images.

    Both are resampled together, so that what is hard for both does not widen the
    interval.

    Args:
        ours: `Shares`.
        theirs: `Shares` of the same images, in the same order.
        scale: float.

    Returns:
        `Score`, or None where either has none.
    """
    if not (ours.denominators.sum() and theirs.denominators.sum()):
        return None
    weights = resamples(len(ours.numerators))
    found = _quotients(ours, weights) - _quotients(theirs, weights)
    difference = _quotient(ours) - _quotient(theirs)
    says = (ours.denominators > 0) | (theirs.denominators > 0)
    return _score(difference, found, says, scale)


@functools.lru_cache(maxsize=4)
def resamples(number, count=RESAMPLES):
    """How often each of `number` images is drawn, int `(count, number)`."""
    rng = np.random.default_rng(12345)
    return rng.multinomial(number, np.full(number, 1 / number), size=count)


def _quotient(shares):
    return shares.numerators.sum() / shares.denominators.sum()


def _quotients(shares, weights):
    denominators = weights @ shares.denominators
    with np.errstate(invalid="ignore"):
        return (weights @ shares.numerators) / denominators


def _score(score, found, says, scale):
    found = found[np.isfinite(found)]
    low, high = np.percentile(found, [2.5, 97.5]) if found.size else (score, score)
    return Score(
        float(scale * score), float(scale * low), float(scale * high), int(says.sum())
    )
