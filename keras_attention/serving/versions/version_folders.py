"""What lies on disk: the versions of a model, and whether they are all there."""

import os
import re
from pathlib import Path
from typing import NamedTuple

_SHARD = re.compile(r"variables\.data-\d{5}-of-(\d{5})")


class FolderSnapshot(NamedTuple):
    """What a folder holds; two that are equal say that nothing moved in between."""

    fingerprint: tuple
    changed_at: float  # seconds since the epoch, of the newest change inside


class Place(NamedTuple):
    """Which folder it is that a path leads to; links lead elsewhere as they please."""

    path: str
    inode: tuple[int, int] | None  # None once it was not there for a while


def place(folder):
    """Returns the `Place` of a folder; raises OSError if there is none."""
    status = Path(folder).stat()
    return Place(os.path.realpath(folder), (status.st_dev, status.st_ino))


def version_folders(base_path):
    """Returns a dict of number to path, of all folders whose name is a number.

    Raises:
        OSError: if the base path cannot be read.
    """
    return {
        int(folder.name): folder
        for folder in sorted(Path(base_path).iterdir())
        if folder.name.isascii()
        and folder.name.isdigit()
        and int(folder.name) < 2**63
        and folder.is_dir()
    }


def missing(folder, others=()):
    """Says what a version still lacks, as it does while it is copied.

    Args:
        folder: path.
        others: names of files one of which will do, as `model.tflite`.

    Returns:
        str, empty if everything is there.
    """
    names = {"saved_model.pb", "saved_model.pbtxt", *others}
    try:
        found = names.intersection(path.name for path in Path(folder).iterdir())
        if not found:
            return "no saved_model.pb"
        return "" if found.intersection(others) else _missing_variables(folder)
    except OSError as error:
        return str(error)


def _missing_variables(folder):
    """A model without variables has none of the files, or no folder for them."""
    try:
        names = [path.name for path in Path(folder, "variables").iterdir()]
    except FileNotFoundError:
        return ""
    if not names:
        return ""
    if "variables.index" not in names:
        return "no variables/variables.index"
    shards = [match[1] for match in map(_SHARD.fullmatch, names) if match]
    expected = int(shards[0]) if shards else 1
    if len(shards) < expected:
        return f"{len(shards)} of {expected} variables/variables.data-*"
    return ""


def take_snapshot(folder):
    """Returns the `FolderSnapshot` of all files of a version."""
    files = []
    changed_at = Path(folder).stat().st_mtime
    pending = [os.fspath(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                try:
                    status = entry.stat()
                    is_folder = entry.is_dir()
                except FileNotFoundError:  # it has gone since, which is a change
                    return FolderSnapshot((entry.path,), float("inf"))
                # Copies may keep old times of modification; this one they cannot set.
                changed_at = max(changed_at, status.st_ctime)
                if is_folder:
                    pending.append(entry.path)
                path = os.path.relpath(entry.path, folder)
                files.append((path, status.st_size, status.st_mtime_ns))
    return FolderSnapshot(tuple(sorted(files)), changed_at)


class NothingToServe(ValueError):
    """A base path without anything to serve; says what to do.

    Args:
        problem: `_Problem`.
        expected: str.

    Attributes:
        message: str. What a client may know.
        details: str. What lies there, for whoever runs the server.
    """

    def __init__(self, problem, expected):
        seen = problem.details or problem.seen
        super().__init__(f"{expected}; {seen}; {problem.advice}")
        self.message = f"{expected}; {problem.seen}; {problem.advice}"
        self.details = problem.details


class _Problem(NamedTuple):
    seen: str
    advice: str
    details: str = ""


def check_base_path(name, base_path, others=()):
    """Raises NothingToServe unless there is something to serve."""
    try:
        problem = _problem(Path(base_path), others)
    except OSError as error:
        problem = _Problem("it cannot be read", "check the path", str(error))
    if problem is not None:
        example = Path(base_path, "1", "saved_model.pb")
        expected = (
            f"expected versions of model {name!r} in {base_path}, as in {example}"
        )
        raise NothingToServe(problem, expected)


def _problem(base_path, others):
    if not base_path.exists():
        return _Problem("that folder does not exist", "check the path")
    if not base_path.is_dir():
        return _Problem("it is not a folder", "check the path")
    if not missing(base_path, others):
        return _Problem(
            "this is a version itself",
            "give its parent folder, and let the version's name be a number",
        )
    reasons = {
        number: missing(folder, others)
        for number, folder in version_folders(base_path).items()
    }
    if not all(reasons.values()):
        return None
    found = [f"{number} ({reason})" for number, reason in reasons.items()]
    found = found or sorted(path.name for path in base_path.iterdir())
    return _Problem(
        "found no complete version",
        "export a model into a numbered folder",
        f"found {', '.join(found[:5]) or 'an empty folder'}",
    )
