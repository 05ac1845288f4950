"""REST without models: the core is a stand-in."""

import pytest

from keras_attention.serving.rest.server import RestServer
from tests.serving.rest.support import Core
from tests.serving.support import transports


@pytest.fixture
def core():
    core = Core()
    yield core
    core.go.set()


@pytest.fixture
def serve(core):
    with transports(RestServer, core, rest_port=0, rest_threads=2) as start:
        yield start
