"""What works for a caller hears that it left, whatever it was waiting for."""

import asyncio
import contextlib
import http.client
import threading
import time

import grpc
import httpx
import numpy as np
import pytest
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from keras_attention.serving import AsyncClient, Client, Server, ServingError
from keras_attention.serving.callers import Caller, together
from keras_attention.serving.options import BatchingParameters, LoadOptions
from tests.serving.models.support import Loop, export_module
from tests.serving.support import eventually

UNDER_WAY = ":tensorflow:serving:requests_under_way"
FOR_EVER = 2**31 - 1


def test_who_leaves_is_heard_once_and_by_those_who_listen_then():
    caller = Caller()
    heard = []
    with caller.on_leave(lambda: heard.append("before")):
        pass
    with caller.on_leave(lambda: heard.append("meanwhile")):
        caller.leave()
        caller.leave()
    with caller.on_leave(lambda: heard.append("after")):
        pass
    assert heard == ["meanwhile", "after"]
    with pytest.raises(ServingError, match="CANCELLED"):
        caller.check()


def test_several_leave_when_the_last_has():
    first, second = Caller(), Caller(deadline=time.monotonic() + 60)
    with together([first, second, first]) as group:
        assert group.deadline is None
        second.leave()
        assert not group.is_gone()
        first.leave()
        assert group.is_gone()
    with together([Caller(), None]) as group:
        assert group is None
    with together([first, second]) as group:  # nobody was there from the beginning
        assert group.is_gone()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("loop")
    export_module(Loop(), folder / "1")
    return folder


@pytest.fixture(scope="module", params=["alone", "batches"])
def server(request, folder):
    batching = None
    if request.param == "batches":
        batching = BatchingParameters(max_batch_size=4, num_batch_threads=1)
    with Server(
        {"loop": folder},
        grpc_port=0,
        rest_port=0,
        rest_timeout_seconds=0.0,
        grpc_socket_path=str(folder / f"{request.param}.socket"),
        load=LoadOptions(batching=batching),
    ) as server:
        yield server


def request_of(n):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "loop"
    request.inputs["n"].dtype = 3
    request.inputs["n"].tensor_shape.dim.add(size=1)
    request.inputs["n"].int_val.append(n)
    return request


def cancel_over_grpc(address):
    with grpc.insecure_channel(address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        call = stub.Predict.future(request_of(FOR_EVER))
        yield
        call.cancel()
        yield


def cancel_at_port(server):
    return cancel_over_grpc(f"127.0.0.1:{server.grpc_port}")


def cancel_at_socket(server):
    return cancel_over_grpc(f"unix:{server.options.grpc_socket_path}")


def end_channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        call = stub.Predict.future(request_of(FOR_EVER))  # or it would end at once
        yield
    assert call.done()
    yield


def let_deadline_pass(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        call = stub.Predict.future(request_of(FOR_EVER), timeout=0.5)
        yield
        assert call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        yield


def close_connection(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
    connection.request("POST", "/v1/models/loop:predict", f'{{"inputs": [{FOR_EVER}]}}')
    yield
    connection.close()
    yield


def give_up_reading(server):
    """As our client does, and any other that has a timeout."""
    with Client(f"http://127.0.0.1:{server.rest_port}") as client:
        thread = threading.Thread(
            target=lambda: pytest.raises(
                ServingError, client.predict, "loop", {"n": [FOR_EVER]}, timeout=0.5
            )
        )
        thread.start()
        yield
        thread.join(30)
        yield


def cancel_task(transport):
    """A coroutine of our asynchronous client that is cancelled."""

    def leave(server):
        begun, ending = threading.Event(), threading.Event()

        async def send():
            url = f"http://127.0.0.1:{server.rest_port}"
            target = f"127.0.0.1:{server.grpc_port}"
            async with AsyncClient(url, target) as client:
                coroutine = client.predict(
                    "loop", {"n": [FOR_EVER]}, transport=transport, timeout=60.0
                )
                task = asyncio.ensure_future(coroutine)
                begun.set()
                while not ending.is_set():
                    await asyncio.sleep(0.01)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

        thread = threading.Thread(target=asyncio.run, args=(send(),))
        thread.start()
        begun.wait(30)
        yield
        ending.set()
        thread.join(30)
        yield

    return leave


@pytest.mark.parametrize(
    "leave",
    [
        cancel_at_port,
        cancel_at_socket,
        end_channel,
        let_deadline_pass,
        close_connection,
        give_up_reading,
        pytest.param(cancel_task("rest"), id="cancel_task_rest"),
        pytest.param(cancel_task("grpc"), id="cancel_task_grpc"),
    ],
)
def test_the_run_of_a_caller_who_is_gone_ends(server, leave):
    under_way = server.metrics.gauge(UNDER_WAY).value
    (lifecycle,) = server._repository._lifecycles.values()
    version = lifecycle.route.latest
    steps = leave(server)
    next(steps)
    eventually(lambda: not version.is_idle())
    time.sleep(0.05)  # now it loops
    next(steps)
    eventually(version.is_idle)
    eventually(lambda: not under_way())
    steps.close()
    response = httpx.post(
        f"http://127.0.0.1:{server.rest_port}/v1/models/loop:predict",
        json={"inputs": [3]},
    )
    assert response.json() == {"outputs": [3]}


def test_a_server_that_stops_stops_what_runs(folder):
    server = Server({"loop": folder}, grpc_port=0, rest_port=0, drain_seconds=0.1)
    server.start()
    gauge = server.metrics.gauge(UNDER_WAY)
    threads = []
    for transport in ("rest", "grpc"):
        client = Client(
            f"http://127.0.0.1:{server.rest_port}", f"127.0.0.1:{server.grpc_port}"
        )
        threads.append(
            threading.Thread(
                target=lambda client=client, transport=transport: pytest.raises(
                    ServingError,
                    client.predict,
                    "loop",
                    {"n": np.int32([FOR_EVER])},
                    transport=transport,
                    timeout=60.0,
                )
            )
        )
        threads[-1].start()
    eventually(lambda: gauge.value() == 2)
    (lifecycle,) = server._repository._lifecycles.values()
    version = lifecycle.route.latest
    server.stop()
    eventually(version.is_idle)
    for thread in threads:
        thread.join(30)
    assert not gauge.value()
