"""How many models are loaded at the same time."""

import threading


class LoadLimit:
    """A semaphore that wakes those who wait instead of blocking them.

    Args:
        limit: int.
    """

    def __init__(self, limit):
        self._free = limit
        self._waiting = set()
        self._lock = threading.Lock()

    def acquire(self, wake):
        """Returns whether another may load now; if not, sets the event `wake` later."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            self._waiting.add(wake)
            return False

    def release(self):
        with self._lock:
            self._free += 1
            while self._waiting:
                self._waiting.pop().set()
