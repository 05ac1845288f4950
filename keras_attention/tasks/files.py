"""Folders that are whole or not there."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path


@contextlib.contextmanager
def whole_folder(path, overwrite=False):
    """Yields a temporary folder that becomes `path` if the block succeeds.

    Args:
        path: where the folder shall be.
        overwrite: bool. Replace what is there; the old folder stays until the new
            one is complete.

    Raises:
        FileExistsError: if `path` is there and `overwrite` is False.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists already and is left as it is; choose another place, or "
            "say that it may be overwritten"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # A leading dot: whoever watches the parent folder passes it by.
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield temporary
        # mkdtemp makes it private; a server of another user must be able to read it.
        temporary.chmod(0o755)
        if path.exists():
            old = temporary.with_name(temporary.name + "-old")
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_whole(path, text):
    """Writes a text file so that readers see the old text or the new."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
