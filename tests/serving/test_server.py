"""The server as a process: it says where it is, and ends on a signal."""

import json
import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from keras_attention.serving.client.client import Client
from keras_attention.serving.options import SslConfig
from keras_attention.serving.server import Server
from keras_attention.serving.wire.errors import ServingError

SERVE = """
import sys
from keras_attention.serving.config import parse_model_arguments
from keras_attention.serving.options import ServerOptions
from keras_attention.serving.commands.running import run
run(parse_model_arguments(sys.argv[1:]), ServerOptions(grpc_port=0, rest_port=0))
"""


def test_a_stopped_server_can_be_waited_for(models):
    server = Server({"m": models / "calculator"}, grpc_port=None, rest_port=0)
    with server:
        assert server.grpc_port is None and server.rest_port > 0
        assert not server.wait(timeout=0)
    assert server.wait()


def test_who_attacks_is_written_down_briefly_and_hides_nobody(models, tmp_path):
    """Over both protocols: long names, many of them, and another's address."""
    log = tmp_path / "access.log"
    with Server(
        {"m": models / "calculator"},
        grpc_port=0,
        rest_port=0,
        monitoring_path="/metrics",
        access_log=str(log),
    ) as server:
        url, target = f"http://127.0.0.1:{server.rest_port}", server.grpc_port
        forged = {"X-Forwarded-For": "1.2.3.4, " + "x" * 5000}
        with httpx.Client(base_url=url, headers=forged) as http:
            for i in range(130):
                path = f"/v1/models/{i}{'x' * 50_000}:predict"
                assert http.post(path, json={"inputs": 1}).status_code == 404
            bad = {"inputs": "a", "signature_name": "\n" * 2**20}
            assert http.post("/v1/models/m:predict", json=bad).status_code == 400
        with Client(grpc_target=f"127.0.0.1:{target}", transport="grpc") as client:
            with pytest.raises(ServingError, match=r"TRUNCATED"):
                client.classify("y" * 2**20, [{"x": 1.0}])
        page = httpx.get(f"{url}/metrics").text
    count = ":tensorflow:serving:request_count"
    assert f'{count}{{model_name="m",status="INVALID_ARGUMENT"}} 1' in page
    assert f'{count}{{model_name="(others)",status="NOT_FOUND"}} 31' in page
    assert len(page) < 50_000
    lines = log.read_text().splitlines()
    assert len(lines) == 132 and max(map(len, lines)) < 3000
    for line in map(json.loads, lines):
        assert re.fullmatch(r"(ipv4:)?127\.0\.0\.1:\d+", line["peer"])


@pytest.mark.slow
def test_sigterm_stops_it_cleanly(models):
    command = [sys.executable, "-c", SERVE, f"m={models / 'calculator'}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = []
        while not lines or not lines[-1].startswith("Stop with"):
            lines.append(process.stdout.readline())
            assert lines[-1], "it ended before it served"
        rest_port, grpc_port = re.search(
            r"127\.0\.0\.1:(\d+)/.*127\.0\.0\.1:(\d+)", "".join(lines), re.DOTALL
        ).groups()
        url, target = f"http://127.0.0.1:{rest_port}", f"127.0.0.1:{grpc_port}"
        with Client(url, target) as client:
            for transport in ("rest", "grpc"):
                outputs = client.predict("m", {"x": [[1, 2]]}, transport=transport)
                assert outputs["y"].tolist() == [[2, 4]]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_path": "none"}, "that folder does not exist"),
        ({"ssl": SslConfig("key", "cert")}, "server_key that is not PEM text"),
        ({"rest_ssl": SslConfig("key", "cert")}, "server_key that is not PEM text"),
    ],
)
def test_mistakes_are_told_before_anything_is_loaded(
    models, tmp_path, monkeypatch, changes, message
):
    loaded = []
    monkeypatch.setattr(
        "keras_attention.serving.versions.repository.Repository.start", loaded.append
    )
    base_path = changes.pop("base_path", None)
    path = tmp_path / base_path if base_path else models / "calculator"
    with pytest.raises(ValueError, match=message):
        Server({"m": path}, grpc_port=0, rest_port=0, **changes).start()
    assert not loaded


@pytest.mark.parametrize("port", ["grpc_port", "rest_port"])
def test_a_taken_port_is_told_before_anything_is_loaded(models, monkeypatch, port):
    loaded = []
    monkeypatch.setattr(
        "keras_attention.serving.versions.repository.Repository.start", loaded.append
    )
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"grpc_port": 0, "rest_port": 0, port: taken.getsockname()[1]}
        with pytest.raises(OSError, match=r"is the port taken\? Choose another"):
            Server({"m": models / "calculator"}, **ports).start()
    assert not loaded
