"""Reads sentence pairs from files, line by line, and skips what is broken.

Lines are split as bytes and decoded one by one, so that a bad byte costs one line.
Memory is that of one line.
"""

import contextlib
import gzip
import io
import itertools
import json
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

from keras_attention.data import report as reasons
from keras_attention.data.report import SkipReport

FORMATS = ("auto", "tsv", "paired", "jsonl")
JSONL_SUFFIXES = (".jsonl", ".ndjson", ".json")
# A longer line is no sentence; its rest is passed over without being held.
MAX_LINE_BYTES = 1 << 20
MAX_CHARACTERS = 5000

UTF8_BOM = b"\xef\xbb\xbf"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
GZIP_MAGIC = b"\x1f\x8b"


class Pair(NamedTuple):
    """A sentence and its translation, from line `line_number` (from 1) of a file."""

    line_number: int
    source: str
    target: str


class _Skip(Exception):
    """A line that gives no pair; the argument is the reason."""


def read_pairs(
    path,
    *,
    target_path=None,
    format="auto",
    source_key="source",
    target_key="target",
    swap=False,
    max_characters=MAX_CHARACTERS,
    report=None,
):
    """Yields the good pairs of a file.

    gzip is recognised by its first bytes, whatever the name. A line without a tab,
    with bad UTF-8, an empty side or a sentence over `max_characters` is counted in
    `report` with its number, and skipped. Of more than two columns the first two
    are used, and a note is made.

    Args:
        path: str or Path. The file; `"-"` is standard input. With `target_path`, the
            file of the sources.
        target_path: the file of the targets, line by line beside `path`.
        format: `"tsv"` (source, tab, target), `"paired"`, `"jsonl"` (one object a
            line), or `"auto"`: by the name, and TSV for standard input.
        source_key: str. Where JSON lines keep the source; dots step inside, as in
            `"translation.en"`.
        target_key: str. The same, of the target.
        swap: bool. Exchanges the sides: what stands first is then the target.
        max_characters: int. Longest side that is kept.
        report: `SkipReport` to fill in, optional.

    Yields:
        `Pair(line_number, source, target)`, both stripped and on one line.

    Raises:
        ValueError: no good pair in the file, paired files of different lengths,
            UTF-16, a damaged gzip file, or a format that does not fit.
        OSError: the file cannot be opened.
    """
    report = SkipReport() if report is None else report
    format = _resolve_format(path, target_path, format)
    found = False
    for line_number, lines in enumerate(_lines(path, target_path), start=1):
        report.num_lines = line_number
        try:
            if format == "jsonl":
                source, target = _split_json(lines[0], source_key, target_key)
            elif format == "paired":
                source, target = map(_decode, lines)
            else:
                source, target = _split_tsv(lines[0], report, line_number)
            source, target = source.strip(), target.strip()
            if not source or not target:
                raise _Skip(reasons.EMPTY_SIDE)
            if max(len(source), len(target)) > max_characters:
                raise _Skip(reasons.TOO_LONG)
        except _Skip as skip:
            report.skip(skip.args[0], line_number)
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
        )


def read_lines(path):
    """Yields the lines of a file, plain or gzip'd, as bytes without their ends; None
    for one over `MAX_LINE_BYTES`.

    Raises:
        ValueError: UTF-16, or a damaged gzip file.
        OSError: the file cannot be opened.
    """
    with _open(path) as file:
        yield from _file_lines(file, path)


def _resolve_format(path, target_path, format):
    if format not in FORMATS:
        raise ValueError(f"format must be one of {FORMATS}; received {format!r}")
    if format == "auto":
        name = str(path).lower().removesuffix(".gz")
        format = "jsonl" if name.endswith(JSONL_SUFFIXES) else "tsv"
        format = format if target_path is None else "paired"
    if (format == "paired") != (target_path is not None):
        raise ValueError(
            "format 'paired' takes two files, path and target_path, and the others "
            f"one; received format={format!r}, target_path={target_path!r}"
        )
    if format == "paired" and "-" in (str(path), str(target_path)):
        raise ValueError("paired files must be files; received '-' (standard input)")
    return format


def _split_tsv(line, report, line_number):
    columns = _decode(line).split("\t")
    if len(columns) < 2:
        raise _Skip(reasons.NO_TAB)
    if len(columns) > 2:
        report.note(reasons.EXTRA_COLUMNS, line_number)
    return columns[0], columns[1]


def _split_json(line, source_key, target_key):
    text = _decode(line)
    if not text.strip():
        raise _Skip(reasons.EMPTY_SIDE)
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise _Skip(reasons.BAD_JSON) from None
    return _value(record, source_key), _value(record, target_key)


def _value(record, key):
    for part in key.split("."):
        if not isinstance(record, dict) or part not in record:
            raise _Skip(reasons.MISSING_KEY)
        record = record[part]
    if not isinstance(record, str):
        raise _Skip(reasons.MISSING_KEY)
    try:
        record.encode()  # "\ud800" is valid JSON, but no text.
    except UnicodeEncodeError:
        raise _Skip(reasons.BAD_UTF8) from None
    return " ".join(record.splitlines())


def _decode(line):
    if line is None:
        raise _Skip(reasons.TOO_LONG)
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise _Skip(reasons.BAD_UTF8) from None


def _lines(path, target_path):
    """Yields a tuple of the lines with one number: one, or two of paired files."""
    with contextlib.ExitStack() as stack:
        paths = [path] if target_path is None else [path, target_path]
        files = [_file_lines(stack.enter_context(_open(p)), p) for p in paths]
        if len(files) == 1:
            yield from zip(files[0], strict=True)
            return
        end = object()
        count = 0
        for pair in itertools.zip_longest(*files, fillvalue=end):
            if end in pair:
                counts = [
                    count + (line is not end) + sum(1 for _ in rest)
                    for line, rest in zip(pair, files, strict=True)
                ]
                raise ValueError(
                    "paired files must have as many lines as each other; received "
                    f"{counts[0]:,} in {path} and {counts[1]:,} in {target_path}"
                )
            count += 1
            yield pair


def _file_lines(file, path):
    """Yields lines without their ends; None for one over `MAX_LINE_BYTES`."""
    line_number = 0
    try:
        while line := file.readline(MAX_LINE_BYTES):
            line_number += 1
            if line_number == 1:
                if line.startswith(UTF16_BOMS) and b"\0" in line + file.peek(1)[:1]:
                    raise ValueError(
                        f"{path}: expected UTF-8; received UTF-16: convert it with "
                        "iconv -f UTF-16 -t UTF-8"
                    )
                line = line.removeprefix(UTF8_BOM)
            if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE_BYTES)
                yield None
            else:
                yield line.rstrip(b"\r\n")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{path}: the gzip data are damaged after line {line_number:,}: {error}"
        ) from error


@contextlib.contextmanager
def _open(path):
    with contextlib.ExitStack() as stack:
        if str(path) == "-":
            file = sys.stdin.buffer
        else:
            file = stack.enter_context(Path(path).open("rb"))
        if file.peek(2)[:2] == GZIP_MAGIC:
            unzipped = stack.enter_context(gzip.GzipFile(fileobj=file))
            # GzipFile alone reads lines several times more slowly.
            file = stack.enter_context(io.BufferedReader(unzipped))
        yield file
