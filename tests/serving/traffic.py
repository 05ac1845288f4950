"""Requests of every kind, good and bad, with the response that each must get."""

import gzip
import http.client
import json
import socket

import grpc
import numpy as np

from keras_attention.serving.wire import protos, tensors

PREDICT = "/v1/models/calculator:predict"
X = [[1.0, 2.0], [3.5, -4.0]]
DOUBLED = [[2.0, 4.0], [7.0, -8.0]]
SERVICE = "/tensorflow.serving.PredictionService"


class Wrong(Exception):
    """A response that is not the one expected."""


class TrafficClient:
    """One client: a REST connection and a gRPC channel of its own.

    Args:
        rest_port, grpc_port: int.
    """

    def __init__(self, rest_port, grpc_port):
        self.rest_port = rest_port
        self._http = http.client.HTTPConnection("127.0.0.1", rest_port, timeout=60)
        self._channel = grpc.insecure_channel(
            f"127.0.0.1:{grpc_port}", options=[("grpc.use_local_subchannel_pool", 1)]
        )

    def rest(self, method, path, body=None, **headers):
        """Returns `(status, body)`; connects anew if the server closed it before."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        for attempt in range(2):
            try:
                self._http.request(method, path, body, headers)
                response = self._http.getresponse()
                return response.status, response.read()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionError):
                self._http.close()
                if attempt:
                    raise
        raise AssertionError("unreachable")

    def grpc(self, method, content, timeout=60):
        """Returns `(code name, bytes)`."""
        try:
            return "OK", self._channel.unary_unary(method)(content, timeout=timeout)
        except grpc.RpcError as error:
            return error.code().name, b""

    def raw(self, content):
        """Sends bytes that need not be HTTP; returns what comes back."""
        with socket.create_connection(("127.0.0.1", self.rest_port), 60) as connection:
            connection.settimeout(60)
            try:
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
                received = b""
                while chunk := connection.recv(65536):
                    received += chunk
            except OSError:  # disconnected before everything was sent
                return b""
            return received

    def close(self):
        self._http.close()
        self._channel.close()


def _expect(expected, received):
    if expected != received:
        raise Wrong(f"expected {str(expected)[:300]}, received {str(received)[:300]}")


def predict_request(values=X, model="calculator", signature="", **spec):
    request = protos.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if "version" in spec:
        request.model_spec.version.value = spec["version"]
    if "label" in spec:
        request.model_spec.version_label = spec["label"]
    tensors.fill(request.inputs["x"], np.asarray(values, np.float32))
    return request.SerializeToString()


# Good requests.


def rest_rows(client):
    status, body = client.rest("POST", PREDICT, json.dumps({"instances": X}))
    _expect((200, {"predictions": DOUBLED}), (status, json.loads(body)))


def rest_columns_zipped(client):
    body = gzip.compress(json.dumps({"inputs": {"x": X}}).encode())
    status, body = client.rest("POST", PREDICT, body, Content_Encoding="gzip")
    _expect((200, {"outputs": DOUBLED}), (status, json.loads(body)))


def rest_strings(client):
    document = {"signature_name": "upper", "instances": ["a", "äb"]}
    status, body = client.rest("POST", PREDICT, json.dumps(document))
    _expect(200, status)
    upper = [row["upper"] for row in json.loads(body)["predictions"]]
    _expect(["A", "äB"], upper)


def rest_large(client):
    rows = np.arange(1_800).reshape(-1, 2).tolist()
    status, body = client.rest("POST", PREDICT, json.dumps({"instances": rows}))
    _expect(200, status)
    _expect([3596.0, 3598.0], json.loads(body)["predictions"][-1])


def rest_metadata(client):
    status, body = client.rest("GET", "/v1/models/calculator/metadata")
    _expect((200, "calculator"), (status, json.loads(body)["model_spec"]["name"]))


def rest_status(client):
    status, body = client.rest("GET", "/v1/models/calculator")
    _expect(200, status)
    states = [v["state"] for v in json.loads(body)["model_version_status"]]
    _expect(True, "AVAILABLE" in states)


def rest_health(client):
    _expect(200, client.rest("GET", "/v2/health/ready")[0])


def grpc_predict(client):
    code, content = client.grpc(f"{SERVICE}/Predict", predict_request())
    _expect("OK", code)
    outputs = protos.PredictResponse.FromString(content).outputs
    _expect(DOUBLED, tensors.read(outputs["y"]).tolist())


def grpc_metadata(client):
    request = protos.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "calculator"
    code, _ = client.grpc(f"{SERVICE}/GetModelMetadata", request.SerializeToString())
    _expect("OK", code)


def _examples(document):
    document["examples"] = [{"x": 80.0}, {}]
    return json.dumps(document)


def rest_classify(client):
    body = _examples({"signature_name": "classify_words"})
    status, body = client.rest("POST", "/v1/models/half:classify", body)
    results = [[["small", 42.0], ["large", 43.0]], [["small", 2.0], ["large", 3.0]]]
    _expect((200, {"results": results}), (status, json.loads(body)))


def rest_regress(client):
    body = _examples({"signature_name": "regress_x_to_y"})
    status, body = client.rest("POST", "/v1/models/half:regress", body)
    _expect((200, {"results": [42.0, 2.0]}), (status, json.loads(body)))


def _example(request):
    example = request.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(80.0)
    return request.SerializeToString()


def grpc_regress(client):
    request = protos.RegressionRequest()
    request.model_spec.name = "half"
    request.model_spec.signature_name = "regress_x_to_y"
    code, content = client.grpc(f"{SERVICE}/Regress", _example(request))
    _expect("OK", code)
    (result,) = protos.RegressionResponse.FromString(content).result.regressions
    _expect(42.0, result.value)


def grpc_multi_inference(client):
    request = protos.MultiInferenceRequest()
    for name, method in (("regress_x_to_y", "regress"), ("classify_words", "classify")):
        task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name = "half"
        task.model_spec.signature_name = name
    code, content = client.grpc(f"{SERVICE}/MultiInference", _example(request))
    _expect("OK", code)
    first, second = protos.MultiInferenceResponse.FromString(content).results
    _expect(42.0, first.regression_result.regressions[0].value)
    _expect(2, len(second.classification_result.classifications[0].classes))


GOOD = (
    rest_classify,
    rest_regress,
    grpc_regress,
    grpc_multi_inference,
    rest_rows,
    rest_columns_zipped,
    rest_strings,
    rest_large,
    rest_metadata,
    rest_status,
    rest_health,
    grpc_predict,
    grpc_predict,
    grpc_predict,
    grpc_metadata,
)


# Bad requests: what is sent, and the code that must come back.

_DEEP = "[" * 100_000 + "]" * 100_000
_REST_BAD = (
    ("GET", "/v1/foo", None, 400),
    ("DELETE", PREDICT, None, 400),
    ("POST", PREDICT, "", 400),
    ("POST", PREDICT, "{", 400),
    ("POST", PREDICT, '{"instances": ' + _DEEP + "}", 400),
    ("POST", PREDICT, '{"instances": []}', 400),
    ("POST", PREDICT, '{"instances": [["a", "b"]]}', 400),
    ("POST", PREDICT, '{"instances": [[1, 2], [3]]}', 400),
    ("POST", PREDICT, '{"instances": [[1, 2, 3]]}', 400),
    ("POST", PREDICT, '{"signature_name": "zz", "instances": [[1, 2]]}', 400),
    ("POST", PREDICT, '{"instances": [{"b64": "***"}]}', 400),
    ("POST", PREDICT, b"\xff\xfe\x00", 400),
    ("POST", "/v1/models/nobody:predict", '{"instances": [1]}', 404),
    ("POST", "/v1/models/calculator/versions/999999:predict", "{}", 404),
    ("POST", "/v1/models/calculator/labels/none:predict", '{"inputs": 1}', 400),
    ("POST", "/v1/models/half:classify", "{}", 400),
    ("POST", "/v1/models/half:regress", '{"examples": [{"x": [1, 2.5]}]}', 400),
    ("GET", "/v1/models/nobody", None, 404),
    ("GET", "/v1/models/nobody/metadata", None, 404),
)
_GRPC_BAD = (
    (f"{SERVICE}/Predict", b"", "INVALID_ARGUMENT"),
    (f"{SERVICE}/Predict", b"\xff" * 50, "INTERNAL"),
    (f"{SERVICE}/Predict", predict_request(model="nobody"), "NOT_FOUND"),
    (f"{SERVICE}/Predict", predict_request(version=999999), "NOT_FOUND"),
    (f"{SERVICE}/Predict", predict_request(label="none"), "INVALID_ARGUMENT"),
    (f"{SERVICE}/Predict", predict_request(signature="zz"), "FAILED_PRECONDITION"),
    (f"{SERVICE}/Predict", predict_request([1.0]), "INVALID_ARGUMENT"),
    (f"{SERVICE}/Predict", predict_request([[1.0, 2.0, 3.0]]), "INVALID_ARGUMENT"),
    (f"{SERVICE}/GetModelMetadata", b"", "INVALID_ARGUMENT"),
    (f"{SERVICE}/Classify", b"", "INVALID_ARGUMENT"),
    (f"{SERVICE}/MultiInference", b"", "INVALID_ARGUMENT"),
    (f"{SERVICE}/Guess", b"", "UNIMPLEMENTED"),
)
_RAW_BAD = (
    b"\x00\x01\x02\x03",
    b"GET\r\n\r\n",
    b"POST /v1/models/calculator:predict HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x07" * 200,  # TLS
)


def bad_requests():
    """Functions that each send one request; all raise `Wrong` if not refused well."""

    def rest(method, path, body, status):
        def send(client):
            received, content = client.rest(method, path, body)
            _expect((status, ["error"]), (received, list(json.loads(content))))

        return send

    def over_grpc(method, content, code):
        return lambda client: _expect(code, client.grpc(method, content)[0])

    def raw(content):
        def send(client):
            response = client.raw(content)
            if response and not response.startswith(b"HTTP/1.1 4"):
                raise Wrong(f"{content[:40]!r} got {response[:100]!r}")

        return send

    return (
        [rest(*row) for row in _REST_BAD]
        + [over_grpc(*row) for row in _GRPC_BAD]
        + [raw(content) for content in _RAW_BAD]
    )
