"""Classify, Regress and MultiInference: what the client sends and makes of responses.

Most servers here only listen; the last tests call one with a model.
"""

import json

import pytest
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    model_management_pb2,
    regression_pb2,
)

from keras_attention.serving import Client, Server, ServingError
from keras_attention.serving.config import ServedModelConfig, VersionPolicy
from keras_attention.serving.wire.errors import Code
from tests.serving.client.support import grpc_server, http_server
from tests.serving.models.support import export_half_plus_two
from tests.serving.support import export_calculator

EXAMPLES = [{"x": 1.5, "word": "ä"}, {"x": [2.0], "word": b"\xff"}]
PAIRS = [[("cat", 0.75), ("dog", 0.25)], [("dog", 1.0)]]


def send_grpc(send, response):
    """Returns what the client makes of a response, and what it sent."""
    requested = []

    def respond(method, body, context):
        requested.append((method, body))
        return response

    with grpc_server(respond) as target, Client(grpc_target=target) as client:
        result = send(client)
    ((method, body),) = requested
    return result, method, body


def send_rest(send, document):
    with http_server((200, {}, document)) as (url, requests):
        with Client(url) as client:
            result = send(client)
    ((method, path, _, body),) = requests
    return result, f"{method} {path}", json.loads(body)


def classification_result():
    result = classification_pb2.ClassificationResult()
    for pairs in PAIRS:
        classes = result.classifications.add().classes
        for label, score in pairs:
            classes.add(label=label, score=score)
    return result


def test_classify_over_grpc():
    response = classification_pb2.ClassificationResponse(result=classification_result())
    results, method, body = send_grpc(
        lambda client: client.classify(
            "m", EXAMPLES, "sorts", transport="grpc", label="best"
        ),
        response,
    )
    assert [result.classes for result in results] == PAIRS
    assert [result.label for result in results] == ["cat", "dog"]
    assert method == "Classify"
    request = classification_pb2.ClassificationRequest.FromString(body)
    assert request.model_spec.name == "m"
    assert request.model_spec.signature_name == "sorts"
    assert request.model_spec.version_label == "best"
    first, second = request.input.example_list.examples
    assert first.features.feature["x"].float_list.value[:] == [1.5]
    assert second.features.feature["word"].bytes_list.value[:] == [b"\xff"]


def test_classify_over_rest():
    results, route, document = send_rest(
        lambda client: client.classify(
            "m/n", EXAMPLES, "sorts", version=7, context={"y": 3}
        ),
        {"results": PAIRS},
    )
    assert [result.classes for result in results] == PAIRS
    assert route == "POST /v1/models/m%2Fn/versions/7:classify"
    assert document == {
        "signature_name": "sorts",
        "context": {"y": [3]},
        "examples": [
            {"x": [1.5], "word": ["ä"]},
            {"x": [2.0], "word": [{"b64": "/w=="}]},
        ],
    }


def test_regress_over_grpc():
    response = regression_pb2.RegressionResponse()
    for value in (0.5, -2.0):
        response.result.regressions.add(value=value)
    results, method, body = send_grpc(
        lambda client: client.regress(
            "m", EXAMPLES, version=7, transport="grpc", context={"y": 3}
        ),
        response,
    )
    assert [float(result) for result in results] == [0.5, -2.0]
    assert method == "Regress"
    request = regression_pb2.RegressionRequest.FromString(body)
    assert request.model_spec.version.value == 7
    shared = request.input.example_list_with_context.context
    assert shared.features.feature["y"].int64_list.value[:] == [3]


def test_regress_over_rest_with_floats_that_json_lacks():
    results, route, document = send_rest(
        lambda client: client.regress("m", [{"x": float("inf")}], label="a b"),
        {"results": [float("-inf")]},
    )
    assert results[0].value == float("-inf")
    assert route == "POST /v1/models/m/labels/a%20b:regress"
    assert document["examples"] == [{"x": [float("inf")]}]


def test_multi_inference():
    response = inference_pb2.MultiInferenceResponse()
    response.results.add().classification_result.CopyFrom(classification_result())
    response.results.add().regression_result.regressions.add(value=0.5)
    results, method, body = send_grpc(
        lambda client: client.multi_inference(
            "m", [("sorts", "classify"), ("rates", "regress")], EXAMPLES
        ),
        response,
    )
    assert results[0][0].label == "cat" and results[1][0].value == 0.5
    assert method == "MultiInference"
    request = inference_pb2.MultiInferenceRequest.FromString(body)
    assert [
        (task.model_spec.signature_name, task.method_name) for task in request.tasks
    ] == [
        ("sorts", "tensorflow/serving/classify"),
        ("rates", "tensorflow/serving/regress"),
    ]
    assert len(request.input.example_list.examples) == 2


def test_a_task_of_another_kind_is_named():
    with Client() as client, pytest.raises(ValueError, match="'classify' or 'regress'"):
        client.multi_inference("m", [("sorts", "predict")], EXAMPLES)


def test_reload_config():
    models = {
        "a": "/models/a",
        "b": ServedModelConfig(
            "/models/b", VersionPolicy(specific=(3, 1)), {"best": 3}
        ),
        "c": ServedModelConfig("/models/c", VersionPolicy(every=True)),
    }
    result, method, body = send_grpc(
        lambda client: client.reload_config(models),
        model_management_pb2.ReloadConfigResponse(),
    )
    assert result is None and method == "HandleReloadConfigRequest"
    request = model_management_pb2.ReloadConfigRequest.FromString(body)
    a, b, c = request.config.model_config_list.config
    assert (a.name, a.base_path, a.model_platform) == ("a", "/models/a", "tensorflow")
    assert a.model_version_policy.latest.num_versions == 1
    assert sorted(b.model_version_policy.specific.versions) == [1, 3]
    assert dict(b.version_labels) == {"best": 3}
    assert c.model_version_policy.WhichOneof("policy_choice") == "all"


def test_a_reload_that_fails_inside_the_response_is_raised():
    response = model_management_pb2.ReloadConfigResponse()
    response.status.error_code = 9
    response.status.error_message = "cannot"
    with pytest.raises(ServingError, match="FAILED_PRECONDITION: cannot") as caught:
        send_grpc(lambda client: client.reload_config({"a": "/a"}), response)
    assert caught.value.code is Code.FAILED_PRECONDITION


@pytest.mark.parametrize("transport", ["rest", "grpc"])
def test_a_bad_example_is_named_before_anything_is_sent(transport):
    with Client("http://127.0.0.1:1", "127.0.0.1:1") as client:
        with pytest.raises(ValueError, match="feature 'x' must be numbers"):
            client.classify("m", [{"x": None}], transport=transport)
        with pytest.raises(ValueError, match="received version=1 and label='a'"):
            client.regress("m", [], version=1, label="a", transport=transport)


@pytest.fixture(scope="module")
def half(tmp_path_factory):
    """A client of a server with y = x / 2 + 2, as classes and as a regression."""
    folder = tmp_path_factory.mktemp("half")
    export_half_plus_two(folder / "half" / "5")
    with Server({"half": folder / "half"}, grpc_port=0, rest_port=0) as server:
        rest_url = f"http://127.0.0.1:{server.rest_port}"
        with Client(rest_url, f"127.0.0.1:{server.grpc_port}") as client:
            yield client


SIZES = [{"x": 4.0}, {"x": [8.0]}, {}]
served = pytest.mark.parametrize("transport", ["rest", "grpc"])


@served
def test_a_served_classification(half, transport):
    first, second, absent = half.classify(
        "half", SIZES, "classify_words", transport=transport
    )
    assert first.classes == [("small", 4.0), ("large", 5.0)]
    assert (second.label, absent.classes[0]) == ("large", ("small", 2.0))
    (unnamed,) = half.classify(
        "half", SIZES[:1], "classify_x_to_y", version=5, transport=transport
    )
    assert unnamed.classes == [("", 4.0), ("", 5.0)]


@served
def test_a_served_regression(half, transport):
    results = half.regress("half", SIZES, "regress_x_to_y", transport=transport)
    assert [result.value for result in results] == [4.0, 6.0, 2.0]
    shared = half.regress(
        "half", [{}, {"x": 8.0}], "regress_x_to_y", context={"x": 4.0},
        transport=transport,
    )  # fmt: skip
    assert [result.value for result in shared] == [4.0, 6.0]


def test_served_multi_inference(half):
    tasks = [("regress_x_to_y", "regress"), ("classify_words", "classify")]
    values, classes = half.multi_inference("half", tasks, SIZES)
    assert [result.value for result in values] == [4.0, 6.0, 2.0]
    assert [result.label for result in classes] == ["large"] * 3


@served
def test_a_refused_classification(half, transport):
    with pytest.raises(ServingError, match="Expected classification signature outputs"):
        half.classify("half", SIZES, "regress_x_to_y", transport=transport)


def test_a_served_reload_with_labels(tmp_path):
    export_calculator(tmp_path / "2")
    export_calculator(tmp_path / "3", factor=3.0)
    with Server({"m": tmp_path}, grpc_port=0, rest_port=0) as server:
        target = f"127.0.0.1:{server.grpc_port}"
        rest_url = f"http://127.0.0.1:{server.rest_port}"
        with Client(rest_url, target, transport="grpc") as client:
            every = VersionPolicy(every=True)
            client.reload_config({"m": ServedModelConfig(tmp_path, every)})
            client.wait_until_ready("m", version=2)
            client.wait_until_ready("m", version=3)
            labels = {"stable": 2, "canary": 3}
            client.reload_config({"m": ServedModelConfig(tmp_path, every, labels)})
            for transport in ("rest", "grpc"):
                for label, factor in (("stable", 2.0), ("canary", 3.0)):
                    outputs = client.predict(
                        "m", {"x": [[1, 1]]}, label=label, transport=transport
                    )
                    assert outputs["y"].tolist() == [[factor, factor]]


def test_a_served_reload_that_is_wrong_changes_nothing(tmp_path):
    for number, folder in ((1, "m/1"), (2, "m/2"), (3, "new/2")):
        export_calculator(tmp_path / folder, factor=float(number))
    base_path = tmp_path / "m"
    stable, canary = {"stable": 1}, {"canary": 2}

    def specific(base_path, *numbers, **labels):
        policy = VersionPolicy(specific=numbers)
        return {"m": ServedModelConfig(base_path, policy, labels)}

    good = specific(base_path, 1, 2, **stable, **canary)
    with Server(good, grpc_port=0, rest_port=0) as server:
        target = f"127.0.0.1:{server.grpc_port}"
        rest_url = f"http://127.0.0.1:{server.rest_port}"
        with Client(rest_url, target, transport="grpc") as client:

            def factor(transport="grpc", **choice):
                x = {"x": [[1, 1]]}
                outputs = client.predict("m", x, transport=transport, **choice)
                return outputs["y"].tolist()[0][0]

            for wrong, code in (
                (specific(base_path, 11, 12), Code.INVALID_ARGUMENT),
                (specific(base_path, 2, **stable), Code.FAILED_PRECONDITION),
                (specific(tmp_path / "new", 1), Code.INVALID_ARGUMENT),
                (specific(tmp_path / "absent", 1, 2), Code.INVALID_ARGUMENT),
            ):
                with pytest.raises(ServingError) as caught:
                    client.reload_config(wrong)
                assert caught.value.code is code
                for transport in ("rest", "grpc"):
                    assert factor(transport, label="stable") == 1.0
                    assert factor(transport, label="canary") == 2.0
            client.reload_config(good)
            client.reload_config(specific(tmp_path / "new", 2, **canary))
            for transport in ("rest", "grpc"):
                assert factor(transport, label="canary") == factor(transport) == 3.0
            client.reload_config(good)
            assert factor(label="stable") == 1.0 and factor(label="canary") == 2.0
