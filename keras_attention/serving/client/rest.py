"""REST as a client speaks it: requests and responses, without I/O."""

import base64
import json
from functools import partial
from types import SimpleNamespace
from typing import NamedTuple
from urllib.parse import quote

import orjson

from keras_attention.graph_errors import plain_message
from keras_attention.serving.client import features as client_examples
from keras_attention.serving.client import results
from keras_attention.serving.client.exchange import Exchange, RetryLater
from keras_attention.serving.wire import signatures
from keras_attention.serving.wire.errors import CODE_OF_HTTP_STATUS, Code, ServingError


class HttpRequest(NamedTuple):
    method: str
    path: str
    body: bytes | None = None


class HttpResponse(NamedTuple):
    status: int
    headers: dict  # by names in lower case
    body: bytes


class RestProtocol:
    """Makes an `Exchange` for each request; the results are plain values.

    Args:
        url: str. Where REST is served, for error messages.
    """

    def __init__(self, url):
        self.url = url

    def predict(self, model_spec, signature, inputs, outputs):
        from keras_attention.serving.client.arrays import jsonable

        body = {"signature_name": model_spec.signature_name, "inputs": jsonable(inputs)}
        content = orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        read = partial(_read_outputs, model_spec.name, signature, outputs)
        return self._post(model_spec, "predict", content, read)

    def classify(self, model_spec, examples, context):
        return self._infer(
            model_spec, "classify", examples, context, results.read_classes
        )

    def regress(self, model_spec, examples, context):
        return self._infer(
            model_spec, "regress", examples, context, results.read_regressions
        )

    def _infer(self, model_spec, method, examples, context, read):
        body = {"signature_name": model_spec.signature_name}
        if context is not None:
            body["context"] = client_examples.as_json(context)
        body["examples"] = [client_examples.as_json(example) for example in examples]
        parts = examples if context is None else [context, *examples]
        if any(map(client_examples.has_special_floats, parts)):
            content = json.dumps(body).encode()
        else:
            content = orjson.dumps(body)
        return self._post(model_spec, method, content, lambda doc: read(doc["results"]))

    def metadata(self, model_spec):
        return self._get(f"{_path(model_spec)}/metadata", _read_metadata)

    def status(self, model_spec):
        return self._get(_path(model_spec), _read_status)

    def models(self):
        """The names of all models; TensorFlow Serving has no such route."""
        return self._get(
            "/v1/models", lambda doc: [model["name"] for model in doc["models"]]
        )

    def _get(self, path, read):
        return self._exchange(HttpRequest("GET", path), read)

    def _post(self, model_spec, method, body, read):
        path = f"{_path(model_spec)}:{method}"
        return self._exchange(HttpRequest("POST", path, body), read)

    def _exchange(self, request, read):
        return Exchange("rest", request, partial(self._read, read))

    def _read(self, read, response):
        document = self._document(response)
        try:
            return read(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ServingError(
                Code.UNKNOWN,
                f"the response is not what the protocol says: {error!r}",
                f"{self.url}: does a model server listen there?",
            ) from error

    def _document(self, response):
        """The JSON object of a response without an error."""
        document = _parse(response.body)
        if response.status == 200 and isinstance(document, dict):
            return document
        message = document.get("error") if isinstance(document, dict) else None
        if isinstance(message, str):
            hint = ""
        else:
            kind = response.headers.get("content-type", "no content type")
            text = response.body[:200].decode(errors="replace")
            message = f"HTTP {response.status}, {kind}: {text}"
            hint = f"{self.url}: {self._guess(response)}"
        code = CODE_OF_HTTP_STATUS.get(response.status, Code.UNKNOWN)
        seconds = response.headers.get("retry-after", "")
        if seconds.isdecimal():
            seconds = float(seconds)
            raise RetryLater(
                code, plain_message(message), hint, response.status, seconds
            )
        raise ServingError(code, plain_message(message), hint, response.status)

    def _guess(self, response):
        """What may listen there instead of a model server."""
        if "location" in response.headers:
            return f"it has moved to {response.headers['location']}"
        if response.status in (502, 503, 504):
            return "a proxy cannot reach the model server behind it"
        if response.status in (401, 403, 407):
            return "a proxy before it requires other headers or authentication"
        return "this is not a model server's response; is the address its REST port?"


def _path(model_spec):
    path = f"/v1/models/{quote(model_spec.name, safe='')}"
    if model_spec.version is not None:
        return f"{path}/versions/{model_spec.version}"
    if model_spec.label:
        return f"{path}/labels/{quote(model_spec.label, safe='')}"
    return path


def _parse(content):
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(content)  # NaN and Infinity
    except (ValueError, RecursionError):
        return None


def _read_outputs(model, signature, wanted, document):
    from keras_attention.serving.client.arrays import read_json

    specs = signature.outputs
    outputs = document["outputs"]
    if len(specs) == 1:  # a single output comes without its name
        outputs = {name: outputs for name in specs}
    if not isinstance(outputs, dict) or outputs.keys() != specs.keys():
        raise ServingError(
            Code.ABORTED,
            f"{model} returned other outputs than its signature has",
            "a new version was loaded meanwhile; retry",
        )
    names = specs if wanted is None else wanted
    unknown = [name for name in names if name not in specs]
    if unknown:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"output tensor alias not found in signature: {unknown[0]}",
            f"the signature has {', '.join(specs)}",
        )
    return {name: read_json(outputs[name], specs[name]) for name in names}


def _read_metadata(document):
    definitions = document["metadata"]["signature_def"]["signature_def"]
    return int(document["model_spec"]["version"]), {
        name: _read_signature(definitions[name]) for name in sorted(definitions)
    }


def _read_signature(definition):
    """A `Signature` from the JSON of a SignatureDef."""

    def specs(infos):
        return {alias: _read_spec(infos[alias]) for alias in sorted(infos)}

    return signatures.Signature(
        specs(definition.get("inputs", {})),
        specs(definition.get("outputs", {})),
        {
            alias: _read_default(tensor)
            for alias, tensor in definition.get("defaults", {}).items()
        },
        definition.get("method_name", ""),
    )


def _read_spec(info):
    from keras_attention.serving.wire import tensors

    return signatures.TensorSpec(
        info.get("name", ""),
        tensors.ENUM.get(info["dtype"], 0),
        _read_shape(info.get("tensor_shape", {})),
    )


def _read_shape(shape):
    if shape.get("unknown_rank"):
        return None
    return tuple(int(dim.get("size", 0)) for dim in shape.get("dim", []))


def _read_default(tensor):
    """An array from the JSON of a TensorProto."""
    from keras_attention.serving.wire import tensors

    fields = {field: tensor.get(field, []) for field in tensors.FIELDS}
    fields["string_val"] = [base64.b64decode(item) for item in fields["string_val"]]
    shape = _read_shape(tensor.get("tensor_shape", {}))
    return tensors.read(
        SimpleNamespace(
            dtype=tensors.ENUM.get(tensor["dtype"], 0),
            tensor_shape=SimpleNamespace(
                dim=[SimpleNamespace(size=size) for size in shape], unknown_rank=False
            ),
            tensor_content=base64.b64decode(tensor.get("tensor_content", "")),
            **fields,
        )
    )


def _read_status(document):
    return [
        signatures.VersionStatus(
            int(status["version"]),
            status["state"],
            status["status"]["error_code"],
            status["status"]["error_message"],
        )
        for status in document["model_version_status"]
    ]
