"""How the gRPC side treats its callers, whatever the models say."""

import contextlib
import threading
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from keras_attention.serving.core import Held, ModelSpec, Prediction
from keras_attention.serving.grpc.server import GrpcServer
from keras_attention.serving.options import Limits
from keras_attention.serving.requests import Requests
from keras_attention.serving.wire.errors import ServingError, invalid_argument
from tests.serving.support import (
    eventually,
    needs_resident,
    resident_megabytes,
    transports,
)

PREDICT = "/tensorflow.serving.PredictionService/Predict"


class SlowCore:
    """Responds when it is let; models called "bad" fail."""

    def __init__(self):
        self.go = threading.Event()
        self.begun = threading.Semaphore(0)
        self.callers = []

    @contextlib.contextmanager
    def use(self, model_spec):
        yield Held(ModelSpec(model_spec.name, 7, "", "serving_default"), None)

    def predict(self, held, inputs, output_filter=(), caller=None):
        name = held.model_spec.name
        self.callers.append(caller)
        if name == "bad":
            raise invalid_argument("x" * 5000)
        if name == "foreign":
            raise invalid_argument("\U0001f600" * 5000 + "\ud800")
        if name == "broken":
            raise KeyError("surprise")
        if name == "slow":
            self.begun.release()
            assert self.go.wait(60)
        return Prediction(held.model_spec, {})


@pytest.fixture
def core():
    core = SlowCore()
    yield core
    core.go.set()


@pytest.fixture
def serve(core):
    with transports(GrpcServer, core, grpc_port=0, grpc_threads=2) as start:
        yield start


def stub(server, address=None):
    channel = grpc.insecure_channel(
        address or f"127.0.0.1:{server.port}",
        options=[("grpc.max_send_message_length", -1)],
    )
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


def predict_request(name):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    return request


def refusal(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code().name, caught.value.details()


def test_a_slow_request_holds_nobody_up(serve, core):
    server = serve()
    slow = stub(server).Predict.future(predict_request("slow"))
    assert core.begun.acquire(timeout=30)
    for _ in range(5):
        assert stub(server).Predict(predict_request("m")).model_spec.version.value == 7
    assert not slow.done()
    core.go.set()
    assert slow.result(30).model_spec.version.value == 7


def test_a_deadline_is_kept_and_told_to_the_core(serve, core):
    server = serve()
    call = stub(server).Predict
    assert (
        refusal(lambda: call(predict_request("slow"), timeout=1.0))[0]
        == "DEADLINE_EXCEEDED"
    )
    assert core.callers[-1].deadline - time.monotonic() < 1.0
    eventually(core.callers[-1].is_gone)
    call(predict_request("m"))
    assert core.callers[-1].deadline is None and not core.callers[-1].is_gone()
    # What runs counts as in flight until it ends, also for nobody.
    assert not server.requests.drain(0)
    core.go.set()
    assert server.requests.drain(30)


def test_what_its_caller_gave_up_before_its_turn_never_runs(serve, core):
    server = serve(grpc_threads=1)
    first = stub(server).Predict.future(predict_request("slow"))
    assert core.begun.acquire(timeout=30)
    second = stub(server).Predict.future(predict_request("m"))
    while (
        server.requests.metrics.gauge(":tensorflow:serving:requests_under_way").value()
        < 2
    ):
        time.sleep(0.01)
    second.cancel()
    while (
        server.requests.metrics.gauge(":tensorflow:serving:requests_under_way").value()
        > 1
    ):
        time.sleep(0.01)
    core.go.set()
    first.result(30)
    assert len(core.callers) == 1


def test_calls_that_wait_or_never_come_hold_up_no_health_check(serve, core):
    server = serve(grpc_threads=1)
    ends = threading.Event()

    def nothing():
        ends.wait(60)
        yield from ()

    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        predict = channel.stream_unary(PREDICT)
        halves = [predict.future(nothing()) for _ in range(40)]
        slow = [stub(server).Predict.future(predict_request("slow")) for _ in range(40)]
        assert core.begun.acquire(timeout=30)
        under_way = server.requests.metrics.gauge(
            ":tensorflow:serving:requests_under_way"
        )
        eventually(lambda: under_way.value() == 40)
        health = health_pb2_grpc.HealthStub(channel)
        response = health.Check(health_pb2.HealthCheckRequest(), timeout=30)
        assert response.status == health_pb2.HealthCheckResponse.SERVING
        core.go.set()
        assert [call.result(30).model_spec.version.value for call in slow] == [7] * 40
        for call in halves:
            call.cancel()
        ends.set()


def test_too_many_requests_are_refused_at_once(serve, core):
    server = serve(limits=Limits(max_concurrent_requests=1))
    slow = stub(server).Predict.future(predict_request("slow"))
    assert core.begun.acquire(timeout=30)
    code, message = refusal(lambda: stub(server).Predict(predict_request("m")))
    assert code == "RESOURCE_EXHAUSTED" and "1 at a time" in message
    core.go.set()
    slow.result(30)
    assert server.requests.drain(30)
    stub(server).Predict(predict_request("m"))


def test_a_message_over_the_limit_is_refused(serve):
    server = serve(limits=Limits(max_body_bytes=1000))
    assert refusal(lambda: stub(server).Predict(predict_request("m" * 2000)))[0] == (
        "RESOURCE_EXHAUSTED"
    )


def test_long_error_messages_are_truncated_as_by_tensorflow_serving(serve):
    code, message = refusal(lambda: stub(serve()).Predict(predict_request("bad")))
    assert code == "INVALID_ARGUMENT"
    assert message == "x" * 1024 + "...TRUNCATED"


def test_bytes_count_or_clients_would_refuse_the_error_itself(serve):
    """What is not ASCII is sent threefold, and clients take 8 KiB."""
    code, message = refusal(lambda: stub(serve()).Predict(predict_request("foreign")))
    assert code == "INVALID_ARGUMENT"
    assert message == "\U0001f600" * 256 + "...TRUNCATED"


def test_surprises_are_internal_errors_and_the_server_goes_on(serve, caplog):
    server = serve()
    call = stub(server).Predict
    assert refusal(lambda: call(predict_request("broken"))) == (
        "INTERNAL",
        "KeyError: 'surprise'",
    )
    assert "a request failed unexpectedly" in caplog.text
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        raw = channel.unary_unary(PREDICT)
        assert refusal(lambda: raw(b"\xff\xff\xff")) == (
            "INTERNAL",
            "Failed to parse the bytes as PredictRequest",
        )
        unknown = channel.unary_unary("/tensorflow.serving.PredictionService/Guess")
        assert refusal(lambda: unknown(b""))[0] == "UNIMPLEMENTED"
    call(predict_request("m"))


def test_a_unix_socket_responds_too(serve, tmp_path):
    path = tmp_path / "grpc.sock"
    server = serve(grpc_socket_path=str(path))
    call = stub(server, f"unix:{path}").Predict
    assert call(predict_request("m")).model_spec.version.value == 7
    with pytest.raises(OSError, match="another server listens there"):
        serve(grpc_socket_path=str(path))
    server.stop(0)
    assert not path.exists()


def test_a_file_is_not_taken_for_a_socket(serve, tmp_path):
    path = tmp_path / "precious.txt"
    path.write_text("data")
    with pytest.raises(OSError, match="a file is there already"):
        serve(grpc_socket_path=str(path))
    assert path.read_text() == "data"


def test_a_taken_port_is_said_at_once(serve):
    port = serve().port
    with pytest.raises(OSError, match="is the port taken"):
        serve(grpc_port=port)


def test_a_server_that_stops_says_so_and_finishes_its_work(serve, core):
    server = serve()
    slow = stub(server).Predict.future(predict_request("slow"))
    assert core.begun.acquire(timeout=30)
    server.stop_accepting()
    assert (
        refusal(lambda: stub(server).Predict(predict_request("m")))[0] == "UNAVAILABLE"
    )
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        response = health.Check(health_pb2.HealthCheckRequest())
        assert response.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert not server.requests.drain(0)
    core.go.set()
    assert server.requests.drain(30)
    assert slow.result(30).model_spec.version.value == 7


def test_what_is_still_at_work_is_not_waited_for(serve, core, tmp_path):
    path = tmp_path / "grpc.sock"
    server = serve(grpc_socket_path=str(path))
    slow = stub(server).Predict.future(predict_request("slow"))
    assert core.begun.acquire(timeout=30)
    begun = time.monotonic()
    server.stop_accepting()
    server.stop(0.1)
    assert time.monotonic() - begun < 30  # the core holds on for 60
    assert not path.exists()
    assert refusal(slow.result)[0] in ("UNAVAILABLE", "CANCELLED")


@needs_resident
def test_the_bytes_of_what_was_given_up_do_not_stay_in_line(serve, core):
    server = serve(grpc_threads=1)
    slow = stub(server).Predict.future(predict_request("slow"))
    assert core.begun.acquire(timeout=30)
    large = predict_request("m")
    large.inputs["x"].tensor_content = bytes(20_000_000)
    call = stub(server).Predict
    before = 0
    for _ in range(25):
        assert refusal(lambda: call(large, timeout=0.5))[0] == "DEADLINE_EXCEEDED"
        before = before or resident_megabytes()
    assert resident_megabytes() - before < 250  # of the 480 that were sent
    core.go.set()
    slow.result(30)


def test_channel_arguments_reach_grpc(serve):
    server = serve(grpc_channel_arguments=(("grpc.max_receive_message_length", 500),))
    assert refusal(lambda: stub(server).Predict(predict_request("m" * 2000)))[0] == (
        "RESOURCE_EXHAUSTED"
    )


def test_a_reload_of_something_else_than_a_list_is_refused(serve):
    server = serve()
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = model_service_pb2_grpc.ModelServiceStub(
            channel
        ).HandleReloadConfigRequest
        from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest

        code, message = refusal(lambda: call(ReloadConfigRequest()))
    assert code == "INVALID_ARGUMENT"
    assert "Only ModelConfigList is currently supported" in message


def test_begin_raises_what_is_sent():
    requests = Requests(max_concurrent=1)
    first = requests.begin("GRPC", "Predict")
    with pytest.raises(ServingError, match="RESOURCE_EXHAUSTED"):
        requests.begin("REST", "Predict")
    first.finish()
    requests.begin("REST", "Predict").finish()
