"""How many calls run at one time, and which is the next."""

import contextlib
import threading
from collections import deque


class Turns:
    """Lets `number` calls run at one time; the others wait, first come, first served.

    Args:
        number: int, at least 1.
    """

    def __init__(self, number):
        self._free = number  # if there are any, nobody waits
        self._waiting = deque()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def take(self, caller):
        """Waits for a turn, which ends with the context.

        Raises:
            ServingError: if the `Caller` leaves before.
        """
        with self._lock:
            turn = None
            if self._free:
                self._free -= 1
            else:
                turn = _Turn()
                self._waiting.append(turn)
        if turn is not None:
            with caller.on_leave(lambda: self._give_up(turn)):
                turn.comes.acquire()
            if turn.given_up:
                caller.check()
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self):
        with self._lock:
            if self._waiting:
                self._waiting.popleft().comes.release()
            else:
                self._free += 1

    def _give_up(self, turn):
        with self._lock:
            if turn in self._waiting:  # else it is its turn
                self._waiting.remove(turn)
                turn.given_up = True
                turn.comes.release()


class _Turn:
    def __init__(self):
        self.given_up = False
        self.comes = threading.Lock()  # an Event costs more
        self.comes.acquire()
