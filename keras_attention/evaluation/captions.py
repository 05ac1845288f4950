"""BLEU-1 to 4, ROUGE-L and CIDEr-D of captions, as the COCO toolkit computes them."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Sequence

from keras_attention.evaluation.meteor import meteor_score
from keras_attention.evaluation.ptb_tokenizer import (
    tokenize_captions,
    tokenize_references,
)

MOST = 4  # words of an n-gram
SIGMA = 6.0  # CIDEr-D's Gaussian over differences of length
BETA = 1.2  # ROUGE-L's weight of recall
# What the toolkit adds where it divides, so that numbers agree to the last digit.
TINY, SMALL = 1e-15, 1e-9


@dataclasses.dataclass(frozen=True)
class CaptionScores:
    """Scores of captions, each against all references of its image."""

    bleu1: float
    """0 to 100, as the other BLEUs."""
    bleu2: float
    bleu3: float
    bleu4: float
    rouge_l: float
    """0 to 100."""
    cider: float
    """CIDEr-D, 0 to 10; good models of COCO have 1.1."""
    meteor: float | None = None
    """0 to 100; None if not asked for."""

    def as_dict(self):
        """Names and numbers, for JSON."""
        scores = dataclasses.asdict(self)
        return {key: value for key, value in scores.items() if value is not None}

    def __str__(self):
        bleu = " ".join(f"{getattr(self, f'bleu{n}'):.1f}" for n in range(1, MOST + 1))
        meteor = "" if self.meteor is None else f"  METEOR {self.meteor:.1f}"
        return (
            f"CIDEr-D {self.cider:.3f}  BLEU-1..4 {bleu}  "
            f"ROUGE-L {self.rouge_l:.1f}{meteor}"
        )


def score_captions(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], meteor: bool = False
) -> CaptionScores:
    """Scores captions.

    Args:
        hypotheses: a caption for each image.
        references: all right captions of each image.
        meteor: whether to compute METEOR too, which is for English and needs Java and
            the extra `coco`.

    Returns:
        `CaptionScores`.

    Raises:
        ValueError: numbers that differ, an image without reference, or METEOR where
            it cannot be had.

    Example:

    >>> scores = score_captions(["a dog"], [["a dog runs", "a brown dog"]])
    >>> round(scores.bleu1, 1)
    60.7
    """
    _check(hypotheses, references)
    said, right = tokenize_captions(hypotheses), tokenize_references(references)
    bleu1, bleu2, bleu3, bleu4 = (100 * value for value in bleu(said, right))
    return CaptionScores(
        bleu1,
        bleu2,
        bleu3,
        bleu4,
        rouge_l=100 * rouge_l(said, right),
        cider=cider_d(said, right),
        meteor=100 * meteor_score(said, right) if meteor else None,
    )


def bleu(
    hypotheses: Sequence[list[str]], references: Sequence[Sequence[list[str]]]
) -> list[float]:
    """BLEU with n-grams of up to 1, 2, 3 and 4 words, of the whole corpus.

    The brevity penalty compares with the reference nearest in length.

    References:
        [Papineni et al., 2002](https://aclanthology.org/P02-1040).
    """
    matched, total = [0] * MOST, [0] * MOST
    length = reference_length = 0
    for said, right in zip(hypotheses, references, strict=True):
        length += len(said)
        near = min((abs(len(one) - len(said)), len(one)) for one in right)
        reference_length += near[1]
        for n in range(1, MOST + 1):
            counts = _ngrams(said, n)
            allowed: Counter = Counter()
            for one in right:
                allowed |= _ngrams(one, n)
            matched[n - 1] += (counts & allowed).total()
            total[n - 1] += max(len(said) - n + 1, 0)
    ratio = (length + TINY) / (reference_length + SMALL)
    penalty = 1.0 if ratio >= 1 else math.exp(1 - 1 / ratio)
    scores, product = [], 1.0
    for n in range(MOST):
        product *= (matched[n] + TINY) / (total[n] + SMALL)
        scores.append(penalty * product ** (1 / (n + 1)))
    return scores


def rouge_l(
    hypotheses: Sequence[list[str]], references: Sequence[Sequence[list[str]]]
) -> float:
    """ROUGE-L: F of the longest common subsequence, the mean over images.

    Precision and recall are those of the references that give most of each.

    References:
        [Lin, 2004](https://aclanthology.org/W04-1013), section 3.
    """
    return _mean(map(_rouge_l, hypotheses, references))


def _rouge_l(said: list[str], right: Sequence[list[str]]) -> float:
    if not said:
        return 0.0
    common = [_common_length(said, one) for one in right]
    precision = max(common) / len(said)
    recall = max(
        length / max(len(one), 1) for length, one in zip(common, right, strict=True)
    )
    if not precision:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _common_length(one: list[str], other: list[str]) -> int:
    row = [0] * (len(other) + 1)
    for word in one:
        diagonal = 0
        for j, candidate in enumerate(other, 1):
            above = row[j]
            row[j] = diagonal + 1 if word == candidate else max(above, row[j - 1])
            diagonal = above
    return row[-1]


def cider_d(
    hypotheses: Sequence[list[str]], references: Sequence[Sequence[list[str]]]
) -> float:
    """CIDEr-D: likeness of n-grams, rare ones counting more; the mean over images.

    How rare an n-gram is, the references of these images say, so that scores of
    different sets of images cannot be compared; and of a single image it is 0.

    References:
        [Vedantam et al., 2015](https://arxiv.org/abs/1411.5726), section 4.
    """
    return _mean(cider_d_of_each(hypotheses, references))


def cider_d_of_each(
    hypotheses: Sequence[list[str]], references: Sequence[Sequence[list[str]]]
) -> list[float]:
    """CIDEr-D of each image, rarity being that in all of them: what groups of
    images have on average can be compared."""
    frequency: Counter = Counter()
    for right in references:
        frequency.update({gram for one in right for gram in _all_ngrams(one)})
    log_images = math.log(len(references))
    weigh = _Weigher(frequency, log_images)
    return [
        10 * _mean(_similarity(weigh(said), weigh(one)) for one in right)
        for said, right in zip(hypotheses, references, strict=True)
    ]


class _Weigher:
    """Makes tf-idf vectors: for each n, n-grams with weights and their norm."""

    def __init__(self, frequency: Counter, log_images: float):
        self.frequency = frequency
        self.log_images = log_images

    def __call__(self, words: list[str]):
        vectors = []
        for n in range(1, MOST + 1):
            weights = {
                gram: count * (self.log_images - math.log(max(1, self.frequency[gram])))
                for gram, count in _ngrams(words, n).items()
            }
            norm = math.sqrt(sum(weight**2 for weight in weights.values()))
            vectors.append((weights, norm))
        # The toolkit measures length in bigrams.
        return vectors, max(len(words) - 1, 0)


def _similarity(said, right) -> float:
    (said_vectors, said_length), (right_vectors, right_length) = said, right
    damped = math.exp(-((said_length - right_length) ** 2) / (2 * SIGMA**2))
    total = 0.0
    for (mine, norm), (theirs, other_norm) in zip(
        said_vectors, right_vectors, strict=True
    ):
        product = sum(
            min(weight, theirs.get(gram, 0.0)) * theirs.get(gram, 0.0)
            for gram, weight in mine.items()
        )
        if norm and other_norm:
            product /= norm * other_norm
        total += product * damped
    return total / MOST


def _ngrams(words: list[str], n: int) -> Counter:
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def _all_ngrams(words: list[str]):
    for n in range(1, MOST + 1):
        yield from _ngrams(words, n)


def _mean(values: Iterable[float]) -> float:
    values = list(values)
    return sum(values) / len(values)


def _check(hypotheses, references) -> None:
    if len(hypotheses) != len(references) or not hypotheses:
        raise ValueError(
            "expected a caption for each image; received "
            f"{len(hypotheses)} captions, and references of {len(references)} images"
        )
    for i, right in enumerate(references):
        if isinstance(right, str) or not right:
            raise ValueError(
                "references must be a list of captions for each image; received "
                f"{right!r:.60} for image {i}"
            )
