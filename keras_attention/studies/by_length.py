"""Scores by the length of the source, each with its 95 % interval."""

import json
import math
from typing import NamedTuple

from sacrebleu.metrics import BLEU

LEAST = 80  # sentences of a bucket: of fewer, the interval is wider than the claim
RESAMPLES = 1000
Z = 1.959964  # standard normal, 95 %


class LengthScore(NamedTuple):
    """The score of the sentences whose source has `shortest` to `longest` words."""

    shortest: int
    longest: int
    mean_length: float
    sentences: int
    score: float
    """From 0 to 100."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Its upper end."""
    signature: str
    """How the score was computed."""


def choose_buckets(lengths, least=LEAST):
    """Buckets with enough sentences each, as narrow as round numbers allow.

    Args:
        lengths: int each, in words.
        least: int. Sentences in each bucket, where there are as many at all.

    Returns:
        A list of `(shortest, longest)`, short ones first.

    Example:

    >>> choose_buckets([1, 1, 2, 2, 3, 4], least=2)
    [(1, 1), (2, 2), (3, 4)]
    """
    longest = max(lengths)
    width = next(w for w in (1, 2, 5, 10, 20, 50, longest) if longest <= 25 * w)
    first = math.ceil(longest / width)
    ends = [longest]  # From long to short: what is rare there is what is asked for.
    for boundary in [n * width for n in range(first - 1, 0, -1)] + [0]:
        if _count(lengths, boundary + 1, ends[-1]) >= least:
            ends.append(boundary)
    # The shortest sentences, where they are too few, belong to the bucket above.
    ends = [*ends[:-1], 0] if len(ends) > 1 else [longest, 0]
    return [(low + 1, high) for high, low in zip(ends, ends[1:], strict=False)][::-1]


def buckets_between(lengths, boundaries):
    """Buckets that end where somebody wants; empty ones are left out.

    Args:
        lengths: int each, in words.
        boundaries: int each, rising. The last length of every bucket but the last.

    Returns:
        A list of `(shortest, longest)`.

    Raises:
        ValueError: boundaries that do not rise from 1.
    """
    boundaries = list(boundaries)
    if boundaries != sorted(set(boundaries)) or min(boundaries, default=1) < 1:
        raise ValueError(
            f"boundaries of buckets must rise from 1; received {boundaries}"
        )
    longest = max(lengths)
    ends = [0, *(b for b in boundaries if b < longest), longest]
    buckets = [(low + 1, high) for low, high in zip(ends, ends[1:], strict=False)]
    return [bucket for bucket in buckets if _count(lengths, *bucket)]


def _count(lengths, shortest, longest):
    return sum(shortest <= length <= longest for length in lengths)


def score_by_length(rows, buckets, measure):
    """Scores each bucket.

    Args:
        rows: `(source, reference, hypothesis)` each, all str.
        buckets: list of `(shortest, longest)`, in words of the source.
        measure: function of hypotheses and references that returns score, lower and
            upper end of its interval, and signature: `exact_match` or `Bleu`.

    Returns:
        A list of `LengthScore`.
    """
    scores = []
    for shortest, longest in buckets:
        lengths = [len(source.split()) for source, _, _ in rows]
        inside = [
            (row, length)
            for row, length in zip(rows, lengths, strict=True)
            if shortest <= length <= longest
        ]
        hypotheses = [hypothesis for (_, _, hypothesis), _ in inside]
        references = [reference for (_, reference, _), _ in inside]
        mean = sum(length for _, length in inside) / len(inside)
        measured = measure(hypotheses, references)
        scores.append(LengthScore(shortest, longest, mean, len(inside), *measured))
    return scores


def exact_match(hypotheses, references):
    """Per cent of hypotheses that equal their reference, with Wilson's interval.

    Example:

    >>> score, low, high, _ = exact_match(["a", "b"], ["a", "c"])
    >>> round(low), round(score), round(high)
    (9, 50, 91)
    """
    number = len(hypotheses)
    share = sum(map(str.__eq__, hypotheses, references)) / number
    centre = share + Z**2 / (2 * number)
    spread = Z * math.sqrt(share * (1 - share) / number + (Z / (2 * number)) ** 2)
    low, high = ((centre + sign * spread) / (1 + Z**2 / number) for sign in (-1, 1))
    low, high = max(low, 0.0), min(high, 1.0)
    return 100 * share, 100 * low, 100 * high, "exact match|interval:wilson"


class Bleu:
    """BLEU with sacreBLEU's bootstrap interval (Koehn, 2004).

    Args:
        tokenize: str. See `keras_attention.evaluation.translation.tokenize_for`.
    """

    def __init__(self, tokenize):
        self.tokenize = tokenize

    def __call__(self, hypotheses, references):
        bleu = BLEU(tokenize=self.tokenize, force=True)
        found = bleu.corpus_score(hypotheses, [references], n_bootstrap=RESAMPLES)
        signature = str(bleu.get_signature())
        told = json.loads(found.format(4, signature=signature, is_json=True))
        # Without a single match there is nothing to resample.
        mean, half = told.get("confidence_mean", 0.0), told.get("confidence_var", 0.0)
        low, high = max(mean - half, 0.0), min(mean + half, 100.0)
        return float(found.score), low, high, signature
