"""One process at a time writes into a folder; anybody may import this."""

import contextlib
import errno
import os
import socket
import threading
import time
from pathlib import Path

# Of this process: the files that hold locks, and the thread that took each.
_held = {}


@contextlib.contextmanager
def locked(folder, doing):
    """Keeps every other process out of a folder while the block runs.

    The lock is the operating system's, on a file beside the folder, so that it goes
    when its process does, however that ends; what may stay of a killed process is an
    empty promise, which the next one takes over. Reading needs no lock. A block inside
    of a block, for the same folder, in the same thread, is one.

    Where none can be had (a parent folder that may not be written, a file system
    without locks) work goes on without.

    Args:
        folder: path, which need not be there.
        doing: str. What for, as "training", for whoever is refused.

    Raises:
        ValueError: another process, or another thread, has it.

    Example:

        with locked("runs/my", "training"):
            …
    """
    folder = Path(folder).absolute()
    # By whatever name, it is one folder.
    place = folder.resolve()
    path = place.with_name(f".{place.name}.lock")
    if _held.get(path, (None, None))[1] == threading.get_ident():
        yield
        return
    file = _acquire(path, folder)
    if file is None:
        yield
        return
    try:
        whose = f"process {os.getpid()} on {socket.gethostname()}"
        holder = f"{whose}, {doing} since {time.strftime('%Y-%m-%d %H:%M:%S')}"
        with contextlib.suppress(OSError):  # A full disk is for the block to find.
            os.write(file.fileno(), f"{holder}\n".encode())
        _held[path] = (file, threading.get_ident())
        yield
    finally:
        # A forked child that comes here has nothing to give back.
        if _held.pop(path, None) is not None:
            # While it is still ours. Windows deletes no open file: there it stays.
            with contextlib.suppress(OSError):
                path.unlink()
            file.close()


def _acquire(path, folder):
    """The open file that holds the lock; None where there are no locks."""
    import portalocker

    flags = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+", encoding="utf-8")
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
                return None
            raise
        try:
            portalocker.lock(file, flags)
        except portalocker.AlreadyLocked:
            file.close()
            raise ValueError(_refusal(path, folder)) from None
        except (portalocker.LockException, OSError):
            file.close()
            return None
        # Who had it before may have deleted the file after we opened it.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                file.truncate(0)
                return file
        file.close()


def _refusal(path, folder):
    try:
        holder = path.read_text(encoding="utf-8", errors="replace").strip()[:200]
    except OSError:  # Windows shows nobody what is locked.
        holder = ""
    return (
        f"{folder} is in use by {holder or 'another process'}: two would spoil each "
        "other's work; wait for it, stop it, or choose another folder"
    )


def _forget():
    """A forked child, such as a worker that loads data, holds nothing.

    Closing its copies of the files unlocks nothing while the parent has its own.
    """
    for file, _ in _held.values():
        file.close()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
