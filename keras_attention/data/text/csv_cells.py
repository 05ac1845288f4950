"""Rows and cells of tables: separated, and quoted where a cell holds a separator."""

import csv

from keras_attention.data import report as reasons
from keras_attention.data.report import Skip

# A quoted cell may run over several lines; a quote never closed must not swallow the
# rest of the file.
MAX_RECORD_LINES = 10


def read_rows(lines, separator=None):
    """Joins the lines of a quoted cell that runs over several; drops empty lines.

    Args:
        lines: iterable of `(line number, text)`.
        separator: str; None where nothing is quoted.

    Yields:
        `(line number, text)`, the number that of the first line.
    """
    waiting: list = []
    lines = iter(lines)
    while item := (waiting.pop(0) if waiting else next(lines, None)):
        number, text = item
        if not text.strip():
            continue
        taken = 0
        while taken < MAX_RECORD_LINES - 1 and not _closed(text, separator):
            while len(waiting) <= taken and (more := next(lines, None)):
                waiting.append(more)
            if len(waiting) <= taken:
                break
            text += "\n" + waiting[taken][1]
            taken += 1
        if not _closed(text, separator):
            yield item  # Which will be found bad alone.
        else:
            del waiting[:taken]
            yield number, text


def quoted_cells(text, separator):
    """The cells of a row, a list of str, as the `csv` module reads them.

    Raises:
        Skip: quotes that do not close.
    """
    try:
        lines = text.splitlines(keepends=True)
        return next(csv.reader(lines, delimiter=separator, strict=True))
    except (csv.Error, StopIteration):
        raise Skip(reasons.BAD_QUOTES) from None


def _closed(text, separator):
    if separator is None:
        return True
    try:
        quoted_cells(text, separator)
    except Skip:
        return False
    return True
