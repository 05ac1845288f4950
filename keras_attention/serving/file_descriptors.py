"""Logs when the process runs out of file descriptors, which no transport does well.

Without one REST's event loop rejects a connection and logs nothing; gRPC's leaves it
waiting, and logs that every second.
"""

import errno
import os
import threading
import time

from keras_attention.serving.logs import get_logger

logger = get_logger(__name__)

_LOOK_SECONDS = 1.0
_SAY_SECONDS = 60.0


class DescriptorWatch:
    """Checks every second, in a thread of its own, whether a file can be opened."""

    def __init__(self):
        self._stopped = threading.Event()
        self._said_at = None
        self._thread = threading.Thread(
            target=self._run, name="descriptors", daemon=True
        )

    def start(self):
        self._thread.start()

    def stop(self):
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self):
        while not self._stopped.wait(_LOOK_SECONDS):
            self.check(time.monotonic())

    def check(self, now):
        """Logs an error if there is none left, and once a minute while that lasts."""
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
            return
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                return
            reason = error.strerror
        if self._said_at is None or now - self._said_at >= _SAY_SECONDS:
            self._said_at = now
            logger.error(
                "out of file descriptors (%s): no more connections are accepted; the "
                "limit is %s: raise it (ulimit -n, LimitNOFILE), or close some",
                reason,
                _limit(),
            )


def _limit():
    try:
        import resource
    except ImportError:  # Windows
        return "unknown"
    return str(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
