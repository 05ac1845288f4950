"""A model's attention as data: its alignments against gold, its entropy and coverage.

The model is made to say the references (forced decoding), so that its attention lies
between the very words that people aligned.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from keras_attention.data.text.alignment_file import AlignmentFile
from keras_attention.data.text.alignments import GoldAlignment, parse_gold
from keras_attention.data.text.toy import toy_alignment
from keras_attention.evaluation.attention import (
    Alignment,
    alignment_scores,
    coverage,
    entropy,
)

PAIRS_AT_ONCE = 1024  # Attention of so many is kept in memory.


@dataclass(frozen=True)
class AttentionMeasures:
    """Attention over a corpus; neither `</s>` nor the token of a language is a token or
    a word that is counted."""

    sentences: int
    """Pairs that were measured."""
    entropy: float
    """Mean over target tokens, in nats; `exp` of it: positions attended to."""
    uncovered: float
    """The share of source tokens that were attended to less than `threshold` in all."""
    coverage_deviation: float
    """Mean over source tokens of |1 - coverage|."""
    threshold: float
    """Coverage below which a token counts as left out."""
    error_rate: float | None = None
    """AER of words, from 0 (right) to 1; None without gold alignments, as the rest."""
    precision: float | None = None
    """The share of the links found that may be there."""
    recall: float | None = None
    """The share of the sure links that were found."""

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        text = (
            f"entropy {self.entropy:.3f} nats, coverage deviation "
            f"{self.coverage_deviation:.3f}, {100 * self.uncovered:.1f} % of source "
            f"tokens covered less than {self.threshold:g}"
        )
        if self.error_rate is None:
            return text
        shares = (
            f"{name} {'none' if share is None else f'{share:.3f}'}"
            for name, share in (("precision", self.precision), ("recall", self.recall))
        )
        return f"AER {self.error_rate:.3f} ({', '.join(shares)})\n{text}"


def measure_attention(
    translator: Any,
    sources: Sequence[str],
    targets: Sequence[str],
    gold: Sequence[GoldAlignment | Alignment] | None = None,
    threshold: float = 0.2,
    batch_size: int = 32,
    source_language: str | None = None,
    target_language: str | None = None,
) -> AttentionMeasures:
    """Measures attention between sentences and given translations of them.

    Each target word is linked to the source word that it attends to most: attention
    to a word is summed over its subwords, attention from a word is the mean over its
    own.

    Args:
        translator: `Translator`.
        sources: str each.
        targets: str each, as many.
        gold: `GoldAlignment` of each pair, or a set of sure links
            `(source word, target word)`; words as `str.split` cuts them, from 0.
        threshold: float. Coverage below which a source token counts as left out.
        batch_size: int. Pairs in one go.
        source_language, target_language: str, optional. Of all texts, as for
            `Translator.translate`.

    Returns:
        `AttentionMeasures`. Coverage is what a source token receives from all steps
        of the decoder, those of the end token and of a language included.

    Raises:
        ValueError: unequal numbers, nothing to measure, a gold link outside of its
            pair, a language that the model does not know, or a model without attention.

    References:
        AER of attention: [Luong et al., 2015](https://arxiv.org/abs/1508.04025),
        section 5.4; coverage: [Tu et al., 2016](https://arxiv.org/abs/1601.04811).
    """
    if not translator.model.attends:
        raise without_attention(translator.model)
    _check_lengths(sources, targets, gold)
    gold = None if gold is None else [_as_gold(each) for each in gold]
    for i, each in enumerate(gold or ()):
        check_links(each, sources[i], targets[i], f"gold[{i}]")
    text = slice(translator.language_ids.count, -1)  # between language and end
    entropies, coverages, found = [], [], []
    for start in range(0, len(sources), PAIRS_AT_ONCE):
        rows = slice(start, start + PAIRS_AT_ONCE)
        translations = translator.force_decode(
            sources[rows], targets[rows], batch_size, source_language, target_language
        )
        for translation in translations:
            entropies.append(entropy(translation.attention)[text])
            coverages.append(coverage(translation.attention)[text])
            found.append(translation.alignment)
    spread, received = np.concatenate(entropies), np.concatenate(coverages)
    if not spread.size or not received.size:
        raise ValueError("expected pairs with words; all sources or targets are empty")
    measures = AttentionMeasures(
        sentences=len(sources),
        entropy=float(spread.mean()),
        uncovered=float(np.mean(received < threshold)),
        coverage_deviation=float(np.abs(1 - received).mean()),
        threshold=threshold,
    )
    if gold is None:
        return measures
    sure, possible = zip(*gold, strict=True)
    scores = alignment_scores(found, sure, possible)
    return AttentionMeasures(**{**asdict(measures), **scores._asdict()})


def without_attention(model: Any) -> ValueError:
    """What is wrong with asking `model` where it attends."""
    return ValueError(
        f"a {type(model).__name__} with attention=None has no attention to measure or "
        "to draw: it knows the source by one vector alone. Train one with attention"
    )


def toy_gold(task: str, sources: Sequence[str]) -> list[GoldAlignment]:
    """The alignments of a toy task, which are known.

    Args:
        task: `"copy"`, `"reverse"` or `"sort"`.
        sources: str each, symbols with spaces between.

    Returns:
        A list of `GoldAlignment`. Copies and reversals are sure, link by link. Where a
        symbol that is sorted occurs more than once, each copy of it may be any of
        them: their links are possible, and none is sure.

    Example:

    >>> (gold,) = toy_gold("sort", ["b a b"])
    >>> sorted(gold.sure), sorted(gold.possible)
    ([(1, 0)], [(0, 1), (0, 2), (1, 0), (2, 1), (2, 2)])
    """
    return [_toy_gold(task, source) for source in sources]


def _toy_gold(task, source):
    links = {(place, i) for i, place in enumerate(toy_alignment(task, source))}
    if task != "sort":
        return GoldAlignment(links, links)
    symbols = source.split()
    possible = {
        (other, i)
        for place, i in links
        for other, symbol in enumerate(symbols)
        if symbol == symbols[place]
    }
    sure = {(place, i) for place, i in links if symbols.count(symbols[place]) == 1}
    return GoldAlignment(sure, possible)


def read_gold(path, pairs, report):
    """Reads gold alignments beside the pairs that they are of.

    Args:
        path: str or Path. One line for each line of the corpus: `0-0` is a sure link,
            `0p1` or `0?1` a possible one, source position first.
        pairs: iterable of `Pair`, as `read_pairs` yields them.
        report: the `SkipReport` of `read_pairs`.

    Returns:
        `(pairs, gold)`, lists of as many `Pair` and `GoldAlignment`.

    Raises:
        ValueError: another number of lines than the corpus has, or a line that holds
            anything but links between the words of its pair.
    """
    kept, gold = [], []
    for pair, line in AlignmentFile(path).beside(pairs, report):
        place = f"line {pair.line_number} of {path}"
        try:
            links = parse_gold("(too long)" if line is None else line.decode())
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
        check_links(links, pair.source, pair.target, place)
        kept.append(pair)
        gold.append(links)
    return kept, gold


def check_links(gold, source, target, place):
    """Raises a ValueError where `GoldAlignment` goes beyond the words of its pair."""
    lengths = len(source.split()), len(target.split())
    for link in sorted(gold.sure | gold.possible):
        if not all(0 <= i < length for i, length in zip(link, lengths, strict=True)):
            raise ValueError(
                f"{place}: the link {link[0]}-{link[1]} goes beyond the {lengths[0]} "
                f"words of the source or the {lengths[1]} of the target; words are "
                "what spaces separate, counted from 0, the source's first"
            )


def _as_gold(links):
    return links if isinstance(links, GoldAlignment) else GoldAlignment(links, links)


def _check_lengths(sources, targets, gold):
    if not len(sources) == len(targets) == len(sources if gold is None else gold):
        alignments = "" if gold is None else f" and {len(gold)} gold alignments"
        raise ValueError(
            "expected a target, and a gold alignment if any, for each source; received "
            f"{len(sources)} sources, {len(targets)} targets{alignments}"
        )
    if not len(sources):
        raise ValueError("expected at least one pair to measure; received none")
