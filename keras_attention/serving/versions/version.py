"""One version of one model, and who is using it."""

import enum
import threading
from pathlib import Path
from typing import Any

from keras_attention.serving.versions.version_folders import Place
from keras_attention.serving.wire.errors import ServingError


class VersionState(enum.IntEnum):
    """The lifecycle of a version, in the protocol's numbers."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


class Version:
    """A version that is loaded, will be, or was.

    Once available it is a context manager that counts its users: `acquire` it, then
    `with version: ...` lets it go again.

    Args:
        number: int.
        folder: path.
        place: `Place` of that folder when it was chosen.
        fingerprint: tuple. What the folder held then.
        on_idle: function, called when the last user of a version that shall be
            unloaded has gone.
    """

    def __init__(self, number, folder, place, fingerprint, on_idle=lambda: None):
        self.number: int = number
        self.folder: Path = folder
        self.place: Place = place
        self.fingerprint = fingerprint
        self.state = VersionState.START
        self.error: ServingError | None = None  # why it could not be loaded
        self.model: Any = None
        self.attempts = 0
        self.retry_at: float | None = None  # a time of time.monotonic
        self._users = 0
        self._lock = threading.Lock()
        self._on_idle = on_idle

    def acquire(self):
        """Counts a user; returns False if the version may no longer be used."""
        with self._lock:
            if self.state is not VersionState.AVAILABLE:
                return False
            self._users += 1
            return True

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        with self._lock:
            self._users -= 1
            idle = not self._users and self.state is VersionState.UNLOADING
        if idle:
            self._on_idle()

    def keep(self, model):
        """Takes the model that was loaded; nobody is let in yet."""
        self.model, self.error, self.retry_at = model, None, None

    def open(self):
        """Lets users in, for the first time or once more while it is being unloaded."""
        with self._lock:
            self.state = VersionState.AVAILABLE

    def begin_unloading(self):
        """Lets no more users in; those inside stay as long as they need."""
        with self._lock:
            self.state = VersionState.UNLOADING

    def is_idle(self):
        with self._lock:
            return not self._users

    def end(self):
        """Closes the model, if there is one."""
        model, self.model = self.model, None
        try:
            if model is not None:
                model.close()
        finally:
            self.retry_at = None
            self.fingerprint = self.fingerprint if self.error else ()
            self.state = VersionState.END
