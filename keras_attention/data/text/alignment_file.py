"""Links of words that come beside the pairs of a corpus."""

import hashlib
import os
from typing import Any

from keras_attention.data import report as reasons
from keras_attention.data.text.alignments import (
    parse_alignment,
    subword_links,
    subword_words,
)
from keras_attention.data.text.lines import read_lines

# Pairs whose subwords are found in their texts at one time, which takes memory.
ALIGNED_AT_ONCE = 1000


class AlignmentFile:
    """Links of words, one line for each line of a corpus (the Pharaoh format).

    Args:
        path: str or Path. Lines such as `0-0 2-1`, source position first; plain or
            gzip'd. An empty line links nothing.
        swap: bool. Whether the target position comes first.
    """

    def __init__(self, path, swap=False):
        self.path = path
        self.swap = swap

    def fingerprint(self):
        """A short name of the content and of how it is read."""
        digest = hashlib.blake2b(repr(self.swap).encode(), digest_size=16)
        for line in read_lines(self.path):
            digest.update(b"long" if line is None else line)
            digest.update(b"\n")
        return digest.hexdigest()

    def beside(self, pairs, report):
        """Yields `(pair, line)`, the line that has the pair's number.

        Args:
            pairs: iterable of `Pair`, in the order of their numbers.
            report: `SkipReport` that counts the corpus's lines while they are read.

        Raises:
            ValueError: more or fewer lines than the corpus has, or pairs out of order.
        """
        lines = enumerate(read_lines(self.path), start=1)
        number: Any = 0
        line = None
        for pair in pairs:
            while number < pair[0]:
                read = number
                number, line = next(lines, (None, None))
                if number is None:
                    raise ValueError(
                        "expected a line of links for each line of the corpus; "
                        f"{self.path} ends after line {read:,}, the corpus goes on "
                        f"with line {pair[0]:,}"
                    )
            if number > pair[0]:
                raise ValueError(
                    "expected pairs in the order of their lines, beside which "
                    f"{self.path} is read; received line {pair[0]:,} after {number:,}"
                )
            yield pair, line
        num_lines = number + sum(1 for _ in lines)
        expected = max(number, report.num_lines)
        if num_lines != expected:
            raise ValueError(
                "expected a line of links for each line of the corpus; "
                f"{self.path} has {num_lines:,} lines, the corpus {expected:,}"
            )

    def links(self, line):
        """The set of `(source word, target word)` in a line that `beside` gave; None
        if it holds something else."""
        try:
            links = parse_alignment(line.decode())
        except (AttributeError, ValueError):  # An over-long line is None.
            return None
        return {(s, t) for t, s in links} if self.swap else links


def usable_links(alignments, pairs, lines, good, tokenizers, report):
    """Links between the subwords of pairs.

    Args:
        alignments: `AlignmentFile`, or a function of `(source, target)` that returns
            a set of `(source word, target word)`.
        pairs: list of `Pair`.
        lines: the line of the file that goes with each pair; empty for a function.
        good: list of int. The numbers in `pairs` of those that are of use otherwise.
        tokenizers: those of source and target.
        report: `SkipReport`, to which go pairs whose links are of no use.

    Returns:
        A dict from number in `pairs` to links, flat: source position, target
        position, source position, …
    """
    threads = os.cpu_count() or 1
    flat = {}
    for start in range(0, len(good), ALIGNED_AT_ONCE):
        rows = good[start : start + ALIGNED_AT_ONCE]
        words = [
            subword_words(tokenizer, [pairs[i][side] for i in rows], threads)
            for side, tokenizer in enumerate(tokenizers, start=1)
        ]
        for i, source_words, target_words in zip(rows, *words, strict=True):
            number, *pair = pairs[i]
            links = alignments.links(lines[i]) if lines else alignments(*pair)
            if links is None:
                report.skip(reasons.BAD_ALIGNMENT, number)
            elif _outside(links, *pair):
                report.skip(reasons.ALIGNMENT_OUTSIDE, number)
            else:
                links = subword_links(links, source_words, target_words)
                flat[i] = links.ravel().tolist()
    return flat


def _outside(links, source, target):
    """Whether links go beyond the words of two texts."""
    lengths = len(source.split()), len(target.split())
    return any(not (0 <= s < lengths[0] and 0 <= t < lengths[1]) for s, t in links)
