"""How many models are loaded at once."""

import threading


class LoadSlots:
    """A semaphore for which nobody blocks.

    Args:
        num_slots: int.
    """

    def __init__(self, num_slots):
        self._free = num_slots
        self._waiting = set()
        self._lock = threading.Lock()

    def take(self, wake):
        """Returns whether there was a slot; if not, the event `wake` is set later."""
        with self._lock:
            if self._free:
                self._free -= 1
                return True
            self._waiting.add(wake)
            return False

    def give_back(self):
        with self._lock:
            self._free += 1
            while self._waiting:
                self._waiting.pop().set()
