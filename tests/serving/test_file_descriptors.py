"""A process without file descriptors says so, and not too often."""

import os

import pytest

from keras_attention.serving.file_descriptors import DescriptorWatch
from keras_attention.serving.server import Server
from tests.serving.support import eventually

resource = pytest.importorskip("resource")
SAID = "out of file descriptors"


@pytest.fixture
def exhausted():
    """A function after which no file can be opened; `undo` of it ends that early."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = []

    def exhaust():
        highest = os.dup(0)
        os.close(highest)
        # Lower numbers that are free would still be given.
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
        try:
            while True:
                taken.append(os.dup(0))
        except OSError:
            pass

    def undo():
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        while taken:
            os.close(taken.pop())

    exhaust.undo = undo
    yield exhaust
    undo()


def test_it_is_said_once_a_minute(exhausted, caplog):
    watch = DescriptorWatch()
    watch.check(0.0)
    assert SAID not in caplog.text
    exhausted()
    for second in range(130):
        watch.check(float(second))
    exhausted.undo()
    watch.check(500.0)
    assert caplog.text.count(SAID) == 3
    assert "Too many open files" in caplog.text and "ulimit -n" in caplog.text


def test_a_server_checks_and_goes_on(models, exhausted, caplog):
    paths = {"calculator": models / "calculator"}
    with Server(paths, grpc_port=0, rest_port=None) as server:
        exhausted()
        eventually(lambda: SAID in caplog.text)
        exhausted.undo()
        assert server.core.is_ready()
