"""Lines of files, plain or gzip'd, and what makes a line no text.

Lines are split as bytes and decoded one by one, so that a bad byte costs one line.
Memory is that of one line.
"""

import contextlib
import gzip
import io
import sys
import zlib
from pathlib import Path
from typing import Any

from keras_attention.data import report as reasons
from keras_attention.data.report import Skip

# A longer line is no sentence; its rest is passed over without being held.
MAX_LINE_BYTES = 1 << 20

UTF8_BOM = b"\xef\xbb\xbf"
UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
GZIP_MAGIC = b"\x1f\x8b"


def read_lines(path):
    """Yields the lines of a file, plain or gzip'd, as bytes without their ends; None
    for one over `MAX_LINE_BYTES`.

    A line ends with a line feed; a carriage return before it belongs to the end.

    Args:
        path: str or Path; `"-"` is standard input.

    Raises:
        ValueError: UTF-16, a damaged gzip file, or one whose lines end with carriage
            returns alone.
        OSError: the file cannot be opened.
    """
    with _open(path) as file:
        yield from _lines(file, path)


def read_texts(path, report):
    """Yields `(line number, text)`; what is no text is counted in a `SkipReport`."""
    for number, line in enumerate(read_lines(path), start=1):
        report.num_lines = number
        try:
            yield number, text_of(line)
        except Skip as skip:
            report.skip(skip.args[0], number)


def text_of(line):
    """A line of a file as text, or a `Skip` that says why it is none.

    A carriage return within it was the end of a line once, and a NUL byte is of a file
    that holds no text, or UTF-16.
    """
    if line is None:
        raise Skip(reasons.TOO_LONG)
    if b"\0" in line:
        raise Skip(reasons.NUL_BYTES)
    if b"\r" in line:
        raise Skip(reasons.BARE_CR)
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise Skip(reasons.BAD_UTF8) from None


def _lines(file, path):
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
                if line_number == 1 and line.count(b"\r") > 1:
                    raise ValueError(
                        f"{path}: expected lines that end with a line feed; received "
                        "carriage returns alone: convert them with tr '\\r' '\\n'"
                    )
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
            file: Any = sys.stdin.buffer
        else:
            file = stack.enter_context(Path(path).open("rb"))
        if file.peek(2)[:2] == GZIP_MAGIC:
            unzipped = stack.enter_context(gzip.GzipFile(fileobj=file))
            # GzipFile alone reads lines several times more slowly.
            file = stack.enter_context(io.BufferedReader(unzipped))
        yield file
