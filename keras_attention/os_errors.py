"""What the operating system refuses: with the path, and with what to do about it."""

import contextlib
import errno
import os
import shutil
from pathlib import Path

STANDARD_OUTPUT = "standard output"
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
# How they are told by TensorFlow, whose errors have no numbers.
_FULL_TEXTS = tuple(os.strerror(number) for number in _FULL)
# Of writing to a file that is open already, which the system does not name.
_WRITING = (*_FULL, errno.EFBIG, errno.EIO, errno.EROFS)


@contextlib.contextmanager
def writing(path):
    """Has errors of what is written in the block name a path: a full disk names none.

    Errors that name a file, such as one that is read meanwhile, stay as they are.

    Args:
        path: of the file or folder that the block writes.

    Raises:
        OSError: with `path` as its `filename`; what it was is its cause.
    """
    try:
        yield
    except Exception as error:
        number = _number(error)
        if number is None or getattr(error, "filename", None) is not None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def say(error):
    """An `OSError` as a sentence: which path, what is wrong, what to do.

    Args:
        error: OSError. One without number and path, which this package raises itself,
            says all of it already.

    Returns:
        str.
    """
    if error.errno is None or error.filename is None:
        return str(error)
    path = os.fsdecode(error.filename)
    if error.errno in _FULL:
        return (
            f"{path}: there is no space left to write it{_free(path)}. Make room, or "
            "choose a place on another disk; what was complete stays, and train and "
            "study go on with --resume"
        )
    known = {
        errno.ENOENT: f"there is no file or folder {path} (from {Path.cwd()})",
        errno.EACCES: f"{path}: permission denied. Change its owner or its "
        "permissions, or choose another place",
        errno.EISDIR: f"{path} is a folder; give a file",
        errno.EEXIST: f"{path} is there already, and is no folder; choose another "
        "place",
        errno.ENOTDIR: f"{path} goes through what is a file and no folder; choose "
        "another place",
        errno.EROFS: f"{path}: this disk can only be read; choose a place on another",
        errno.EFBIG: f"{path} became larger than files may be here; choose a place on "
        "another disk, or raise the limit (ulimit -f)",
        errno.ENAMETOOLONG: f"{path}: the name is too long; choose a shorter one",
        errno.EMFILE: f"{path}: too many files are open; raise the limit (ulimit -n)",
    }
    known[errno.EPERM] = known[errno.EACCES]
    return known.get(error.errno) or f"{path}: {error.strerror}"


def _number(error):
    """The number of an error of writing, None if it is something else."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.errno in _WRITING else None
    full = any(text in str(error) for text in _FULL_TEXTS)
    return errno.ENOSPC if full and not isinstance(error, ValueError) else None


def _free(path):
    """How much there is, as " (0.3 MB free)"; empty where nobody can say."""
    if path == STANDARD_OUTPUT:
        return ""
    for folder in Path(path).absolute().parents:
        with contextlib.suppress(OSError):
            return f" ({shutil.disk_usage(folder).free / 1e6:,.1f} MB free)"
    return ""
