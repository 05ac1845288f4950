"""A call as steps that know no I/O, for a client that waits and one that awaits.

What a call says and how its answers are read is written once, as generators. They
yield `Send` and `Pause`, and are sent what came of them; a client only performs these
two. Tests perform them by hand, with a clock of their own.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple


class Exchange(NamedTuple):
    """One question, and how its answer is read."""

    transport: str  # "rest" or "grpc"
    request: Any  # what the transport sends
    read: Callable  # from what the transport received to the answer, or a ServingError


class Send(NamedTuple):
    """A step: send a request, and go on with what is received."""

    transport: str
    request: Any
    seconds: float | None  # that it may take

    def perform(self, client):
        return client._send(self.transport, self.request, self.seconds)


class Pause(NamedTuple):
    """A step: wait."""

    seconds: float

    def perform(self, client):
        return client._sleep(self.seconds)


class Deadline:
    """When a call must have ended, whatever it consists of.

    Args:
        timeout: float, seconds from now; None for no deadline.
        clock: function that returns seconds.
    """

    def __init__(self, timeout, clock=time.monotonic):
        self.timeout = timeout
        self._clock = clock
        self._end = None if timeout is None else clock() + timeout

    def remaining(self):
        """Seconds that are left, 0 or less once it has passed; None for no deadline."""
        return None if self._end is None else self._end - self._clock()

    def leaves(self, seconds):
        """Whether there is time after `seconds`."""
        return self._end is None or self._end - self._clock() > seconds


def run(steps, client):
    """Takes all steps with a client that waits; returns what they return."""
    resume, value = steps.send, None
    while True:
        try:
            step = resume(value)
        except StopIteration as end:
            return end.value
        try:
            resume, value = steps.send, step.perform(client)
        except Exception as error:
            resume, value = steps.throw, error


async def run_async(steps, client):
    """As `run`, with a client that awaits."""
    resume, value = steps.send, None
    while True:
        try:
            step = resume(value)
        except StopIteration as end:
            return end.value
        try:
            resume, value = steps.send, await step.perform(client)
        except Exception as error:
            resume, value = steps.throw, error
