"""REST: the routes of TensorFlow Serving, translated for the core."""

import json
import re
from typing import NamedTuple
from urllib.parse import unquote

from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from keras_attention.serving.core import Target
from keras_attention.serving.responses import (
    METADATA_FIELD,
    metadata_response,
    status_response,
)
from keras_attention.serving.rest import codec, codec_examples, json_numbers, jsontext
from keras_attention.serving.rest.json_tensor import MAX_NESTING
from keras_attention.serving.wire.errors import Code, ServingError, invalid_argument
from keras_attention.serving.wire.signatures import DEFAULT_SIGNATURE, check_inputs

_VERBS = ("classify", "regress", "predict")
_VERSION = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(
    rf"/v1/models/(?P<name>[^/:]+){_VERSION}:(?P<method>{'|'.join(_VERBS)})",
    re.IGNORECASE,
)
_DESCRIBE = re.compile(
    rf"/v1/models(?:/(?P<name>[^/:]+))?{_VERSION}(?:/(?P<method>metadata))?",
    re.IGNORECASE,
)


class Endpoint(NamedTuple):
    """What a request asks for."""

    api: str  # as it is counted
    target: Target


def route(method, path):
    """Finds out what a request asks for.

    Args:
        method: str, "GET", "POST" or another.
        path: str, still percent-encoded.

    Returns:
        `Endpoint`.

    Raises:
        ServingError: if it asks for nothing that there is.
    """
    pattern = {"POST": _PREDICT, "GET": _DESCRIBE}.get(method)
    match = pattern.fullmatch(path) if pattern else None
    if match is None:
        if not path.lower().startswith("/v1/"):
            raise ServingError(Code.NOT_FOUND, f"Not found: {method} {path}")
        raise invalid_argument(f"Malformed request: {method} {path}")
    target = _target(match)
    if method == "POST":
        if match["method"] not in _VERBS:  # only the rest of the path may shout
            raise invalid_argument(f"Malformed request: {method} {path}")
        return Endpoint(match["method"].capitalize(), target)
    if not target.name:
        raise invalid_argument("Missing model name in request.")
    is_metadata = match["method"] == "metadata"
    return Endpoint("GetModelMetadata" if is_metadata else "GetModelStatus", target)


def _target(match):
    version = match["version"]
    if version is not None:
        if len(version) > 20 or int(version) >= 2**63:
            raise invalid_argument(f"Failed to convert version: {version} to numeric.")
        version = int(version)
    return Target(unquote(match["name"] or ""), version, unquote(match["label"] or ""))


class Answers:
    """Answers requests, each in the thread that asks.

    Args:
        core: `Core`.
        max_nesting: int. How deeply lists may be nested.
    """

    def __init__(self, core, max_nesting=MAX_NESTING):
        self.core = core
        self.max_nesting = min(max_nesting, MAX_NESTING)
        self._functions = {
            "Predict": self._predict,
            "Classify": self._classify,
            "Regress": self._regress,
            "GetModelMetadata": self._metadata,
            "GetModelStatus": self._status,
        }

    def answer(self, route, body, caller, request):
        """Answers one request.

        Args:
            route: `Endpoint`.
            body: bytes.
            caller: `Caller`, who waits for the answer.
            request: `Request`, which is told which model answers.

        Returns:
            bytes, JSON.

        Raises:
            ServingError: in the protocol's words.
        """
        request.target = route.target
        return self._functions[route.api](route.target, body, caller, request)

    def _predict(self, target, body, caller, request):
        with_arrays = json_numbers.parse(body)
        document = with_arrays or jsontext.parse(body)
        target = target._replace(signature_name=codec.decode_signature_name(document))
        request.target = target
        with self.core.use(target) as held:
            specs = _input_specs(held.model, target.signature_name)
            try:
                form, inputs = codec.decode_request(document, specs, self.max_nesting)
            except ServingError:
                if with_arrays is None:
                    raise
                document = jsontext.parse(body)  # says what is wrong
                form, inputs = codec.decode_request(document, specs, self.max_nesting)
            answer = self.core.predict(held, inputs, caller=caller)
        request.target = answer.target
        return codec.encode_response(answer.outputs, form)

    def _classify(self, target, body, caller, request):
        result = self._infer(self.core.classify, target, body, caller, request)
        return codec_examples.encode_classifications(result)

    def _regress(self, target, body, caller, request):
        result = self._infer(self.core.regress, target, body, caller, request)
        return codec_examples.encode_regressions(result)

    def _infer(self, function, target, body, caller, request):
        document = jsontext.parse(body)
        target = target._replace(signature_name=codec.decode_signature_name(document))
        request.target = target
        answer = function(target, codec_examples.decode_examples(document), caller)
        request.target = answer.target
        return answer.outputs

    def _status(self, target, body, caller, request):
        return _pretty(_as_dict(status_response(self.core, target)))

    def _metadata(self, target, body, caller, request):
        response = metadata_response(self.core, target)
        content = get_model_metadata_pb2.SignatureDefMap()
        response.metadata[METADATA_FIELD].Unpack(content)
        return _pretty(
            {
                "model_spec": _as_dict(response.model_spec),
                "metadata": {METADATA_FIELD: _as_dict(content)},
            }
        )

    def list(self):
        """The names of all models, as JSON; quickly, with no thread of its own."""
        names = self.core.model_names()
        return jsontext.dump({"models": [{"name": name} for name in names]})


def _input_specs(model, signature_name):
    """The inputs that a request has to give, as `TensorSpec`s by name."""
    signature = model.signature(signature_name)
    if signature is None:
        name = signature_name or DEFAULT_SIGNATURE
        raise invalid_argument(
            f'Serving signature name: "{name}" not found in signature def'
        )
    if not signature.inputs:
        name = signature_name or "DEFAULT"
        raise invalid_argument(f"Failed to get input map for signature: {name}")
    check_inputs(signature.inputs)
    return signature.inputs


def error_body(message):
    """The JSON that every refusal has."""
    content = json.dumps({"error": message}, indent=4, ensure_ascii=False)
    return content.encode(errors="replace")


def _pretty(document):
    return json.dumps(document, indent=1).encode()


def _as_dict(message):
    return json_format.MessageToDict(
        message,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
