"""Whatever is sent, gRPC responds properly, and goes on."""

import socket

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis import predict_pb2

from keras_attention.serving.grpc.services import MODEL, PREDICTION
from keras_attention.serving.wire import tensors

FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
METHODS = [
    f"/{service.full_name}/{method.name}"
    for service in (PREDICTION, MODEL)
    for method in service.methods
    if method.name != "HandleReloadConfigRequest"
]
PREDICT = f"/{PREDICTION.full_name}/Predict"
PROPER = {
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "FAILED_PRECONDITION",
    "UNIMPLEMENTED",
    "INTERNAL",  # bytes that are no message, as gRPC itself says
}


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        yield channel


def send(channel, method, content):
    try:
        return "OK", channel.unary_unary(method)(content, timeout=30)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.INTERNAL:
            assert "Failed to parse the bytes" in error.details(), error.details()
        return error.code().name, error.details()


def still_responds(channel):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "calculator"
    tensors.fill(request.inputs["x"], np.float32([[1, 2]]))
    code, content = send(channel, PREDICT, request.SerializeToString())
    y = predict_pb2.PredictResponse.FromString(content).outputs["y"]
    return code == "OK" and list(y.float_val) == [2, 4]


@FEW
@given(method=st.sampled_from(METHODS), content=st.binary(max_size=80))
def test_any_bytes_in_a_message_are_refused(channel, method, content):
    code, _ = send(channel, method, content)
    assert code in PROPER


@FEW
@given(
    dtype=st.integers(0, 30),
    shape=st.lists(st.integers(-2, 2**40), max_size=4),
    content=st.binary(max_size=20),
    values=st.lists(st.floats(width=32), max_size=4),
    signature=st.sampled_from(["", "upper", "combine", "count", "none"]),
)
def test_any_tensor_is_run_or_rejected(
    channel, dtype, shape, content, values, signature
):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "calculator"
    request.model_spec.signature_name = signature
    proto = request.inputs[{"upper": "text", "count": "n"}.get(signature, "x")]
    proto.dtype = dtype
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    proto.tensor_content = content
    proto.float_val.extend(values)
    code, _ = send(channel, PREDICT, request.SerializeToString())
    assert code in PROPER | {"OK"}


@FEW
@given(
    head=st.sampled_from(
        [b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\n"]
    ),
    rest=st.binary(max_size=80),
)
def test_any_bytes_on_the_port_harm_nobody(channel, server, head, rest):
    with socket.create_connection(("127.0.0.1", server.grpc_port), 10) as connection:
        connection.sendall(head + rest)
    assert still_responds(channel)
