"""A connection takes no more memory and time than its requests may."""

import json
import re
import socket
import time

import pytest

from keras_attention.serving.options import Limits
from keras_attention.serving.rest import connection
from tests.serving.rest.support import send
from tests.serving.support import needs_resident, raw, resident_megabytes

HOST = b"Host: localhost\r\n"
PREDICT = b"POST /v1/models/%b:predict HTTP/1.1\r\n" + HOST
CONTENT = b'{"inputs": [1.0]}'
LENGTH = b"Content-Length: %d\r\n" % len(CONTENT)
GOOD = PREDICT % b"echo" + LENGTH + b"\r\n" + CONTENT
SLOW = PREDICT % b"slow" + LENGTH + b"\r\n" + CONTENT
LIVE = b"GET /v2/health/live HTTP/1.1\r\n" + HOST + b"\r\n"


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), 30)


def statuses(received):
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", received)]


def receive(connected, count):
    """Reads until so many responses have come."""
    received = b""
    while len(statuses(received)) < count:
        chunk = connected.recv(65536)
        assert chunk, received
        received += chunk
    return received


def push(connected, content, most):
    """Sends for as long as anybody reads; returns how many bytes that were."""
    connected.settimeout(2)
    sent = 0
    try:
        while sent < most:
            sent += connected.send(content)
    except OSError:  # it closed the connection, or stopped reading
        pass
    return sent


def test_headers_that_stop_coming_are_given_up(serve, monkeypatch):
    monkeypatch.setattr(connection, "_HEADER_SECONDS", 0.1)
    server = serve()
    assert raw(server.port, b"GET / HT", end=False).startswith(b"HTTP/1.1 408")


def test_headers_without_end_are_cut_off(serve):
    server = serve()
    response = raw(
        server.port, b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 200_000, end=False
    )
    assert not response or response.startswith(b"HTTP/1.1 431")
    assert send(server).status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        b"\x00\x01\x02",
        b"GET\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_and_harms_nobody(serve, content):
    server = serve()
    response = raw(server.port, content)
    assert not response or response.startswith(b"HTTP/1.1 4")
    assert send(server).status_code == 200


@pytest.mark.parametrize(
    "beginning",
    [
        GOOD + GOOD[:20],
        PREDICT % b"echo" + b"Transfer-Encoding: chunked\r\n\r\n0\r\n",
        PREDICT % b"echo" + b"Transfer-Encoding: chunked\r\n\r\n5;",
    ],
    ids=["second head", "trailers", "chunk extensions"],
)
def test_lines_without_end_are_cut_off_wherever_they_come(serve, beginning):
    server = serve()
    with connect(server) as connected:
        connected.sendall(beginning)
        assert push(connected, b"X-Y: " + b"z" * 1000 + b"\r\n", 2**26) < 2**26


def test_lines_without_end_are_cut_off_while_a_response_is_computed(serve, core):
    server = serve()
    with connect(server) as connected:
        connected.sendall(SLOW + b"GET / HTTP/1.1\r\n")
        assert core.begun.acquire(timeout=30)
        assert push(connected, b"X-Y: " + b"z" * 1000 + b"\r\n", 2**26) < 2**26


def test_trailers_are_not_taken_for_headers(serve):
    head = PREDICT % b"echo" + b"Transfer-Encoding: chunked\r\n\r\n"
    body = b"%x\r\n%b\r\n0\r\nContent-Encoding: gzip\r\n\r\n" % (len(CONTENT), CONTENT)
    with connect(serve()) as connected:
        connected.sendall(head + body)
        assert receive(connected, 1).endswith(b'{"outputs":[1.0]}')


def test_pipelined_requests_get_responses_in_their_order(serve, core):
    server = serve()
    with connect(server) as connected:
        connected.sendall(SLOW + LIVE * 3 + GOOD)
        assert core.begun.acquire(timeout=30)
        core.go.set()
        received = receive(connected, 5)
        assert statuses(received) == [200] * 5
        assert received.index(b"outputs") < received.index(b"{}")
        connected.sendall(GOOD)  # and it goes on
        assert statuses(receive(connected, 1)) == [200]


def test_far_too_many_requests_sent_ahead_are_cut_off(serve, core):
    server = serve()
    with connect(server) as connected:
        connected.sendall(SLOW)
        assert core.begun.acquire(timeout=30)
        assert push(connected, LIVE * 100, 2**26) < 2**26


def test_no_more_is_read_while_requests_wait_their_turn(serve, core):
    server = serve()
    with connect(server) as connected:
        connected.sendall(SLOW + LIVE)
        assert core.begun.acquire(timeout=30)
        body = b" " * 2**20
        connected.sendall(PREDICT % b"echo" + b"Content-Length: %d\r\n\r\n" % 2**40)
        assert push(connected, body, 2**26) < 2**26


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("chunks", [1, 3])
def test_an_upgrade_is_declined_and_the_request_served(serve, chunked, chunks):
    """As Java's HTTP client sends it, with every request."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    framing, body = LENGTH, CONTENT
    if chunked:
        framing = b"Transfer-Encoding: chunked\r\n"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(CONTENT), CONTENT)
    request = PREDICT % b"echo" + offer + framing + b"\r\n" + body
    get = b"GET /v1/models HTTP/1.1\r\n" + HOST + offer + b"\r\n"
    content = request + get + request
    with connect(serve()) as connected:
        step = -(-len(content) // chunks)
        for start in range(0, len(content), step):
            connected.sendall(content[start : start + step])
            time.sleep(0.05)
        received = receive(connected, 3)
        assert statuses(received) == [200, 200, 200]
        assert received.count(b"[1.0]") == 2


def test_who_connects_and_says_nothing_is_let_go(serve, monkeypatch):
    monkeypatch.setattr(connection, "_HEADER_SECONDS", 0.1)
    assert raw(serve().port, b"", end=False) == b""


def test_a_second_request_must_begin_in_time_too(serve, monkeypatch):
    monkeypatch.setattr(connection, "_HEADER_SECONDS", 0.3)
    received = raw(serve().port, GOOD + b"GET / HT", end=False)
    assert statuses(received) == [200, 408]


@pytest.mark.parametrize(
    ("path", "status"), [(b"/v1/none", 400), (b"/v1/models/echo:predict", 429)]
)
def test_who_still_sends_when_the_response_is_known_reads_it(serve, core, path, status):
    """A body that nobody reads is not the next request, nor a reason to reset."""
    most = 1 if status == 429 else 9
    server = serve(limits=Limits(max_concurrent_requests=most))
    with connect(server) as busy, connect(server) as connected:
        busy.sendall(SLOW)
        assert core.begun.acquire(timeout=30)
        head = b"POST %b HTTP/1.1\r\n" % path + HOST
        head += b"Content-Length: 2000000\r\n\r\n"
        connected.sendall(head + b" " * 1_000_000)
        received = receive(connected, 1)
        connected.sendall(b" " * 1_000_000)
        while chunk := connected.recv(65536):
            received += chunk
    assert statuses(received) == [status] and b"connection: close" in received


def test_a_small_body_is_read_before_a_refusal_and_the_connection_stays(serve):
    request = b"POST /v1/none HTTP/1.1\r\n" + HOST + LENGTH + b"\r\n"
    with connect(serve()) as connected:
        for pause in (0, 0.01):
            connected.sendall(request)
            time.sleep(pause)
            connected.sendall(CONTENT)
            received = receive(connected, 1)
            assert statuses(received) == [400] and b"close" not in received
        connected.sendall(GOOD)
        assert statuses(receive(connected, 1)) == [200]


def test_a_rejection_does_not_wait_for_the_body_that_was_held_back(serve):
    expect = b"Expect: 100-continue\r\n"
    request = b"POST /v1/none HTTP/1.1\r\n" + HOST + expect + LENGTH + b"\r\n"
    received = raw(serve().port, request, end=False)
    assert statuses(received) == [400] and b"connection: close" in received


@needs_resident
def test_an_idle_connection_does_not_keep_its_last_response(serve):
    server = serve()
    content = json.dumps({"inputs": [0.5] * 1_000_000}).encode()
    head = PREDICT % b"echo" + b"Content-Length: %d\r\n\r\n" % len(content)
    connections = []

    def responded():
        connected = connect(server)
        connected.sendall(head + content)
        received = receive(connected, 1)
        size = int(re.search(rb"content-length: (\d+)", received)[1])
        while len(received) < size:
            received += connected.recv(2**20)
        connections.append(connected)

    responded()
    before = resident_megabytes()
    for _ in range(12):
        responded()
    grown = resident_megabytes() - before
    for connected in connections:
        connected.close()
    assert grown < 6 * len(content) / 2**20
