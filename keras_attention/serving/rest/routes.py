"""REST: the routes of TensorFlow Serving, translated for the core."""

import json
import re
from typing import NamedTuple
from urllib.parse import unquote

from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2

from keras_attention.serving.core import ModelSpec
from keras_attention.serving.responses import (
    METADATA_FIELD,
    metadata_response,
    status_response,
)
from keras_attention.serving.rest import codec, codec_examples, json_numbers, json_text
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
    """The API and the model of a request."""

    api: str  # as it is counted
    model_spec: ModelSpec


def route(method, path):
    """Parses the route of a request.

    Args:
        method: str, "GET", "POST" or another.
        path: str, still percent-encoded.

    Returns:
        `Endpoint`.

    Raises:
        ServingError: if there is no such route.
    """
    pattern = {"POST": _PREDICT, "GET": _DESCRIBE}.get(method)
    match = pattern.fullmatch(path) if pattern else None
    if match is None:
        if not path.lower().startswith("/v1/"):
            raise ServingError(Code.NOT_FOUND, f"Not found: {method} {path}")
        raise invalid_argument(f"Malformed request: {method} {path}")
    model_spec = _model_spec(match)
    if method == "POST":
        if (
            match["method"] not in _VERBS
        ):  # only the rest of the path may be in upper case
            raise invalid_argument(f"Malformed request: {method} {path}")
        return Endpoint(match["method"].capitalize(), model_spec)
    if not model_spec.name:
        raise invalid_argument("Missing model name in request.")
    is_metadata = match["method"] == "metadata"
    return Endpoint("GetModelMetadata" if is_metadata else "GetModelStatus", model_spec)


def _model_spec(match):
    version = match["version"]
    if version is not None:
        if len(version) > 20 or int(version) >= 2**63:
            raise invalid_argument(f"Failed to convert version: {version} to numeric.")
        version = int(version)
    return ModelSpec(
        unquote(match["name"] or ""), version, unquote(match["label"] or "")
    )


class RestHandlers:
    """Handles requests, each in the calling thread.

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

    def handle(self, route, body, caller, request):
        """Handles one request.

        Args:
            route: `Endpoint`.
            body: bytes.
            caller: `Caller`, who waits for the response.
            request: `Request`, whose `model_spec` is set.

        Returns:
            bytes, JSON.

        Raises:
            ServingError: in the protocol's words.
        """
        request.model_spec = route.model_spec
        return self._functions[route.api](route.model_spec, body, caller, request)

    def _predict(self, model_spec, body, caller, request):
        with_arrays = json_numbers.parse(body)
        document = with_arrays or json_text.parse(body)
        model_spec = model_spec._replace(
            signature_name=codec.decode_signature_name(document)
        )
        request.model_spec = model_spec
        with self.core.use(model_spec) as held:
            specs = _input_specs(held.model, model_spec.signature_name)
            try:
                form, inputs = codec.decode_request(document, specs, self.max_nesting)
            except ServingError:
                if with_arrays is None:
                    raise
                document = json_text.parse(body)  # says what is wrong
                form, inputs = codec.decode_request(document, specs, self.max_nesting)
            prediction = self.core.predict(held, inputs, caller=caller)
        request.model_spec = prediction.model_spec
        return codec.encode_response(prediction.outputs, form)

    def _classify(self, model_spec, body, caller, request):
        result = self._infer(self.core.classify, model_spec, body, caller, request)
        return codec_examples.encode_classifications(result)

    def _regress(self, model_spec, body, caller, request):
        result = self._infer(self.core.regress, model_spec, body, caller, request)
        return codec_examples.encode_regressions(result)

    def _infer(self, function, model_spec, body, caller, request):
        document = json_text.parse(body)
        model_spec = model_spec._replace(
            signature_name=codec.decode_signature_name(document)
        )
        request.model_spec = model_spec
        prediction = function(
            model_spec, codec_examples.decode_examples(document), caller
        )
        request.model_spec = prediction.model_spec
        return prediction.outputs

    def _status(self, model_spec, body, caller, request):
        return _pretty(_as_dict(status_response(self.core, model_spec)))

    def _metadata(self, model_spec, body, caller, request):
        response = metadata_response(self.core, model_spec)
        content = get_model_metadata_pb2.SignatureDefMap()
        response.metadata[METADATA_FIELD].Unpack(content)
        return _pretty(
            {
                "model_spec": _as_dict(response.model_spec),
                "metadata": {METADATA_FIELD: _as_dict(content)},
            }
        )

    def list(self):
        """The names of all models, as JSON; quick, so without a thread."""
        names = self.core.model_names()
        return json_text.dump({"models": [{"name": name} for name in names]})


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
    """The JSON body of every error."""
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
