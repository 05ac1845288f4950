"""Retries back off by chance, end before the deadline and spare other errors."""

import pytest

from keras_attention.serving.client.exchange import (
    Deadline,
    Exchange,
    Pause,
    RetryLater,
    RetryPolicy,
    with_retries,
)
from keras_attention.serving.wire.errors import Code, ServingError

ABSENT = ServingError(Code.UNAVAILABLE, "not there")
EXCHANGE = Exchange("rest", "request", lambda received: f"read {received}")


def most(low, high):
    return high


class Story:
    """Takes steps with a clock of its own, in which only pauses and responses last."""

    def __init__(self, *outcomes, lasting=0.0):
        self.outcomes = list(outcomes)
        self.lasting = lasting
        self.now = 100.0
        self.pauses = []
        self.allowed = []  # seconds that each attempt was given

    def send(self, policy=RetryPolicy(), timeout=None, draw=most):  # noqa: B008
        deadline = Deadline(timeout, lambda: self.now)
        steps = with_retries(EXCHANGE, policy, deadline, draw)
        resume, value = steps.send, None
        while True:
            try:
                step = resume(value)
            except StopIteration as end:
                return end.value
            if isinstance(step, Pause):
                self.pauses.append(step.seconds)
                self.now += step.seconds
                resume, value = steps.send, None
                continue
            self.allowed.append(step.seconds)
            self.now += self.lasting
            value = self.outcomes.pop(0)
            failed = isinstance(value, ServingError)
            resume = steps.throw if failed else steps.send


def test_a_response_is_read_immediately():
    story = Story("it")
    assert story.send() == "read it"
    assert story.pauses == []


def test_pauses_double_up_to_the_longest():
    story = Story(*[ABSENT] * 6, "it")
    policy = RetryPolicy(attempts=7, base_seconds=0.5, max_seconds=3.0)
    assert story.send(policy) == "read it"
    assert story.pauses == [0.5, 1.0, 2.0, 3.0, 3.0, 3.0]


def test_pauses_are_drawn_from_zero_to_the_backoff():
    bounds = []

    def draw(low, high):
        bounds.append((low, high))
        return 0.25

    story = Story(ABSENT, ABSENT, "it")
    story.send(RetryPolicy(base_seconds=1.0), draw=draw)
    assert bounds == [(0.0, 1.0), (0.0, 2.0)]
    assert story.pauses == [0.25, 0.25]


def test_the_last_failure_is_told_when_attempts_are_used_up():
    story = Story(ABSENT, ABSENT, ServingError(Code.UNAVAILABLE, "still not"))
    with pytest.raises(ServingError, match="still not"):
        story.send(RetryPolicy(attempts=3))
    assert len(story.allowed) == 3


def test_a_policy_of_one_attempt_never_retries():
    story = Story(ABSENT)
    with pytest.raises(ServingError, match="not there"):
        story.send(RetryPolicy(attempts=1))


@pytest.mark.parametrize("code", [c for c in Code if c is not Code.UNAVAILABLE])
def test_other_codes_are_final(code):
    story = Story(ServingError(code, "no"))
    with pytest.raises(ServingError) as caught:
        story.send()
    assert caught.value.code is code and not story.pauses


def test_attempts_and_pauses_share_one_deadline():
    story = Story(ABSENT, ABSENT, "it", lasting=1.0)
    story.send(RetryPolicy(base_seconds=0.5), timeout=10.0)
    assert story.allowed == [10.0, 8.5, 6.5]


def test_no_pause_begins_that_the_deadline_would_cut():
    story = Story(*[ABSENT] * 4)
    with pytest.raises(ServingError, match="not there"):
        story.send(RetryPolicy(attempts=9, base_seconds=1.0), timeout=4.0)
    assert story.pauses == [1.0, 2.0]
    assert story.now == 103.0


def test_without_time_nothing_is_sent():
    story = Story("it")
    with pytest.raises(ServingError) as caught:
        story.send(timeout=0.0)
    assert caught.value.code is Code.DEADLINE_EXCEEDED and not story.allowed


def test_what_is_read_may_be_a_refusal_too():
    responses = []

    def read(received):
        responses.append(received)
        if len(responses) == 1:
            raise ABSENT
        return received

    story = Story("first", "second")
    steps = with_retries(
        EXCHANGE._replace(read=read), RetryPolicy(), Deadline(None), most
    )
    next(steps)
    assert isinstance(steps.send("first"), Pause)
    next(steps)
    with pytest.raises(StopIteration, match="second"):
        steps.send("second")
    assert story.pauses == []


@pytest.mark.parametrize(("throttled", "pauses"), [(True, [7.0]), (False, [])])
def test_a_server_says_when_to_come_back(throttled, pauses):
    full = RetryLater(Code.RESOURCE_EXHAUSTED, "full", seconds=7.0)
    story = Story(full, "it")
    try:
        story.send(RetryPolicy(throttled=throttled))
    except ServingError as error:
        assert error is full
    assert story.pauses == pauses


def test_a_wish_lengthens_the_pause_of_what_is_unavailable():
    story = Story(RetryLater(Code.UNAVAILABLE, "later", seconds=9.0), "it")
    story.send(RetryPolicy(max_seconds=1.0))
    assert story.pauses == [9.0]


def test_without_a_wish_what_is_exhausted_is_final():
    story = Story(ServingError(Code.RESOURCE_EXHAUSTED, "full"))
    with pytest.raises(ServingError, match="full"):
        story.send(RetryPolicy(throttled=True))
