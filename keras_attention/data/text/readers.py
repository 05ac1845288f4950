"""Reads sentence pairs from files, line by line, and skips what is broken."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from keras_attention.data import report as reasons
from keras_attention.data.report import Skip, SkipReport
from keras_attention.data.text.lines import read_lines, read_texts, text_of
from keras_attention.data.text.pair_tables import (
    SOURCE_KEY,
    TARGET_KEY,
    csv_columns,
    tsv_columns,
)

JSONL_SUFFIXES = (".jsonl", ".ndjson", ".json")
MAX_CHARACTERS = 5000


class Pair(NamedTuple):
    """A sentence and its translation.

    Attributes:
        line_number: int, from 1. Where in its file it stands.
        source: str.
        target: str.
    """

    line_number: int
    source: str
    target: str


def read_pairs(
    path: str | Path,
    *,
    target_path: str | Path | None = None,
    format: str = "auto",
    source_key: str = SOURCE_KEY,
    target_key: str = TARGET_KEY,
    swap: bool = False,
    max_characters: int = MAX_CHARACTERS,
    report: SkipReport | None = None,
) -> Iterator[Pair]:
    """Yields the good pairs of a file.

    gzip is recognised by its first bytes, whatever the name. A line without a tab,
    with bad UTF-8, NUL bytes or carriage returns in it, an empty side or a sentence
    over `max_characters` is counted in `report` with its number, and skipped. Of more
    than two columns the first two are used, and a note is made; unless the first line
    names the columns by `source_key` and `target_key`.

    Args:
        path: str or Path. The file; `"-"` is standard input. With `target_path`, the
            file of the sources.
        target_path: the file of the targets, line by line beside `path`.
        format: `"tsv"` (source, tab, target), `"csv"` (commas or semicolons, with
            quotes), `"paired"`, `"jsonl"` (one object a line), or `"auto"`: by the
            name, and TSV for standard input.
        source_key: str. Where JSON lines keep the source; dots step inside, as in
            `"translation.en"`. Of tables, the column's name.
        target_key: str. The same, of the target.
        swap: bool. Exchanges the sides: what stands first is then the target.
        max_characters: int. Longest side that is kept, in characters.
        report: `SkipReport` to fill in, optional.

    Yields:
        `Pair(line_number, source, target)`, both stripped and on one line.

    Raises:
        ValueError: no good pair in the file, paired files of different lengths,
            UTF-16, a damaged gzip file, or a format that does not fit.
        OSError: the file cannot be opened.

    Example:

    >>> _ = Path("pairs.tsv").write_text("cat\\tKatze\\ndog\\n", encoding="utf-8")
    >>> report = SkipReport()
    >>> list(read_pairs("pairs.tsv", report=report))
    [Pair(line_number=1, source='cat', target='Katze')]
    >>> report.skipped["no tab"]
    1
    """
    report = SkipReport() if report is None else report
    format = _resolve_format(path, target_path, format)
    rows = READERS[format](path, target_path, (source_key, target_key), report)
    found = False
    for line_number, source, target in rows:
        source, target = source.strip(), target.strip()
        reason = _reason_to_skip(source, target, max_characters)
        if reason:
            report.skip(reason, line_number)
            continue
        if swap:
            source, target = target, source
        found = True
        report.num_good += 1
        yield Pair(line_number, source, target)
    if not found:
        raise ValueError(
            f"{path}: expected sentence pairs in the format {format}; received not "
            f"one good pair. {report.summary()}\n"
            "Check the format, the columns or keys, and the encoding (UTF-8)."
            + _hint(report)
        )


def _resolve_format(path, target_path, format):
    if format not in FORMATS:
        raise ValueError(
            f"format must be one of {', '.join(FORMATS)}; received {format!r}"
        )
    if format == "auto":
        name = str(path).lower().removesuffix(".gz")
        format = "csv" if name.endswith(".csv") else "tsv"
        format = "jsonl" if name.endswith(JSONL_SUFFIXES) else format
        format = format if target_path is None else "paired"
    if (format == "paired") != (target_path is not None):
        raise ValueError(
            "format 'paired' takes two files, path and target_path, and the others "
            f"one; received format={format!r}, target_path={target_path!r}"
        )
    if format == "paired" and "-" in (str(path), str(target_path)):
        raise ValueError("paired files must be files; received '-' (standard input)")
    return format


def _reason_to_skip(source, target, max_characters):
    if not source or not target:
        return reasons.EMPTY_SIDE
    if max(len(source), len(target)) > max_characters:
        return reasons.TOO_LONG
    # Files with NUL bytes were found before; JSON can spell them.
    return reasons.NUL_BYTES if "\0" in source + target else None


def _hint(report):
    """What else a file without one tab may be."""
    if set(report.skipped) != {reasons.NO_TAB}:
        return ""
    return (
        " Where commas separate source and target, name the file .csv; where they "
        "stand in two files, give both (data.target, target_path)."
    )


def _tsv(path, target_path, keys, report):
    return tsv_columns(read_texts(path, report), keys, report)


def _csv(path, target_path, keys, report):
    return csv_columns(read_texts(path, report), keys, report, path)


def _json_lines(path, target_path, keys, report):
    for number, text in read_texts(path, report):
        try:
            source, target = _split_json(text, *keys)
        except Skip as skip:
            report.skip(skip.args[0], number)
        else:
            yield number, source, target


def _split_json(text, source_key, target_key):
    if not text.strip():
        raise Skip(reasons.EMPTY_SIDE)
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise Skip(reasons.BAD_JSON) from None
    return _value(record, source_key), _value(record, target_key)


def _value(record, key):
    for part in key.split("."):
        if not isinstance(record, dict) or part not in record:
            raise Skip(reasons.MISSING_KEY)
        record = record[part]
    if not isinstance(record, str):
        raise Skip(reasons.MISSING_KEY)
    try:
        record.encode()  # "\ud800" is valid JSON, but no text.
    except UnicodeEncodeError:
        raise Skip(reasons.BAD_UTF8) from None
    return " ".join(record.splitlines())


def _paired(path, target_path, keys, report):
    """Yields `(line number, source, target)` of two files, line by line."""
    with contextlib.ExitStack() as stack:
        paths = path, target_path
        files = [stack.enter_context(contextlib.closing(read_lines(p))) for p in paths]
        end = object()
        for number, pair in enumerate(itertools.zip_longest(*files, fillvalue=end), 1):
            if end in pair:
                counts = [
                    number - 1 + (line is not end) + sum(1 for _ in rest)
                    for line, rest in zip(pair, files, strict=True)
                ]
                raise ValueError(
                    "paired files must have as many lines as each other; received "
                    f"{counts[0]:,} in {path} and {counts[1]:,} in {target_path}"
                )
            report.num_lines = number
            try:
                source, target = map(text_of, pair)
            except Skip as skip:
                report.skip(skip.args[0], number)
            else:
                yield number, source, target


# What reads each format; of all but "paired", `target_path` is None.
READERS = {"tsv": _tsv, "csv": _csv, "paired": _paired, "jsonl": _json_lines}
FORMATS = ("auto", *READERS)
