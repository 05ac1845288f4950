"""gRPC responds as TensorFlow Serving does, to its own stubs."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.serving.models.support import example
from tests.serving.support import scaled

X = np.float32([[1.0, 2.0], [3.5, -4.0]])


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        yield channel


@pytest.fixture(scope="module")
def prediction(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def model(channel):
    return model_service_pb2_grpc.ModelServiceStub(channel)


def predict_request(inputs, name="calculator", signature_name="", version=None):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = signature_name
    if version is not None:
        request.model_spec.version.value = version
    for alias, value in inputs.items():
        request.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
    return request


def test_predict_agrees_with_the_model_in_process(prediction):
    for version in (None, 3):
        response = prediction.Predict(predict_request({"x": X}, version=version))
        expected = scaled(X)
        np.testing.assert_array_equal(tf.make_ndarray(response.outputs["y"]), expected)
        assert response.outputs["y"].float_val[:] == expected.ravel().tolist()
        assert response.model_spec.name == "calculator"
        assert response.model_spec.signature_name == "serving_default"
        assert response.model_spec.version.value == 3


def test_only_the_outputs_wanted_are_sent(prediction):
    request = predict_request({"text": ["a"]}, signature_name="upper")
    request.output_filter.extend(["length", "upper"])
    response = prediction.Predict(request)
    assert set(response.outputs) == {"length", "upper"}
    assert response.outputs["upper"].string_val[:] == [b"A"]


def without_spec():
    return predict_pb2.PredictRequest()


def with_label():
    request = predict_request({"x": X})
    request.model_spec.version_label = "best"
    return request


def broken(**spec):
    request = predict_request({"x": X}, **spec)
    request.inputs["x"].tensor_content = b"abc"
    return request


def with_filter(*names):
    request = predict_request({"x": X})
    request.output_filter.extend(names)
    return request


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (without_spec(), "INVALID_ARGUMENT", "Missing ModelSpec"),
        (predict_request({}, name=""), "INVALID_ARGUMENT",
         "ModelSpec has no name specified."),
        (predict_request({}, name="zz"), "NOT_FOUND",
         "Servable not found for request: Latest(zz)"),
        (predict_request({}, version=5), "NOT_FOUND",
         "Servable not found for request: Specific(calculator, 5)"),
        (with_label(), "INVALID_ARGUMENT", "Unrecognized servable version label: best"),
        (predict_request({}, signature_name="s"), "FAILED_PRECONDITION",
         'Serving signature key "s" not found.'),
        (predict_request({"a": 1.0}, signature_name="combine"), "INVALID_ARGUMENT",
         "input size does not match signature: 1!=2 len({a}) != len({a,b}). "
         "Sent extra: {}. Missing but required: {b}."),
        (predict_request({"z": X}), "INVALID_ARGUMENT",
         "Signature input alias: x(feed name: serving_default_x:0) not found in "
         "request and no default value provided. Inputs expected to be in the request "
         "{z}, or default input alias set: "),
        (broken(), "INVALID_ARGUMENT", "tensor parsing error: x"),
        (broken(name="zz"), "NOT_FOUND", "Servable not found for request: Latest(zz)"),
        (with_filter("z"), "INVALID_ARGUMENT",
         "output tensor alias not found in signature: z Outputs expected to be in the "
         "set {y}."),
        (with_filter("y", "y"), "INVALID_ARGUMENT",
         "duplicate output tensor alias: y"),
    ],
)  # fmt: skip
def test_errors_of_predict(prediction, request_, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        prediction.Predict(request_)
    assert caught.value.code().name == code
    assert caught.value.details() == message


@pytest.mark.parametrize("inputs", [{"x": ["text"]}, {"x": [[1.0, 2.0, 3.0]]}])
def test_errors_of_the_graph_are_the_runtime_s_own(prediction, inputs):
    with pytest.raises(grpc.RpcError) as caught:
        prediction.Predict(predict_request(inputs))
    assert caught.value.code().name in ("INVALID_ARGUMENT", "INTERNAL")
    assert caught.value.details()


def metadata_request(*fields, name="calculator"):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    request.model_spec.name = name
    return request


def test_metadata(prediction):
    response = prediction.GetModelMetadata(metadata_request("signature_def"))
    assert response.model_spec.version.value == 3
    content = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(content)
    assert set(content.signature_def["combine"].inputs) == {"a", "b"}


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (get_model_metadata_pb2.GetModelMetadataRequest(), "Missing ModelSpec"),
        (metadata_request(),
         "GetModelMetadataRequest must specify at least one metadata_field"),
        (metadata_request("f"), "Metadata field f is not supported"),
        (metadata_request("signature_def", name="zz"),
         "Servable not found for request: Latest(zz)"),
    ],
)  # fmt: skip
def test_errors_of_metadata(prediction, request_, message):
    with pytest.raises(grpc.RpcError) as caught:
        prediction.GetModelMetadata(request_)
    assert caught.value.details() == message


def test_status(model):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "calculator"
    (status,) = model.GetModelStatus(request).model_version_status
    assert (status.version, status.state) == (3, status.AVAILABLE)
    request.model_spec.version.value = 5
    with pytest.raises(grpc.RpcError, match="Could not find version 5 of model") as e:
        model.GetModelStatus(request)
    assert e.value.code() == grpc.StatusCode.NOT_FOUND


def example_request(request, *signatures):
    """Fills a request for "half" with one example, x = 80."""
    request.input.example_list.examples.add().ParseFromString(example(x=80.0))
    if signatures:
        request.model_spec.name = "half"
        request.model_spec.signature_name = signatures[0]
    return request


def test_classify(prediction):
    request = example_request(
        classification_pb2.ClassificationRequest(), "classify_words"
    )
    response = prediction.Classify(request)
    (item,) = response.result.classifications
    assert [(c.label, c.score) for c in item.classes] == [("small", 42), ("large", 43)]
    assert response.model_spec.version.value == 1
    assert response.model_spec.signature_name == "classify_words"


def test_regress(prediction):
    request = example_request(regression_pb2.RegressionRequest(), "regress_x_to_y")
    response = prediction.Regress(request)
    assert [item.value for item in response.result.regressions] == [42]
    assert response.model_spec.name == "half"


def test_multi_inference(prediction):
    request = example_request(inference_pb2.MultiInferenceRequest())
    tasks = [("regress_x_to_y3", "regress"), ("classify_x_to_y", "classify")]
    for signature, method in tasks:
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = "half", signature
    first, second = prediction.MultiInference(request).results
    assert first.regression_result.regressions[0].value == 43
    assert second.classification_result.classifications[0].classes[0].score == 42
    assert first.model_spec.signature_name == "regress_x_to_y3"
    assert second.model_spec.version.value == 1


def test_an_empty_input_is_refused(prediction):
    request = regression_pb2.RegressionRequest()
    request.model_spec.name = "half"
    with pytest.raises(grpc.RpcError) as caught:
        prediction.Regress(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "Input is empty."


def test_health_and_reflection(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", "tensorflow.serving.PredictionService"):
        response = stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert response.status == response.SERVING
    services = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert "tensorflow.serving.ModelService" in services
