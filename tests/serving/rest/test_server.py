"""How the REST side treats its callers, whatever the models say."""

import gzip
import json
import socket
import threading
import time

import httpx
import numpy as np
import pytest

from keras_attention.serving import callers
from keras_attention.serving.options import Limits
from keras_attention.serving.rest.bodies import decompress
from keras_attention.serving.wire.errors import ServingError
from tests.serving.rest.support import Caller, send, url
from tests.serving.support import eventually, raw

PREDICT = b"POST /v1/models/echo:predict HTTP/1.1\r\nHost: a\r\n"
ALLOWED = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST, GET",
    "access-control-allow-headers": "Content-Type",
}


def test_a_slow_request_holds_nobody_up(serve, core):
    server = serve()
    slow = Caller(server, "slow")
    assert core.begun.acquire(timeout=30)
    for _ in range(5):
        assert send(server).json() == {"outputs": [1.0]}
    assert slow.is_alive()
    core.go.set()
    assert slow.result().status_code == 200


def test_what_takes_too_long_is_given_up(serve, core):
    server = serve(rest_timeout_seconds=0.2, rest_threads=1)
    response = send(server, "slow")
    assert response.status_code == 504
    assert response.json() == {"error": "Timed out after 0.2 seconds"}
    # The only thread is still at work: what waits in line is never begun.
    assert send(server).status_code == 504
    assert not server.requests.drain(0)
    core.go.set()
    assert server.requests.drain(30)
    assert core.runs == 1


def test_too_many_requests_are_refused_and_told_when_to_come_back(serve, core):
    server = serve(limits=Limits(max_concurrent_requests=1))
    slow = Caller(server, "slow")
    assert core.begun.acquire(timeout=30)
    response = send(server)
    assert response.status_code == 429 and response.headers["retry-after"] == "1"
    assert "1 at a time" in response.json()["error"]
    # Health checks are served all the same.
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert httpx.get(url(server, path)).status_code == 200
    core.go.set()
    slow.result()
    assert server.requests.drain(30)
    assert send(server).status_code == 200


def chunks(size):
    for _ in range(size // 1000):
        yield b" " * 1000


@pytest.mark.parametrize("content", [b" " * 20_000, chunks(20_000)])
def test_a_body_over_the_limit_is_refused(serve, content):
    server = serve(limits=Limits(max_body_bytes=10_000))
    response = send(server, content=content)
    assert response.status_code == 413
    assert response.json()["error"].startswith(
        "The body is larger than the 10000 bytes"
    )
    assert send(server).status_code == 200


def test_who_sends_far_too_much_still_reads_why(serve):
    server = serve(limits=Limits(max_body_bytes=10_000))
    for content in (b" " * 20_000_000, chunks(20_000_000)):
        assert send(server, content=content).status_code == 413


def test_a_body_that_unpacks_over_the_limit_is_refused(serve):
    server = serve(limits=Limits(max_decompressed_bytes=10_000))
    bomb = gzip.compress(b" " * 50_000_000)
    response = send(server, content=bomb, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 413
    assert "The decompressed body is larger" in response.json()["error"]


@pytest.mark.parametrize(
    ("codings", "status"),
    [
        (["gzip"], 200),
        (["x-gzip"], 200),
        (["GZip, identity"], 200),
        (["identity"], 400),  # as what was packed is no JSON
        ([""], 400),
        (["br"], 415),
        (["deflate"], 415),
        (["gzip, gzip"], 415),
        (["gzip", "gzip"], 415),
        (["gzip", "identity"], 200),
    ],
)
def test_a_coding_of_the_body_is_known_or_refused(serve, codings, status):
    content = gzip.compress(b'{"inputs": [1.0]}')
    headers = [("Content-Encoding", coding) for coding in codings]
    response = send(serve(), content=content, headers=headers)
    assert response.status_code == status
    assert (response.headers.get("accept-encoding") == "gzip") is (status == 415)


def test_errors_do_not_send_back_all_that_came(serve):
    server = serve()
    content = json.dumps({"inputs": {"x": 1}, "signature_name": ["y" * 2**20]})
    for response in (
        send(server, content=content),
        httpx.get(url(server, f"/v1/{'z' * 60_000}")),
        httpx.get(url(server, f"/v1/models/{'%C3%A4' * 9000}/{'z' * 9000}")),
    ):
        assert response.status_code == 400 and len(response.content) < 2000


def test_several_parts_of_gzip_are_one_body():
    packed = gzip.compress(b"abc") + gzip.compress(b"def")
    assert decompress(packed, 6) == b"abcdef" and decompress(packed, 0) == b"abcdef"


@pytest.mark.parametrize("packed", [gzip.compress(b"abc")[:-1], b"abc", b"\x1f"])
def test_what_is_no_gzip_is_refused(packed):
    for body in (packed, gzip.compress(b"x") + packed):
        with pytest.raises(ServingError, match="Failed to uncompress"):
            decompress(body, 0)


def test_chunks_of_gzip_come_together_whatever_their_size():
    random = np.random.default_rng(0)
    parts = [random.bytes(size) for size in (0, 1, 1023, 1024, 50_000, 300_000)]
    packed = b"".join(map(gzip.compress, parts))
    assert decompress(packed, 0) == b"".join(parts)


def test_unpacking_ends_at_the_deadline():
    """A few bytes can say very often that nothing is in them."""
    packed = gzip.compress(b"") * 2_000_000
    begun = time.monotonic()
    with pytest.raises(ServingError, match="DEADLINE_EXCEEDED"):
        decompress(packed, 10, callers.Caller(begun + 0.1))
    assert time.monotonic() - begun < 5


def test_what_is_being_sent_when_the_server_stops_is_sent(serve):
    server = serve()
    x = [0.5] * 2_000_000
    content = json.dumps({"inputs": x}).encode()
    with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
        connection.sendall(PREDICT + b"Content-Length: %d\r\n\r\n" % len(content))
        connection.sendall(content)
        received = connection.recv(100_000)
        assert server.requests.drain(30)
        stopping = threading.Thread(target=server.stop, args=(30.0,))
        stopping.start()
        time.sleep(1.5)
        while chunk := connection.recv(2**20):
            received += chunk
    stopping.join(30)
    assert json.loads(received.partition(b"\r\n\r\n")[2])["outputs"] == x


def test_lists_over_the_limit_are_refused(serve):
    server = serve(limits=Limits(max_nesting=3))
    assert send(server, x=[[[1.0]]]).status_code == 200
    response = send(server, x=[[[[1.0]]]])
    assert (
        response.status_code == 400 and "at most 3 levels" in response.json()["error"]
    )


def test_large_responses_are_compressed_for_those_who_accept_it(serve):
    server = serve()
    x = [0.5] * 6000
    for header, zipped in (
        ("gzip, br", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0.5", True),
        ("x-gzip", True),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=what", False),
        ("identity", False),
        ("br", False),
    ):
        response = send(server, x=x, headers={"Accept-Encoding": header})
        assert (response.headers.get("content-encoding") == "gzip") is zipped
        assert response.json() == {"outputs": x}
    assert "content-encoding" not in send(server).headers


@pytest.mark.parametrize("cors", [False, True])
def test_pages_from_anywhere_may_read_where_that_is_wanted(serve, cors):
    server = serve(cors=cors)
    preflight = httpx.options(url(server), headers={"Origin": "https://example.com"})
    assert preflight.status_code == 200 and preflight.content == b""
    for response in (preflight, send(server), httpx.get(url(server, "/v1/none"))):
        headers = {k: v for k, v in response.headers.items() if k.startswith("access")}
        assert headers == (ALLOWED if cors else {})


def test_a_preflight_request_names_its_origin(serve):
    server = serve(cors=True)
    assert httpx.options(url(server)).status_code == 400
    assert httpx.options(url(server, "/other")).status_code == 404


def test_prometheus_reads_where_it_is_told_to(serve):
    path = "/monitoring/prometheus/metrics"
    server = serve(monitoring_path=path)
    send(server)
    page = httpx.get(url(server, path))
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert ':request_count{model_name="echo",status="OK"} 1' in page.text
    assert httpx.get(url(serve(), path)).status_code == 404


def test_readiness_follows_the_models(serve, core):
    server = serve()
    core.ready = False
    assert httpx.get(url(server, "/v2/health/ready")).status_code == 503
    assert httpx.get(url(server, "/v2/health/live")).status_code == 200


def test_surprises_are_internal_errors_and_the_server_goes_on(serve, caplog):
    server = serve()
    response = send(server, "broken")
    assert response.status_code == 500
    assert response.json() == {"error": "KeyError: 'surprise'"}
    assert "a request failed unexpectedly" in caplog.text
    assert send(server).status_code == 200


def test_a_server_that_stops_finishes_its_work(serve, core):
    server = serve()
    slow = Caller(server, "slow")
    assert core.begun.acquire(timeout=30)
    server.stop_accepting()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", server.port), 1).close()
        except OSError:
            break
        time.sleep(0.02)
    with pytest.raises(httpx.ConnectError):
        send(server)
    core.go.set()
    response = slow.result()
    assert response.status_code == 200 and response.headers["connection"] == "close"
    server.stop()


def test_what_takes_longer_than_the_grace_is_cut_off(serve, core):
    server = serve()
    slow = Caller(server, "slow")
    assert core.begun.acquire(timeout=30)
    server.stop(0.1)
    slow.join(30)
    assert not slow.is_alive()
    core.go.set()
    assert server.requests.drain(30)


def test_a_client_that_leaves_is_forgotten(serve, core):
    server = serve()
    head = PREDICT + b"Content-Length: 99\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head + b"{")
        gauge = server.requests.metrics.gauge(":tensorflow:serving:requests_under_way")
        eventually(gauge.value)
    assert server.requests.drain(30)


def test_what_waits_in_line_is_dropped_when_its_client_leaves(serve, core):
    server = serve(rest_threads=1)
    slow = Caller(server, "slow")
    assert core.begun.acquire(timeout=30)
    gauge = server.requests.metrics.gauge(":tensorflow:serving:requests_under_way")
    content = b'{"inputs": 1.0}'
    head = PREDICT + b"Content-Length: 15\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head + content)
        eventually(lambda: gauge.value() == 2)
    eventually(lambda: gauge.value() == 1)
    core.go.set()
    assert slow.result().status_code == 200
    assert server.requests.drain(30)
    assert core.runs == 1


def test_a_body_that_stops_coming_is_given_up(serve):
    server = serve(rest_timeout_seconds=0.2)
    head = PREDICT + b"Content-Length: 99\r\n\r\n"
    response = raw(server.port, head + b"{", end=False)
    assert (
        response.startswith(b"HTTP/1.1 408") and b"did not arrive in time" in response
    )
    assert server.requests.drain(30)


def test_no_timeout_is_no_limit(serve):
    assert send(serve(rest_timeout_seconds=0.0)).status_code == 200


def test_methods_without_a_body_and_heads(serve):
    server = serve()
    head = httpx.head(url(server))
    assert head.status_code == 400 and head.content == b""
    # The type of the content is not looked at, as long as it is JSON.
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        headers = {"Content-Type": content_type}
        assert send(server, headers=headers).status_code == 200


def test_a_large_body_is_served_as_a_small_one_is(serve):
    server = serve()
    x = [i / 7 for i in range(50_000)]
    assert send(server, x=x).json()["outputs"] == pytest.approx(x)
    response = send(server, x=[*x, "a"])
    assert response.json()["error"] == (
        'JSON Value: "a" Type: String is not of expected type: float'
    )


def test_a_taken_port_is_said_at_once(serve):
    port = serve().port
    with pytest.raises(OSError, match="is the port taken"):
        serve(rest_port=port)


def test_the_sixth_version_of_the_internet(serve):
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        server = serve(host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    response = httpx.get(f"http://[::1]:{server.port}/v1/models")
    assert response.json() == {"models": [{"name": "echo"}]}
