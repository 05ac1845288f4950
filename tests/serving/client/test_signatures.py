"""What a client knows of signatures: the same by either way, and never for too long."""

import json

import numpy as np
import pytest
from google.protobuf import json_format
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import get_model_metadata_pb2

from keras_attention.serving import Client, ServingError
from keras_attention.serving.client import grpc as grpc_client
from keras_attention.serving.client import rest as rest_client
from keras_attention.serving.core import ModelSpec
from keras_attention.serving.wire import tensors
from tests.serving.client.support import http_server

MODEL_SPEC = ModelSpec("m")


def definition(size=2, dtype=1):
    signature = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
    x = signature.inputs["x"]
    x.name, x.dtype = "x:0", dtype
    for dim in (-1, size):
        x.tensor_shape.dim.add(size=dim)
    y = signature.outputs["y"]
    y.name, y.dtype = "y:0", dtype
    y.tensor_shape.unknown_rank = True
    return signature


def metadata(signature, form="rest"):
    content = get_model_metadata_pb2.SignatureDefMap()
    content.signature_def["serving_default"].CopyFrom(signature)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    response.model_spec.name = "m"
    response.model_spec.version.value = 7
    response.metadata["signature_def"].Pack(content)
    if form == "grpc":
        return response.SerializeToString()
    signatures = json_format.MessageToDict(
        content,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    return {
        "model_spec": {"name": "m", "signature_name": "", "version": "7"},
        "metadata": {"signature_def": signatures},
    }


def json_bytes(document):
    return json.dumps(document).encode()


DEFAULTS = [
    np.float32([[1.5, -2.0]]),
    np.array(3),
    np.array([True, False]),
    np.float16([0.5]),
    np.array([2**63], np.uint64),
    np.array(["ä".encode(), b"\xff"], object),
]


@pytest.mark.parametrize("compact", [True, False])
def test_both_ways_read_the_same(compact):
    signature = definition()
    for i, array in enumerate(DEFAULTS):
        tensors.fill(signature.defaults[f"d{i}"], array, compact=compact)
    over_rest = rest_client.RestProtocol("").metadata(MODEL_SPEC)
    response = rest_client.HttpResponse(200, {}, json_bytes(metadata(signature)))
    version, signatures = over_rest.read(response)
    over_grpc = grpc_client.GrpcProtocol("").metadata(MODEL_SPEC)
    grpc_version, expected = over_grpc.read(metadata(signature, "grpc"))
    assert version == grpc_version == 7
    ours, theirs = signatures["serving_default"], expected["serving_default"]
    assert ours.inputs["x"] == ("x:0", 1, (-1, 2), "dense")
    assert ours.outputs["y"].shape is None
    for i, array in enumerate(DEFAULTS):
        for defaults in (ours.defaults, theirs.defaults):
            assert defaults[f"d{i}"].dtype == array.dtype
            np.testing.assert_array_equal(defaults[f"d{i}"], array)


def predict(url, x):
    with Client(url) as client:
        return [client.predict("m", {"x": each})["y"].tolist() for each in x]


def routes(requests):
    return [path.removeprefix("/v1/models/m") for _, path, _, _ in requests]


def test_a_signature_is_read_once():
    responses = [(200, {}, metadata(definition()))] + [
        (200, {}, {"outputs": [1.0]})
    ] * 2
    with http_server(*responses) as (url, requests):
        assert predict(url, [[[1, 2]], [[3, 4]]]) == [[1.0], [1.0]]
    assert routes(requests) == ["/metadata", ":predict", ":predict"]


def test_a_new_version_with_another_signature_is_noticed_by_the_inputs():
    responses = [
        (200, {}, metadata(definition(2))),
        (200, {}, {"outputs": [1.0]}),
        (200, {}, metadata(definition(3))),
        (200, {}, {"outputs": [2.0]}),
    ]
    with http_server(*responses) as (url, requests):
        assert predict(url, [[[1, 2]], [[1, 2, 3]]]) == [[1.0], [2.0]]
    assert routes(requests) == ["/metadata", ":predict", "/metadata", ":predict"]


def test_a_new_version_with_another_signature_is_noticed_by_the_refusal():
    responses = [
        (200, {}, metadata(definition(dtype=1))),
        (200, {}, {"outputs": [1.0]}),
        (400, {}, {"error": "not of expected type: int32"}),
        (200, {}, metadata(definition(dtype=3))),
        (200, {}, {"outputs": [2]}),
    ]
    with http_server(*responses) as (url, requests):
        assert predict(url, [[[1, 2]], [[1, 2]]]) == [[1.0], [2]]
    assert b'"x":[[1,2]]' in requests[-1][3]


def test_a_refusal_under_the_same_signature_is_told():
    responses = [
        (200, {}, metadata(definition())),
        (200, {}, {"outputs": [1.0]}),
        (400, {}, {"error": "the graph says no"}),
        (200, {}, metadata(definition())),
    ]
    with http_server(*responses) as (url, requests):
        with pytest.raises(ServingError, match="INVALID_ARGUMENT: the graph says no"):
            predict(url, [[[1, 2]], [[1, 2]]])
    assert len(requests) == 4
