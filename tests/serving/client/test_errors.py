"""What is not the response of a model server is told with what to check."""

import socket
import threading
import time

import grpc
import pytest
from tensorflow_serving.apis import get_model_status_pb2

from keras_attention.serving import Client, RetryPolicy, ServingError
from keras_attention.serving.client.rest import HttpResponse, RestProtocol
from keras_attention.serving.wire.errors import (
    CODE_OF_HTTP_STATUS,
    HTTP_STATUS,
    Code,
    http_error,
)
from tests.serving.client.support import grpc_server, http_server

ONCE = RetryPolicy(attempts=1)
QUICKLY = RetryPolicy(base_seconds=0.001)
PAGE = b"<html>Bad gateway</html>"
STATUS = {
    "model_version_status": [
        {
            "version": "3",
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
    ]
}
UNAVAILABLE = (503, {}, {"error": "busy"})


def status_over_rest(*responses, **options):
    """Returns the response and the number of requests."""
    with http_server(*responses) as (url, requests):
        with Client(url, **{"retries": ONCE, **options}) as client:
            return client.status("m"), len(requests)


def rest_error(*responses, **options):
    with pytest.raises(ServingError) as caught:
        status_over_rest(*responses, **options)
    return caught.value


@pytest.mark.parametrize(
    ("response", "code", "hint"),
    [
        ((502, {"Content-Type": "text/html"}, PAGE), "UNAVAILABLE", "a proxy cannot"),
        ((200, {"Content-Type": "text/html"}, PAGE), "UNKNOWN", "its REST port?"),
        ((200, {}, [1]), "UNKNOWN", "its REST port?"),
        ((404, {}, {"detail": "Not Found"}), "NOT_FOUND", "its REST port?"),
        ((301, {"Location": "https://a/"}, b""), "UNKNOWN", "it has moved to https:"),
        (
            (403, {}, b"who are you?"),
            "PERMISSION_DENIED",
            "other headers or authentication",
        ),
        ((413, {}, b""), "RESOURCE_EXHAUSTED", "its REST port?"),
        ((200, {}, {"model_version_status": [{}]}), "UNKNOWN", "model server listen"),
        ((200, {}, {"model_version_status": 3}), "UNKNOWN", "model server listen"),
    ],
)
def test_what_no_model_server_says_is_told_with_a_hint(response, code, hint):
    error = rest_error(response)
    assert error.code.name == code
    assert "http://127.0.0.1" in error.hint and hint in error.hint
    assert str(response[0]) in error.message or response[0] == 200


@pytest.mark.parametrize("status", range(400, 512))
def test_every_status_of_our_server_has_its_code(status):
    """One table serves both sides."""
    response = HttpResponse(status, {}, b'{"error": "no"}')
    with pytest.raises(ServingError) as caught:
        RestProtocol("http://a").models().read(response)
    error = caught.value
    assert error.http_status == status
    assert error.code is CODE_OF_HTTP_STATUS.get(status, Code.UNKNOWN)
    if status in CODE_OF_HTTP_STATUS:
        assert http_error(status, "no").code is error.code


def test_the_statuses_of_http_alone_have_codes():
    expected = {
        405: "UNIMPLEMENTED",
        406: "UNIMPLEMENTED",
        408: "DEADLINE_EXCEEDED",
        411: "INVALID_ARGUMENT",
        413: "RESOURCE_EXHAUSTED",
        414: "RESOURCE_EXHAUSTED",
        415: "UNIMPLEMENTED",
        431: "RESOURCE_EXHAUSTED",
        499: "CANCELLED",
        501: "UNIMPLEMENTED",
        502: "UNAVAILABLE",
        505: "UNIMPLEMENTED",
    }
    found = {status: rest_error((status, {}, {"error": "no"})) for status in expected}
    assert {status: found[status].code.name for status in found} == expected
    # And whatever has a code's status means that code, or its like.
    for code, status in HTTP_STATUS.items():
        assert status == HTTP_STATUS[CODE_OF_HTTP_STATUS.get(status, code)]


def test_a_request_that_did_not_arrive_in_time_is_sent_again():
    late = (408, {}, {"error": "The body did not arrive in time"})
    ((status,), count) = status_over_rest(late, (200, {}, STATUS), retries=QUICKLY)
    assert status.version == 3 and count == 2
    # One that was begun with is not.
    begun = (504, {}, {"error": "Timed out after 30 seconds"})
    assert rest_error(begun, (200, {}, STATUS), retries=QUICKLY).http_status == 504


def test_what_a_model_server_says_is_told_word_for_word():
    error = rest_error((400, {}, {"error": "Missing model name in request."}))
    assert str(error) == "INVALID_ARGUMENT: Missing model name in request."


def test_rest_retries_when_unavailable():
    responses = [UNAVAILABLE, UNAVAILABLE, (200, {}, STATUS)]
    ((status,), count) = status_over_rest(*responses, retries=QUICKLY)
    assert status.version == 3 and count == 3


def test_retry_after_is_obeyed():
    full = (429, {"Retry-After": "0"}, {"error": "full"})
    patient = QUICKLY._replace(throttled=True)
    _, count = status_over_rest(full, (200, {}, STATUS), retries=patient)
    assert count == 2
    error = rest_error(full, retries=QUICKLY)
    assert error.code is Code.RESOURCE_EXHAUSTED


def test_grpc_retries_when_unavailable():
    calls = []

    def respond(method, body, context):
        calls.append(method)
        if len(calls) < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
        response = get_model_status_pb2.GetModelStatusResponse()
        response.model_version_status.add(version=3, state=30)
        return response

    with grpc_server(respond) as target:
        with Client(grpc_target=target, transport="grpc", retries=QUICKLY) as client:
            (status,) = client.status("m")
    assert status.version == 3 and len(calls) == 3


def test_a_server_that_comes_late_is_waited_for(tmp_path):
    def respond(method, body, context):
        response = get_model_status_pb2.GetModelStatusResponse()
        state = 20 if len(requested) < 2 else 30
        requested.append(method)
        response.model_version_status.add(version=4, state=state)
        return response

    requested = []
    address = f"unix:{tmp_path}/grpc.sock"
    ready = []
    with Client(grpc_target=address, transport="grpc", timeout=60) as client:
        thread = threading.Thread(
            target=lambda: ready.append(client.wait_until_ready("m"))
        )
        thread.start()
        with grpc_server(respond, address=address):
            thread.join()
    assert ready == [4]


def test_waiting_in_vain_tells_what_was_seen_last():
    loading = {"model_version_status": [dict(STATUS["model_version_status"][0])]}
    loading["model_version_status"][0]["state"] = "LOADING"
    with http_server((200, {}, loading)) as (url, _), Client(url) as client:
        with pytest.raises(ServingError, match="m is not served after.*LOADING") as e:
            client.wait_until_ready("m", timeout=0.2)
    assert e.value.code is Code.DEADLINE_EXCEEDED


def test_waiting_does_not_hide_what_will_not_pass():
    with http_server((400, {}, {"error": "no"})) as (url, _), Client(url) as client:
        with pytest.raises(ServingError, match="INVALID_ARGUMENT: no"):
            client.wait_until_ready("m")


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_server_that_says_nothing_is_left_at_the_deadline(transport):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url, target = f"http://127.0.0.1:{port}", f"127.0.0.1:{port}"
        with Client(url, target, timeout=0.2, transport=transport) as client:
            with pytest.raises(ServingError, match="a longer timeout") as caught:
                client.status("m")
    assert caught.value.code is Code.DEADLINE_EXCEEDED


def test_a_response_in_drops_ends_at_the_deadline():
    stop = threading.Event()

    def drip(server):
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not stop.wait(0.01):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=[server])
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        try:
            with Client(url, timeout=0.2) as client:
                with pytest.raises(ServingError, match="DEADLINE_EXCEEDED"):
                    client.status("m")
        finally:
            stop.set()
            thread.join()


def test_a_long_request_that_is_read_slowly_ends_at_the_deadline():
    def read_slowly(listening):
        connected, _ = listening.accept()
        with connected:
            while connected.recv(2**20):
                time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=read_slowly, args=(listening,))
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        begun = time.monotonic()
        with Client(url, retries=ONCE, timeout=1.0) as client:
            with pytest.raises(ServingError, match="DEADLINE_EXCEEDED"):
                client.predict("m", {"x": [["a" * 50_000_000] * 4]})
        assert time.monotonic() - begun < 10
        thread.join(30)


def test_the_deadline_is_sent_with_the_call():
    left = []

    def respond(method, body, context):
        left.append(context.time_remaining())
        return get_model_status_pb2.GetModelStatusResponse()

    with grpc_server(respond) as target:
        with Client(grpc_target=target, transport="grpc") as client:
            client.status("m", timeout=1000.0)
    assert 0 < left[0] <= 1000.0


def test_headers_are_sent_with_every_request():
    seen = []

    def respond(method, body, context):
        seen.extend(context.invocation_metadata())
        return get_model_status_pb2.GetModelStatusResponse()

    headers = {"X-Api-Key": "secret"}
    with http_server((200, {}, STATUS)) as (url, requests):
        with grpc_server(respond) as target:
            with Client(url, target, headers=headers) as client:
                client.status("m")
                client.status("m", transport="grpc")
    assert requests[0][2]["X-Api-Key"] == "secret"
    assert ("x-api-key", "secret") in [tuple(pair) for pair in seen]


def test_options_reach_the_channel():
    def respond(method, body, context):
        return get_model_status_pb2.GetModelStatusResponse()

    options = {"grpc.max_send_message_length": 10}
    with grpc_server(respond) as target:
        narrow = Client(
            grpc_target=target, transport="grpc", grpc_options=options, keepalive=300
        )
        with narrow as client:
            assert client.status("m") == []
            with pytest.raises(ServingError, match="RESOURCE_EXHAUSTED"):
                client.status("a longer name")


def test_the_wrong_port_is_told():
    def respond(method, body, context):
        raise AssertionError("nobody can call")

    with http_server((200, {}, STATUS)) as (url, _), grpc_server(respond) as target:
        swapped = Client(f"http://{target}", url.removeprefix("http://"), retries=ONCE)
        with swapped as client:
            with pytest.raises(ServingError, match="its REST port, not gRPC's"):
                client.status("m", transport="rest")
            with pytest.raises(ServingError, match="its gRPC port, rather than"):
                client.status("m", transport="grpc")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rest_url": "127.0.0.1:8501"}, "must be like 'http.* received '127.0.0.1:8"),
        ({"rest_url": "http:/a"}, "rest_url must be like"),
        ({"grpc_target": "http://a:8500"}, "grpc_target must be .* is rest_url"),
        ({"transport": "soap"}, "'rest' or 'grpc', received 'soap'"),
    ],
)
def test_addresses_are_checked_before_anything_is_sent(options, message):
    with pytest.raises(ValueError, match=message):
        Client(**options)


def test_a_malformed_message_is_no_crash():
    class Garbage:
        def SerializeToString(self):
            return b"\xff\xff\xff"

    with grpc_server(lambda *_: Garbage()) as target:
        with Client(grpc_target=target, transport="grpc") as client:
            with pytest.raises(ServingError, match="not what the protocol says"):
                client.status("m")
