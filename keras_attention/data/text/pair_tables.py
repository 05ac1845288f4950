"""Sentence pairs in columns: separated by tabs, or as CSV with its quotes."""

import contextlib
from collections import Counter
from itertools import chain, islice

from keras_attention.data import report as reasons
from keras_attention.data.report import Skip
from keras_attention.data.text.csv_cells import quoted_cells, read_rows

SOURCE_KEY = "source"
TARGET_KEY = "target"
# Of CSV, which is said to have commas, and has semicolons in half of Europe.
SEPARATORS = (",", ";", "\t")
# Commas stand in sentences too: so many lines decide what separates columns.
SNIFFED_LINES = 20


def tsv_columns(texts, keys, report):
    """Yields `(line number, source, target)` of lines with tabs; nothing is quoted.

    Args:
        texts: iterable of `(line number, text)`.
        keys: `(source_key, target_key)`. A first line with both is a header, and says
            which columns they are; without one, the first two are.
        report: `SkipReport`.
    """
    places = None
    for number, text in texts:
        cells = text.split("\t")
        if number == 1:
            places = _header(cells, keys)
            if places:
                report.note(reasons.HEADER, number)
                continue
        if len(cells) < 2:
            report.skip(reasons.NO_TAB, number)
        elif len(cells) <= max(places or (1,)):
            report.skip(reasons.MISSING_COLUMN, number)
        else:
            if len(cells) > 2 and not places:
                report.note(reasons.EXTRA_COLUMNS, number)
            source, target = places or (0, 1)
            yield number, cells[source], cells[target]


def csv_columns(texts, keys, report, path):
    """The same of CSV: cells may be quoted, and then run over several lines.

    Commas, semicolons or tabs separate columns, whichever gives most of the first lines
    the same number of them. A row of another number is skipped: a sentence's comma
    without quotes must not cut it short.

    Raises:
        ValueError: keys are given, and the first line does not have them.
    """
    texts = iter(texts)
    first = list(islice(texts, SNIFFED_LINES))
    separator, num_columns = _shape(first)
    places, at_first_row = None, True
    for number, text in read_rows(chain(first, texts), separator):
        try:
            cells = quoted_cells(text, separator)
        except Skip as skip:
            report.skip(skip.args[0], number)
            continue
        if at_first_row:
            places, at_first_row = _header(cells, keys), False
            if places:
                report.note(reasons.HEADER, number)
                continue
            if keys != (SOURCE_KEY, TARGET_KEY):
                raise ValueError(
                    f"{path}: expected columns named {keys[0]!r} and {keys[1]!r} in "
                    f"the first line; received {', '.join(map(repr, cells))[:200]}"
                )
        if len(cells) != num_columns:
            report.skip(reasons.OTHER_COLUMNS, number)
        elif num_columns <= max(places or (1,)):
            report.skip(reasons.MISSING_COLUMN, number)
        else:
            if num_columns > 2 and not places:
                report.note(reasons.EXTRA_COLUMNS, number)
            source, target = (_on_one_line(cells[at]) for at in places or (0, 1))
            yield number, source, target


def _header(cells, keys):
    """The places of both keys in a first line, None if it is not one of names."""
    names = [cell.strip().lower() for cell in cells]
    wanted = [key.lower() for key in keys]
    if wanted[0] == wanted[1] or not set(wanted) <= set(names):
        return None
    return names.index(wanted[0]), names.index(wanted[1])


def _shape(first):
    """`(separator, number of columns)` of a table, by its first lines."""
    found = [(0, 1, SEPARATORS[0])]
    for separator in SEPARATORS:
        counts = Counter()
        for _, text in read_rows(first, separator):
            with contextlib.suppress(Skip):
                counts[len(quoted_cells(text, separator))] += 1
        del counts[1]
        # Of those that do equally well, the first.
        found += [(rows, n, separator) for n, rows in counts.most_common(1)]
    _, num_columns, separator = max(found, key=lambda shape: shape[0])
    return separator, num_columns


def _on_one_line(cell):
    return " ".join(cell.splitlines())
