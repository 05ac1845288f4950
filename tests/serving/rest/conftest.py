"""REST without models: the core is a stand-in."""

import pytest

from keras_attention.serving.metrics import Metrics
from keras_attention.serving.options import ServerOptions
from keras_attention.serving.requests import Requests
from keras_attention.serving.rest.server import RestServer
from tests.serving.rest.support import Core


@pytest.fixture
def core():
    core = Core()
    yield core
    core.go.set()


@pytest.fixture
def serve(core):
    servers = []

    def start(**changes):
        options = ServerOptions(**{"rest_port": 0, "rest_threads": 2, **changes})
        requests = Requests(Metrics(), options.limits.max_concurrent_requests)
        servers.append(RestServer(core, options, requests, requests.metrics))
        servers[-1].requests = requests
        return servers[-1]

    yield start
    core.go.set()
    for server in servers:
        server.stop(5.0)
