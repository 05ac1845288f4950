"""Runs that can be stopped are planned once, however many there are at once."""

import contextlib
import threading

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.serving.callers import Caller
from keras_attention.serving.models import cancellation
from keras_attention.serving.models.loading import load_model
from keras_attention.serving.options import NUM_THREADS
from tests.serving.models.support import Loop, export_module


@pytest.fixture
def session():
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        yield session


@pytest.fixture
def planned(monkeypatch):
    """What sessions were asked for; they plan what they have not seen."""
    planned = []

    def run_session(session, feeds, fetches, targets=(), here=False):
        planned.append((fetches, targets))
        return original(session, feeds, fetches, targets, here)

    original = cancellation.run_session
    monkeypatch.setattr(cancellation, "run_session", run_session)
    return planned


def test_many_at_once_are_planned_together(session, planned):
    queues = cancellation.CancellationQueues(session)
    with contextlib.ExitStack() as stack:

        def handles(number):
            slots = [queues.slot(Caller()) for _ in range(number)]
            return {stack.enter_context(slot).item() for slot in slots}

        planned.clear()
        first = handles(NUM_THREADS)
        assert planned == []
        more = handles(NUM_THREADS)
        assert len(planned) == 1
        assert len(first | more) == 2 * NUM_THREADS
    planned.clear()
    with contextlib.ExitStack() as stack:
        assert handles(2 * NUM_THREADS) == first | more
    assert planned == []


def test_who_leaves_closes_one_queue_which_is_then_made_anew(session):
    queues = cancellation.CancellationQueues(session)
    with session.graph.as_default():
        answer = tf.constant(42)
    targets = queues.targets([answer])

    def run(handle):
        feeds = {queues.queue: handle}
        fetches = [answer._as_tf_output()]
        return cancellation.run_session(session, feeds, fetches, targets)

    caller, patient = Caller(), Caller()
    with queues.slot(patient) as other:
        with queues.slot(caller) as handle:
            caller.leave()
            with pytest.raises(tf.errors.OpError):
                run(handle)
            assert run(other) == [42]
        with queues.slot(Caller()) as again:
            assert again is handle
            assert run(again) == run(other) == [42]


def test_first_runs_at_once_ask_for_the_same(tmp_path, monkeypatch):
    export_module(Loop(), tmp_path / "1")
    model = load_model(tmp_path / "1")
    original, asked = model._cancellation.targets, []

    def targets(fetches):
        asked.append(fetches)
        return original(fetches)

    monkeypatch.setattr(model._cancellation, "targets", targets)
    ready = threading.Barrier(8)

    def run():
        ready.wait()
        model.run("", {"n": np.int32([3])}, caller=Caller())

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked) == 1
    model.close()
