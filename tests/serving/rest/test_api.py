"""REST responds as TensorFlow Serving does."""

import gzip
import json

import httpx
import pytest

from tests.serving.support import rest, scaled

PREDICT = "/v1/models/calculator:predict"
X = [[1.0, 2.0], [3.5, -4.0]]


def test_rows_and_columns_agree_with_the_model_in_process(server):
    expected = scaled(X).tolist()
    for request, key in (("instances", "predictions"), ("inputs", "outputs")):
        assert rest(server, "POST", PREDICT, json={request: X}) == (
            200,
            {key: expected},
        )
        named = {"instances": [{"x": row} for row in X], "inputs": {"x": X}}[request]
        response = rest(server, "POST", PREDICT, json={request: named})
        assert response == (200, {key: expected})


def test_several_outputs_become_objects(server):
    request = {"signature_name": "upper", "instances": ["a", "äb"]}
    _, document = rest(server, "POST", PREDICT, json=request)
    assert document["predictions"] == [
        {"upper": "A", "length": 1, "score": 0.1, "raw_bytes": {"b64": "YQ=="}},
        {"upper": "äB", "length": 3, "score": 0.3, "raw_bytes": {"b64": "w6Ri"}},
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/calculator/versions/3:predict",
        "/V1/Models/calculator:predict",
        "/v1/models/calc%75lator:predict?pretty=1",
    ],
)
def test_other_ways_to_say_the_same(server, path):
    response = rest(server, "POST", path, json={"instances": [[1, 2]]})
    assert response == (200, {"predictions": [[2.0, 4.0]]})


def test_a_body_may_be_zipped(server):
    headers = {"Content-Encoding": "gzip"}
    content = gzip.compress(json.dumps({"inputs": X}).encode())
    assert rest(server, "POST", PREDICT, content=content, headers=headers)[0] == 200
    broken = rest(server, "POST", PREDICT, content=content[:9], headers=headers)
    assert broken == (400, {"error": "Failed to uncompress the gzip body"})


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/v1/foo", None, 400, "Malformed request: GET /v1/foo"),
        ("POST", "/v1/models/calculator:PREDICT", "{}", 400,
         "Malformed request: POST /v1/models/calculator:PREDICT"),
        ("GET", "/v1/models/", None, 400, "Malformed request: GET /v1/models/"),
        ("GET", "/v1/models/calculator/", None, 400,
         "Malformed request: GET /v1/models/calculator/"),
        ("PATCH", "/v1/models", None, 400, "Malformed request: PATCH /v1/models"),
        ("GET", PREDICT, None, 400, f"Malformed request: GET {PREDICT}"),
        ("DELETE", PREDICT, None, 400, f"Malformed request: DELETE {PREDICT}"),
        ("POST", "/v1/models/calculator", "{}", 400,
         "Malformed request: POST /v1/models/calculator"),
        ("GET", "/v1/models/versions/3", None, 400, "Missing model name in request."),
        ("GET", "/v1/models/zz", None, 404, "Could not find any versions of model zz"),
        ("GET", "/v1/models/calculator/versions/5", None, 404,
         "Could not find version 5 of model calculator"),
        ("GET", "/v1/models/zz/metadata", None, 404,
         "Servable not found for request: Latest(zz)"),
        ("GET", "/v1/models/calculator/labels/best", None, 400,
         "Unrecognized servable version label: best"),
        ("POST", "/v1/models/zz:predict", '{"inputs": 1}', 404,
         "Servable not found for request: Latest(zz)"),
        ("POST", "/v1/models/calculator/versions/5:predict", '{"inputs": 1}', 404,
         "Servable not found for request: Specific(calculator, 5)"),
        ("POST", f"/v1/models/calculator/versions/{2**63}:predict", "{}", 400,
         f"Failed to convert version: {2**63} to numeric."),
        ("POST", "/v1/models/zz:predict", "bad", 400,
         "JSON Parse error: Invalid value. at offset: 0"),
        ("POST", PREDICT, "", 400, "JSON Parse error: The document is empty"),
        ("POST", PREDICT, '{"signature_name": 1}', 400,
         'JSON Value: {\n    "signature_name": 1\n} not formatted correctly. '
         "'signature_name' key must be a string value."),
        ("POST", PREDICT, '{"signature_name": "s", "inputs": 1}', 400,
         'Serving signature name: "s" not found in signature def'),
        ("POST", PREDICT, "{}", 400, "Missing 'inputs' or 'instances' key"),
        ("POST", PREDICT,
         '{"signature_name": "shrink", "instances": [[1, 2], [3, 4]]}', 400,
         "Tensor name: x has inconsistent batch size: 2 expecting: 1"),
        ("POST", PREDICT,
         '{"signature_name": "combine", "instances": [{"a": 1, "b": 2}]}', 400,
         "Tensor name: total has no shape information "),
        ("GET", "/favicon.ico", None, 404, "Not found: GET /favicon.ico"),
        ("POST", "/v1/models/calculator:classify", "{}", 400,
         "JSON Value: {} When method is classify, key 'examples' is expected and was "
         "not found"),
        ("POST", "/v1/models/half:regress",
         '{"signature_name": "classify_words", "examples": [{"x": 1}]}', 400,
         "Expected one output Tensor."),
        ("POST", "/v1/models/zz:regress", '{"examples": [{"x": 1}]}', 404,
         "Servable not found for request: Latest(zz)"),
        ("POST", PREDICT, '{"instances": ' + "[" * 900 + "]" * 900 + "}", 400,
         "JSON Value: nested too deeply, expecting at most 63 levels"),
    ],
)  # fmt: skip
def test_errors(server, method, path, body, status, message):
    response = rest(server, method, path, content=body)
    assert response == (status, {"error": message})


def test_errors_of_the_graph_are_the_runtime_s_own(server):
    status, document = rest(server, "POST", PREDICT, json={"inputs": 1.0})
    assert status == 400 and "ndims must be >= 2" in document["error"]


def test_the_body_of_an_error_is_pretty(server):
    response = httpx.get(f"http://127.0.0.1:{server.rest_port}/v1/foo")
    assert response.text == '{\n    "error": "Malformed request: GET /v1/foo"\n}'


def test_status(server):
    version = {
        "version": "3",
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    for path in ("/v1/models/calculator", "/v1/models/calculator/versions/3"):
        assert rest(server, "GET", path) == (200, {"model_version_status": [version]})


def test_classify(server):
    request = {"signature_name": "classify_words", "examples": [{"x": 1.0}, {}]}
    assert rest(server, "POST", "/v1/models/half:classify", json=request) == (
        200,
        {
            "results": [
                [["small", 2.5], ["large", 3.5]],
                [["small", 2.0], ["large", 3.0]],
            ]
        },
    )


def test_regress_and_a_context_that_all_examples_share(server):
    request = {
        "signature_name": "regress_x_to_y",
        "context": {"x": 10.0},
        "examples": [{}, {"x": [1.0]}, {"z": "text"}],
    }
    response = rest(server, "POST", "/v1/models/half:regress", json=request)
    assert response == (200, {"results": [7.0, 2.5, 7.0]})


def test_metadata(server):
    status, document = rest(server, "GET", "/v1/models/calculator/metadata")
    assert status == 200
    assert document["model_spec"] == {
        "name": "calculator",
        "signature_name": "",
        "version": "3",
    }
    signatures = document["metadata"]["signature_def"]["signature_def"]
    y = signatures["serving_default"]["outputs"]["y"]
    assert y["dtype"] == "DT_FLOAT"
    assert y["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}],
        "unknown_rank": False,
    }
    assert signatures["serving_default"]["method_name"] == "tensorflow/serving/predict"


@pytest.mark.parametrize("path", ["", "/versions/3", "/metadata", "/versions/9"])
def test_head_returns_the_headers_of_get(server, path):
    url = f"http://127.0.0.1:{server.rest_port}/v1/models/calculator{path}"
    get, head = httpx.get(url), httpx.head(url)
    assert head.status_code == get.status_code == (404 if "9" in path else 200)
    assert head.content == b"" and len(get.content) > 50
    assert int(head.headers["content-length"]) == len(get.content)


def test_health_and_the_list_of_models(server):
    assert rest(server, "GET", "/v2/health/live")[0] == 200
    assert rest(server, "GET", "/v2/health/ready")[0] == 200
    names = [{"name": name} for name in ("calculator", "half", "translator")]
    assert rest(server, "GET", "/v1/models") == (200, {"models": names})
