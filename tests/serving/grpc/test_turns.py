"""How calls share threads: some run, the others wait and hold nobody up."""

import queue
import threading

import pytest

from keras_attention.serving.callers import Caller
from keras_attention.serving.grpc.calls import Threads
from keras_attention.serving.grpc.turns import Turns
from keras_attention.serving.wire.errors import Code, ServingError
from tests.serving.support import eventually


class Line:
    """Threads that want a turn; each keeps it until `go` lets one end."""

    def __init__(self, number):
        self.turns = Turns(number)
        self.go = threading.Semaphore(0)
        self.events: queue.Queue = queue.Queue()
        self.threads = []

    def join(self, name, caller):
        """Adds a thread, once those before it run or wait."""
        waiting = len(self.turns._waiting)
        free = self.turns._free

        def run():
            try:
                with self.turns.take(caller):
                    self.events.put(name)
                    assert self.go.acquire(timeout=30)
            except ServingError as error:
                self.events.put((name, error.code))

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()
        eventually(
            lambda: (len(self.turns._waiting), self.turns._free) != (waiting, free)
        )

    def next(self):
        return self.events.get(timeout=30)

    def end(self):
        for thread in self.threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in self.threads)


def test_so_many_run_at_one_time_and_the_others_in_their_order():
    line = Line(2)
    for name in "abcde":
        line.join(name, Caller())
    assert {line.next(), line.next()} == {"a", "b"}
    order = []
    for _ in range(3):
        assert line.events.empty()
        line.go.release()
        order.append(line.next())
    assert order == ["c", "d", "e"]
    line.go.release(2)
    line.end()
    assert line.turns._free == 2


def test_who_leaves_gives_its_place_up_at_once():
    line = Line(1)
    callers = {name: Caller() for name in "abc"}
    for name, caller in callers.items():
        line.join(name, caller)
    assert line.next() == "a"
    callers["b"].leave()
    assert line.next() == ("b", Code.CANCELLED)
    callers["a"].leave()  # has its turn already
    line.go.release()
    assert line.next() == "c"
    line.go.release()
    line.end()
    assert line.turns._free == 1


def test_who_has_left_before_does_not_wait():
    turns = Turns(1)
    gone = Caller()
    gone.leave()
    with turns.take(Caller()), pytest.raises(ServingError, match="CANCELLED"):
        with turns.take(gone):
            raise AssertionError("it must not run")
    with turns.take(Caller()):
        pass


def test_where_the_system_has_no_more_threads_those_there_are_do_it_all(monkeypatch):
    threads = Threads(8)
    go = threading.Event()
    done = threading.Event()
    threads.submit(go.wait, 30)

    def start(thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        threads.submit(done.set)
    assert not done.is_set()
    go.set()
    assert done.wait(30)
    threads.shutdown()
