"""Files and folders that are whole or not there; anybody may import this."""

import contextlib
import json
import os
import reprlib
import shutil
import tempfile
from pathlib import Path

from keras_attention.os_errors import writing


def check_free(path, option=""):
    """Refuses a place where something is already: first of all, since work is in vain.

    Args:
        path: where a file or folder shall be.
        option: str. What would allow that, for the error, as ", or say --force".

    Raises:
        FileExistsError: if `path` is there.
    """
    if Path(path).exists():
        raise FileExistsError(
            f"{path} exists already and is left as it is; choose another place{option}"
        )


@contextlib.contextmanager
def whole_folder(path, overwrite=False, option=""):
    """Yields a temporary folder that becomes `path` if the block succeeds.

    Args:
        path: where the folder shall be.
        overwrite: bool. Replace what is there; the old folder stays until the new
            one is complete.
        option: str. What would allow that, for the error, as ", or say --force".

    Raises:
        FileExistsError: if `path` is there and `overwrite` is False.
    """
    path = Path(path).absolute()
    if not overwrite:
        check_free(path, option)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A leading dot: whoever watches the parent folder passes it by.
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    try:
        new, old = scratch / "new", scratch / "old"
        with writing(path):
            new.mkdir()
            yield new
        if path.exists():
            if not overwrite:  # Somebody was faster.
                raise FileExistsError(
                    f"{path} was written meanwhile, and is left as it is; choose "
                    f"another place{option}"
                )
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def whole_file(path):
    """Yields a temporary path beside `path` that becomes it if the block succeeds.

    Args:
        path: of the file; one that is there is replaced.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with writing(path):
            yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.filename is None or Path(error.filename) != temporary:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path, text):
    """Writes a text file so that readers see the old text or the new.

    Names of files that are not UTF-8 are written as the bytes that they are. What is no
    file, such as /dev/stdout, is written to.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        with writing(path):
            path.write_text(text, encoding="utf-8", errors="surrogateescape")
        return
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape")


def read_json(path):
    """The object in a JSON file, a dict.

    Raises:
        ValueError: with the file's name, if it holds none.
        OSError: it cannot be opened.
    """
    path = Path(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError(f"{path} is damaged: it is nested too deeply") from None
    except ValueError as error:  # no UTF-8, no JSON, or an int of thousands of digits
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise ValueError(
            f"{path} is damaged: expected an object, received {reprlib.repr(value)}"
        )
    return value


def read_arrays(path):
    """The arrays in an `.npz` file, a dict; each is compared with its checksum.

    Raises:
        ValueError: with the file's name, if it is damaged.
        OSError: it cannot be opened.
    """
    import numpy as np

    with Path(path).open("rb") as file:
        try:
            with np.load(file) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except Exception as error:  # of zip, of zlib, or of what NumPy makes of it
            raise ValueError(f"{path} is damaged: {error!s:.200}") from error
