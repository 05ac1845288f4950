"""Pairs become ids and go to their splits, a chunk at a time."""

import os

from keras_attention.data import report as reasons
from keras_attention.data.splits import SPLITS
from keras_attention.data.text.alignment_file import AlignmentFile, usable_links
from keras_attention.data.text.distinct_sources import DistinctSources


class PairTokenising:
    """Tokenises pairs, skips those that are of no use, and writes the others.

    Args:
        tokenizers: those of source and target.
        limits: `(source, target)`, int. Most ids of either side.
        splitter: `Splitter`.
        writers: dict from split to `SplitWriter`.

    Attributes:
        sources: `DistinctSources` of the corpora, whatever their split.
    """

    def __init__(self, tokenizers, limits, splitter, writers):
        self.tokenizers = tokenizers
        self.limits = limits
        self.splitter = splitter
        self.writers = writers
        self.sources = DistinctSources()

    def add(self, part, chunk, report):
        """Adds a list of `Pair`, or of `(pair, line)` beside a file of alignments."""
        lines: tuple = ()
        if isinstance(part.alignments, AlignmentFile):
            chunk, lines = zip(*chunk, strict=True)
        texts = [
            [part.tagged(pair.source) for pair in chunk],
            [pair.target for pair in chunk],
        ]
        threads = os.cpu_count() or 1
        ids = [
            tokenizer.encode(side_texts, num_threads=threads)
            for tokenizer, side_texts in zip(self.tokenizers, texts, strict=True)
        ]
        good = self._good(part, chunk, ids, report)
        columns = list(ids)
        if part.alignments is not None:
            links = usable_links(
                part.alignments, chunk, lines, good, self.tokenizers, report
            )
            columns.append(links)
            good = [i for i in good if i in links]
        members = {split: [] for split in SPLITS}
        for i in good:
            split = self.splitter(part, chunk[i], report)
            if split is not None:
                members[split].append(i)
            if not part.split:
                self.sources.add(chunk[i].source)
        for split, rows in members.items():
            self.writers[split].append(
                [[column[i] for i in rows] for column in columns],
                [[side_texts[i] for i in rows] for side_texts in texts],
            )

    def _good(self, part, chunk, ids, report):
        """The numbers of pairs that are neither empty nor too long."""
        # A tag alone is no source.
        (of_tag,) = self.tokenizers[0].encode([part.tag])
        longest_source, longest_target = self.limits
        good = []
        for i, (source, target) in enumerate(zip(*ids, strict=True)):
            if len(source) <= len(of_tag) or not target:
                report.skip(reasons.EMPTY_SIDE, chunk[i].line_number)
            elif len(source) > longest_source or len(target) > longest_target:
                report.skip(reasons.TOO_LONG, chunk[i].line_number)
            else:
                good.append(i)
        return good
