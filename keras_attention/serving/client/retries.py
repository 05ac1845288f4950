"""When a client asks again, and how long it waits before."""

import random
from typing import NamedTuple

from keras_attention.serving.client.exchange import Pause, Send
from keras_attention.serving.wire.errors import Code, ServingError

_NOT_ARRIVED = 408


class RetryLater(ServingError):
    """A refusal that says when to come back.

    Args:
        code, message, hint, http_status: as for `ServingError`.
        seconds: float. How long the server asked to be left alone.
    """

    def __init__(self, code, message, hint="", http_status=None, seconds=0.0):
        super().__init__(code, message, hint, http_status)
        self.seconds = seconds


class RetryPolicy(NamedTuple):
    """Exponential backoff with full jitter, of what was UNAVAILABLE or not reached.

    So is a request that did not arrive in time (HTTP 408): nobody has begun with it.

    Before asking for the n-th time again, a client waits between 0 and
    `base_seconds` · 2ⁿ⁻¹ seconds, by chance, so that many clients do not come back
    at one moment. No wait begins that the deadline would cut short.
    """

    attempts: int = 4
    """How often to ask at most; 1 never asks again."""
    base_seconds: float = 0.1
    max_seconds: float = 5.0
    """However often it failed, no wait is longer, but for what a server asks for."""
    throttled: bool = False
    """Ask again after RESOURCE_EXHAUSTED too, if the server said when (Retry-After)."""

    def pause(self, failures, error, draw=random.uniform):
        """Seconds to wait before asking again, or None to give up.

        Args:
            failures: int. How often it failed, 1 or more.
            error: `ServingError`, the last one.
            draw: function of two floats that returns one between them.
        """
        said_when = isinstance(error, RetryLater)
        retryable = (
            error.code is Code.UNAVAILABLE
            or error.http_status == _NOT_ARRIVED
            or (self.throttled and said_when and error.code is Code.RESOURCE_EXHAUSTED)
        )
        if failures >= self.attempts or not retryable:
            return None
        # The exponent is bounded, for those who never give up.
        most = self.base_seconds * 2.0 ** min(failures - 1, 64)
        seconds = draw(0.0, min(most, self.max_seconds))
        return max(seconds, error.seconds) if said_when else seconds


def asking(exchange, policy, deadline, draw=random.uniform):
    """The steps of an exchange that is tried again.

    Args:
        exchange: `Exchange`.
        policy: `RetryPolicy`.
        deadline: `Deadline`, of all attempts and pauses together.
        draw: as for `RetryPolicy.pause`.

    Returns:
        What the exchange reads from the answer.

    Raises:
        ServingError: of the last attempt.
    """
    failures = 0
    failure = ServingError(
        Code.DEADLINE_EXCEEDED,
        f"no answer within {deadline.timeout} s",
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
