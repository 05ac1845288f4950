"""TensorBoard's profiler works on the port of the models."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
import tensorflow as tf

from keras_attention.serving.callers import Caller
from keras_attention.serving.grpc.profiler import PROFILER_METHODS, Profiler
from keras_attention.serving.wire.errors import ServingError

PROFILE, TERMINATE, MONITOR = (cls for _, _, cls in PROFILER_METHODS)


def call(server, message):
    name = type(message).__name__.removesuffix("Request")
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        method = channel.unary_unary(
            f"/tensorflow.ProfilerService/{name}",
            request_serializer=type(message).SerializeToString,
        )
        return method(message, timeout=120)


def test_tensorflow_s_client_gets_a_trace(server, client, tmp_path):
    responded, enough = threading.Event(), threading.Event()

    def send():
        while not enough.is_set():
            client.predict("calculator", {"x": [[1.0, 2.0]]}, transport="grpc")
            responded.set()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        assert responded.wait(60)
        tf.profiler.experimental.client.trace(
            f"grpc://127.0.0.1:{server.grpc_port}", str(tmp_path), 1000
        )
    finally:
        enough.set()
        thread.join()
    (trace,) = tmp_path.glob("plugins/profile/*/127.0.0.1_*.xplane.pb")
    assert b"MatMul" in trace.read_bytes()


def test_a_profile_can_be_ended_early(server, tmp_path):
    message = PROFILE(
        duration_ms=100_000, repository_root=str(tmp_path), session_id="s"
    )
    thread = threading.Thread(target=call, args=(server, message))
    thread.start()
    while True:
        try:
            call(server, TERMINATE(session_id="s"))
            break
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.NOT_FOUND
            time.sleep(0.05)
    thread.join(60)
    assert (tmp_path / "s" / "localhost.xplane.pb").exists()


def test_a_profile_ends_when_its_caller_leaves(tmp_path):
    message = PROFILE(duration_ms=100_000, repository_root=str(tmp_path))
    caller = Caller()
    timer = threading.Timer(0.1, caller.leave)
    timer.start()
    begun = time.monotonic()
    Profiler().profile(message, caller)
    assert time.monotonic() - begun < 60
    timer.join()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (PROFILE(), "INVALID_ARGUMENT"),
        (PROFILE(duration_ms=10**9), "INVALID_ARGUMENT"),
        (PROFILE(duration_ms=10, session_id="../x"), "INVALID_ARGUMENT"),
        (PROFILE(duration_ms=10, repository_root="/proc/x"), "PERMISSION_DENIED"),
        (MONITOR(), "UNIMPLEMENTED"),
    ],
)
def test_refusals(server, message, code):
    with pytest.raises(grpc.RpcError) as caught:
        call(server, message)
    assert caught.value.code().name == code


def test_a_server_that_stops_ends_the_profile(tmp_path):
    profiler = Profiler()
    message = PROFILE(duration_ms=100_000, repository_root=str(tmp_path))
    with ThreadPoolExecutor(1) as pool:
        profile = pool.submit(profiler.profile, message)
        time.sleep(0.3)
        profiler.end()
        profile.exception(60)
    with pytest.raises(ServingError, match="is shutting down"):
        profiler.profile(message)
