"""Lines of text that are named on the command line, or come by standard input."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Line(NamedTuple):
    """A line, of which one is written for each that is read."""

    place: str
    """Where it stands, to name it: "line 3 of a.txt"."""
    text: str
    """Without its end; empty where the line is no text."""
    error: str | None = None
    """Why it is no text, or has no translation."""


def check_files(paths):
    """Refuses what cannot be read, before anything slow is loaded.

    Args:
        paths: list of Path.

    Raises:
        ValueError: a file that is not there, or a folder.
    """
    for path in paths:
        if path.is_dir():
            raise ValueError(f"{path} is a folder; give files of lines")
        if str(path) != "-" and not path.exists():
            raise ValueError(f"there is no file {path} (from {Path.cwd()})")


def check_output(path):
    """Refuses a file that cannot be written, before what takes long is lost for it.

    Args:
        path: Path, or None.

    Raises:
        ValueError: a folder, or a file in one that is not there.
    """
    if path is not None and path.is_dir():
        raise ValueError(f"{path} is a folder; give a file to write")
    if path is not None and not path.parent.is_dir():
        raise ValueError(f"there is no folder {path.parent} to write {path.name} into")


def read(paths) -> Iterator[Line]:
    """Yields the lines of files, or of standard input where there are none.

    Only a line feed ends a line; a carriage return before it belongs to it. Files may
    be compressed by gzip.

    Raises:
        ValueError: UTF-16, or a damaged gzip file.
        OSError: a file cannot be read.
    """
    from keras_attention.data.text.lines import MAX_LINE_BYTES, read_lines

    for path in paths or ["-"]:
        name = "standard input" if str(path) == "-" else path
        for number, line in enumerate(read_lines(path), 1):
            place = f"line {number} of {name}"
            if line is None:
                yield Line(place, "", f"has more than {MAX_LINE_BYTES:,} bytes")
                continue
            try:
                yield Line(place, line.decode())
            except UnicodeDecodeError as error:
                byte = f"byte {error.start + 1} of it is 0x{line[error.start]:02x}"
                yield Line(place, "", f"is not UTF-8: {byte}, {error.reason}")


def in_chunks(lines, size) -> Iterator[list]:
    """Yields lists of up to `size` lines.

    What was read before a file could not be read any further comes before the error.
    """
    chunk = []
    broken = None
    lines = iter(lines)
    while True:
        try:
            line = next(lines, None)
        except (OSError, ValueError) as error:
            broken, line = error, None
        if line is not None:
            chunk.append(line)
        if chunk and (line is None or len(chunk) == size):
            yield chunk
            chunk = []
        if broken is not None:
            raise broken
        if line is None:
            return
