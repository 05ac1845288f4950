"""One server for all tests that only send requests, and files."""

import pytest

from keras_attention.serving.client.client import Client
from keras_attention.serving.server import Server
from tests.serving.models.support import export_half_plus_two
from tests.serving.support import export_calculator, export_translator


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    export_calculator(folder / "calculator" / "3")
    export_translator(folder / "translator" / "1")
    export_half_plus_two(folder / "half" / "1")
    return folder


@pytest.fixture(scope="session")
def server(models):
    paths = {name: models / name for name in ("calculator", "half", "translator")}
    with Server(paths, grpc_port=0, rest_port=0, poll_seconds=0.1) as server:
        yield server


@pytest.fixture(scope="session")
def client(server):
    rest_url = f"http://127.0.0.1:{server.rest_port}"
    with Client(rest_url, f"127.0.0.1:{server.grpc_port}") as client:
        yield client


@pytest.fixture
def write(tmp_path):
    """A function that writes a text, or bytes, to a file and returns its path."""

    def write(content):
        path = tmp_path / "file.config"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write
