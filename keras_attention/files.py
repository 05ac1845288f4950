"""Files and folders that are whole or not there; anybody may import this."""

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
    path = Path(path).absolute()
    if path.exists() and not overwrite:
        raise FileExistsError(
            f"{path} exists already and is left as it is; choose another place, or "
            "say that it may be overwritten"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    # A leading dot: whoever watches the parent folder passes it by.
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        new, old = scratch / "new", scratch / "old"
        new.mkdir()
        yield new
        if path.exists():
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_whole(path, text):
    """Writes a text file so that readers see the old text or the new."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
