"""A request is what RFC 9112 says, or it is refused with its status."""

import json
import re
import time

import httpx
import pytest

from keras_attention.serving.rest import connection
from keras_attention.serving.rest.server import RestServer
from tests.serving.rest.support import Core, send, url
from tests.serving.rest.test_connection import (
    CONTENT,
    GOOD,
    HOST,
    LENGTH,
    LIVE,
    PREDICT,
    SLOW,
    connect,
    receive,
    statuses,
)
from tests.serving.support import eventually, raw, transports

GET = b"GET /v2/health/live HTTP/1.1\r\n"
MUCH = b"X-Much: " + b"y" * 70_000 + b"\r\n"
CHUNKED = PREDICT % b"echo" + b"Transfer-Encoding: chunked\r\n\r\n"
MONITORING = "/monitoring/prometheus/metrics"


@pytest.fixture(scope="module")
def server():
    """One for all requests that change nothing."""
    with transports(RestServer, Core(), rest_port=0) as start:
        yield start(monitoring_path=MONITORING)


def refused(server, content, **options):
    """The status and the reason that bytes are refused with, and nothing behind it."""
    response = raw(server.port, content, **options)
    head, _, body = response.partition(b"\r\n\r\n")
    assert int(re.search(rb"content-length: (\d+)", head)[1]) == len(body)
    assert b"connection: close" in head and b"application/json" in head
    (status,) = statuses(response)
    return status, json.loads(body)["error"]


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (GET + b"\r\n", 400, "one Host header, received 0"),
        (GET + HOST + HOST + b"\r\n", 400, "one Host header, received 2"),
        (b"GET http://a/v1/models HTTP/1.1\r\n\r\n", 400, "received 0"),
        (GET + b"Host: a/b\r\n\r\n", 400, "a host and a port"),
        (GET + b"Host: a b\r\n\r\n", 400, "a host and a port"),
        (GET + HOST + b"Transfer-Encoding: gzip\r\n\r\n", 501, "than chunked"),
        (GET + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "chunked"),
        (GET + HOST + b"Transfer-Encoding: identity\r\n\r\n", 501, "chunked"),
        (GET + HOST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n", 400, "T"),
        (
            b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "with HTTP/1.0",
        ),
        (GET + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400, "T"),
        (CHUNKED + b"zz\r\n", 400, "chunk size"),
        (CHUNKED + b"-1\r\n", 400, "chunk size"),
        (CHUNKED + b"1" * 20 + b"\r\n", 400, "hunk size"),
        (CHUNKED + b"1\r\nabc", 400, ""),
        (PREDICT % b"echo" + LENGTH * 2 + b"\r\n" + CONTENT, 400, "Content-Length"),
        (
            PREDICT % b"echo" + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n",
            400,
            "Transfer-Encoding",
        ),
        (
            PREDICT % b"echo" + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n",
            400,
            "Content-Length",
        ),
        (GET + HOST + b"X: a\r\n b\r\n\r\n", 400, ""),  # a folded line
        (GET + b"Host : a\r\n\r\n", 400, ""),
        (b"GET /v2/health/live HTTP/2.0\r\n" + HOST + b"\r\n", 505, "HTTP/1.1"),
        (b"GET /v2/health/live HTTP/9.9\r\n" + HOST + b"\r\n", 505, "HTTP/1.1"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "URL"),
        (GET + HOST + MUCH + b"\r\n", 431, "larger than 65536"),
        (GET + HOST + b"X: y\r\n" * 12_000 + b"\r\n", 431, "larger than 65536"),
        (CHUNKED + b"0\r\n" + MUCH + b"\r\n", 431, "larger than 65536"),
    ],
    ids=lambda value: value[:70] if isinstance(value, bytes) else "",
)
def test_what_is_no_proper_request_is_refused_with_its_status(
    server, content, status, reason
):
    for end in (True, False):
        found, text = refused(server, content, end=end)
        assert found == status and reason in text
    assert send(server).status_code == 200


def test_headers_past_the_limit_are_refused_however_they_arrive(server):
    for content in (GET + HOST + MUCH + b"\r\n", GET + b"X: y\r\n" * 20_000):
        with connect(server) as connected:
            for start in range(0, len(content), 7001):
                connected.sendall(content[start : start + 7001])
            received = receive(connected, 1)
        assert statuses(received) == [431]


def test_headers_within_the_limit_are_taken_however_they_arrive(server):
    content = GET + HOST + b"X: " + b"y" * 65_000 + b"\r\n\r\n"
    with connect(server) as connected:
        for step in (len(content), 1009):
            for start in range(0, len(content), step):
                connected.sendall(content[start : start + step])
            assert statuses(receive(connected, 1)) == [200]


@pytest.mark.parametrize("bad", [GET + b"\r\n", CHUNKED + b"zz\r\n", b"\x00", MUCH])
def test_earlier_requests_get_their_responses_first(serve, core, bad):
    server = serve()
    with connect(server) as connected:
        connected.sendall(SLOW + LIVE + bad)
        assert core.begun.acquire(timeout=30)
        time.sleep(0.05)
        core.go.set()
        received = receive(connected, 3)
        assert connected.recv(65536) == b""
    assert statuses(received)[:2] == [200, 200] and statuses(received)[2] >= 400


def test_who_speaks_the_first_version_needs_no_host(server):
    assert statuses(raw(server.port, b"GET /v1/models HTTP/1.0\r\n\r\n")) == [200]
    expect = b"Expect: 100-continue\r\n"
    request = b"POST /v1/models/echo:predict HTTP/1.0\r\n" + expect + LENGTH + b"\r\n"
    assert statuses(raw(server.port, request + CONTENT, end=False)) == [200]


@pytest.mark.parametrize("host", [b"a:8501", b"[::1]:8501", b"", b"127.0.0.1"])
def test_hosts_of_all_kinds_are_taken(server, host):
    with connect(server) as connected:
        connected.sendall(b"GET http://x/v1/models HTTP/1.1\r\nHost: %b\r\n\r\n" % host)
        assert statuses(receive(connected, 1)) == [200]


def test_a_body_that_goes_wrong_is_no_client_that_left(serve, monkeypatch):
    server = serve()
    messages = []
    monkeypatch.setattr(
        server.requests, "finish", lambda request, *args: messages.append(args)
    )
    refused(server, CHUNKED + b"zz\r\n")
    eventually(lambda: messages)
    ((code, _, message, status),) = messages
    assert (code.name, status) == ("INVALID_ARGUMENT", 400)
    assert "chunk size" in message


def test_head_works_wherever_get_does(server):
    paths = ["/v2/health/live", "/v2/health/ready", "/v1/models", MONITORING]
    paths += ["/none", "/v1/none"]
    with httpx.Client() as client:
        for path in paths:
            get, head = client.get(url(server, path)), client.head(url(server, path))
            assert head.status_code == get.status_code and head.content == b""
            for name in ("content-length", "content-type"):
                assert head.headers[name] == get.headers[name]
    with connect(server) as connected:  # and the connection goes on
        connected.sendall(b"HEAD /v1/models HTTP/1.1\r\n" + HOST + b"\r\n" + GOOD)
        received = receive(connected, 2)
    assert statuses(received) == [200, 200] and received.count(b"models") == 0


def test_monitoring_routes_say_which_methods_they_allow(server):
    response = httpx.post(url(server, "/v2/health/live"), content=b"{}")
    assert response.status_code == 405 and response.headers["allow"] == "GET, HEAD"
    assert "Expected GET or HEAD" in response.json()["error"]


def test_a_long_linger_ends(serve, monkeypatch):
    monkeypatch.setattr(connection, "_LINGER_SECONDS", 0.1)
    with connect(serve()) as connected:
        connected.sendall(GET + b"\r\n")
        assert statuses(receive(connected, 1)) == [400]
        time.sleep(0.5)
        with pytest.raises(OSError):
            for _ in range(20):
                connected.sendall(b"x" * 1000)
                time.sleep(0.05)
