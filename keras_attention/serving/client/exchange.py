"""A call as steps that know no I/O, for a client that waits and one that awaits.

What a call says, how its response is read and when it is retried is written once, as
generators. They yield `Send` and `Pause`, and are sent what came of them; a client only
performs these two. Tests perform them by hand, with a clock of their own.
"""

import random
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from keras_attention.serving.wire.errors import Code, ServingError

_REQUEST_TIMEOUT = 408  # the HTTP status


class Exchange(NamedTuple):
    """One request, and how its response is read."""

    transport: str  # "rest" or "grpc"
    request: Any  # what the transport sends
    read: Callable  # from what the transport received to the result, or a ServingError


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


class RetryLater(ServingError):
    """An error that says when to retry (`Retry-After`).

    Args:
        code, message, hint, http_status: as for `ServingError`.
        seconds: float. How long to wait, as the server says.
    """

    def __init__(self, code, message, hint="", http_status=None, seconds=0.0):
        super().__init__(code, message, hint, http_status)
        self.seconds = seconds


class RetryPolicy(NamedTuple):
    """Exponential backoff with full jitter, of what was UNAVAILABLE or not reached.

    So is a request that did not arrive in time (HTTP 408): it was not started.

        wait before the n-th retry ~ uniform(0, min(max_seconds, base_seconds · 2ⁿ⁻¹))

    By chance, so that many clients do not retry at one moment. No wait begins that the
    deadline would cut short.

    Args:
        attempts: int. Attempts at most; 1 never retries.
        base_seconds: float.
        max_seconds: float. However often it failed, no wait is longer, but for what a
            server asks for.
        throttled: bool. Retry after RESOURCE_EXHAUSTED (HTTP 429) too, if the server
            said when, in `Retry-After`: REST only.

    Example:

    >>> policy = RetryPolicy(attempts=3, base_seconds=0.1)
    >>> busy = ServingError(Code.UNAVAILABLE, "busy")
    >>> [policy.pause(failures, busy, draw=max) for failures in (1, 2, 3)]
    [0.1, 0.2, None]

    References:
        "full jitter" of [Exponential Backoff And Jitter](
        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/);
        [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110), sections 10.2.3
        (`Retry-After`, in seconds; a date is ignored) and 15.5.9 (408);
        [RFC 6585](https://www.rfc-editor.org/rfc/rfc6585), section 4 (429).
    """

    attempts: int = 4
    base_seconds: float = 0.1
    max_seconds: float = 5.0
    throttled: bool = False

    def pause(
        self,
        failures: int,
        error: ServingError,
        draw: Callable[[float, float], float] = random.uniform,
    ) -> float | None:
        """Seconds to wait before the next attempt, or None to give up.

        Args:
            failures: int. How often it failed, 1 or more.
            error: `ServingError`, the last one.
            draw: function of two floats, seconds, that returns one between them.
        """
        said_when = isinstance(error, RetryLater)
        retryable = (
            error.code is Code.UNAVAILABLE
            or error.http_status == _REQUEST_TIMEOUT
            or (self.throttled and said_when and error.code is Code.RESOURCE_EXHAUSTED)
        )
        if failures >= self.attempts or not retryable:
            return None
        # The exponent is bounded, for those who never give up.
        most = self.base_seconds * 2.0 ** min(failures - 1, 64)
        seconds = draw(0.0, min(most, self.max_seconds))
        return max(seconds, error.seconds) if isinstance(error, RetryLater) else seconds


def with_retries(exchange, policy, deadline, draw=random.uniform):
    """The steps of an exchange that is retried.

    Args:
        exchange: `Exchange`.
        policy: `RetryPolicy`.
        deadline: `Deadline`, of all attempts and pauses together.
        draw: as for `RetryPolicy.pause`.

    Returns:
        What the exchange reads from the response.

    Raises:
        ServingError: of the last attempt.
    """
    failures = 0
    failure = ServingError(
        Code.DEADLINE_EXCEEDED,
        f"no response within {deadline.timeout} s",
        "a longer timeout may help",
    )
    while deadline.leaves(0):
        try:
            received = yield Send(
                exchange.transport, exchange.request, deadline.remaining()
            )
            return exchange.read(received)
        except ServingError as error:
            failures += 1
            seconds = policy.pause(failures, error, draw)
            if seconds is None or not deadline.leaves(seconds):
                raise
            failure = error
        yield Pause(seconds)
    raise failure


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
