"""Cancellation: callers that wait for a response, and may leave before it."""

import contextlib
import threading
import time

from keras_attention.serving.logs import get_logger
from keras_attention.serving.wire.errors import Code, ServingError

logger = get_logger(__name__)


class Caller:
    """The client side of one request: its deadline, and whether it is cancelled.

    A transport makes one for each request, and says when it leaves: its connection is
    closed, it cancels the call, or its deadline has passed. What runs or is queued for
    it is then told, in the thread that says so, and stops.

    Args:
        deadline: float of `time.monotonic`, optional.
    """

    __slots__ = ("_gone", "_listeners", "_lock", "deadline")

    def __init__(self, deadline=None):
        self.deadline = deadline
        self._gone = False
        self._listeners = []
        self._lock = threading.Lock()

    def leave(self):
        """Cancels the request; more than once does no harm."""
        with self._lock:
            self._gone = True
            listeners, self._listeners = self._listeners, []
        for function in listeners:
            try:
                function()
            except Exception:
                logger.exception("a cancelled request may still be running")

    @contextlib.contextmanager
    def on_leave(self, function):
        """Calls a function, once, if the caller leaves meanwhile or has left before.

        The function must be quick: it is called from the transport's own thread.
        """
        with self._lock:
            gone = self._gone
            if not gone:
                self._listeners.append(function)
        if gone:
            function()
        try:
            yield
        finally:
            with self._lock:
                if function in self._listeners:
                    self._listeners.remove(function)

    def is_gone(self):
        return self._gone

    def is_late(self):
        return self.deadline is not None and time.monotonic() >= self.deadline

    def check(self, late="Deadline exceeded"):
        """Raises ServingError if the request is cancelled or late.

        Args:
            late: str. What to say if the deadline has passed.
        """
        if self.is_late():
            raise ServingError(Code.DEADLINE_EXCEEDED, late)
        if self._gone:
            raise ServingError(Code.CANCELLED, "The caller has left")

    def seconds(self):
        """How long the caller waits from now on; None for ever."""
        if self.deadline is None:
            return None
        return max(self.deadline - time.monotonic(), 0.0)


@contextlib.contextmanager
def together(callers):
    """One caller for several: it leaves when the last of them has.

    Args:
        callers: list of `Caller`, and of None for one who never leaves.

    Yields:
        `Caller`, or None.
    """
    distinct = list(dict.fromkeys(callers))
    if None in distinct or len(distinct) == 1:
        yield None if None in distinct else distinct[0]
        return
    deadlines = [caller.deadline for caller in distinct]
    group = Caller(None if None in deadlines else max(deadlines))
    waiting = set(distinct)
    lock = threading.Lock()

    def leave(caller):
        with lock:
            waiting.discard(caller)
            if waiting:
                return
        group.leave()

    with contextlib.ExitStack() as stack:
        for caller in distinct:
            stack.enter_context(caller.on_leave(lambda caller=caller: leave(caller)))
        yield group
