"""The client's REST side."""

import json
from urllib.parse import quote

import httpx
import numpy as np
import orjson
from google.protobuf import json_format

from keras_attention.serving import protos, signatures, tensors
from keras_attention.serving.errors import CODE_OF_HTTP_STATUS, Code, ServingError
from keras_attention.serving.json_tensor import (
    decode_tensor,
    encode_strings,
    encode_tensor,
    has_special_floats,
)
from keras_attention.serving.jsontext import dump


class RestTransport:
    """Calls the routes under `/v1/models`.

    Args:
        url: str, without path.
        timeout: float, seconds for one call.
    """

    def __init__(self, url, timeout):
        self.url = url.rstrip("/")
        self.timeout = timeout
        self._http = httpx.Client(timeout=timeout)

    def predict(self, model, version, signature_name, signature, inputs, outputs):
        plain = any(map(has_special_floats, inputs.values()))
        document = {
            "signature_name": signature_name,
            "inputs": {
                name: encode_strings(array)
                if array.dtype == object
                else encode_tensor(array, plain=plain)
                for name, array in inputs.items()
            },
        }
        answer = self._call(
            "POST", f"{_path(model, version)}:predict", dump(document, plain)
        )["outputs"]
        specs = signature.outputs
        if len(specs) == 1:  # a single output comes without its name
            answer = {name: answer for name in specs}
        if not isinstance(answer, dict) or answer.keys() != specs.keys():
            raise ServingError(
                Code.ABORTED,
                f"{model} answers with other outputs than its signature had",
                "a new version has been loaded meanwhile; ask again",
            )
        names = specs if outputs is None else outputs
        unknown = [name for name in names if name not in specs]
        if unknown:
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"output tensor alias not found in signature: {unknown[0]}",
                f"the signature has {', '.join(specs)}",
            )
        return {name: _decode_output(answer[name], specs[name]) for name in names}

    def metadata(self, model, version):
        document = self._call("GET", f"{_path(model, version)}/metadata")
        definitions = json_format.ParseDict(
            document["metadata"]["signature_def"],
            protos.SignatureDefMap(),
            ignore_unknown_fields=True,
        ).signature_def
        return int(document["model_spec"]["version"]), {
            name: signatures.from_proto(definitions[name]) for name in definitions
        }

    def status(self, model, version):
        document = self._call("GET", _path(model, version))
        return [
            signatures.VersionStatus(
                int(status["version"]),
                status["state"],
                status["status"]["error_code"],
                status["status"]["error_message"],
            )
            for status in document["model_version_status"]
        ]

    def close(self):
        self._http.close()

    def _call(self, method, path, body=None):
        try:
            response = self._http.request(method, self.url + path, content=body)
        except httpx.TimeoutException as error:
            raise ServingError(
                Code.DEADLINE_EXCEEDED,
                f"no answer within {self.timeout} s",
                f"{self.url}: a longer timeout may help",
            ) from error
        except httpx.HTTPError as error:
            raise ServingError(
                Code.UNAVAILABLE,
                str(error),
                f"{self.url}: is the server running, and is this its REST port?",
            ) from error
        document = _parse(response.content)
        if response.status_code == 200 and isinstance(document, dict):
            return document
        message = document.get("error") if isinstance(document, dict) else None
        raise ServingError(
            CODE_OF_HTTP_STATUS.get(response.status_code, Code.UNKNOWN),
            message or f"HTTP {response.status_code}: {response.text[:200]}",
            "" if message else f"{self.url}: does a model server listen there?",
        )


def _path(model, version):
    versions = "" if version is None else f"/versions/{version}"
    return f"/v1/models/{quote(model, safe='')}{versions}"


def _parse(content):
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(content)  # NaN and Infinity
    except ValueError:
        return None


def _decode_output(value, spec):
    if value == [] and spec.shape:
        # Nested lists that hold nothing do not tell the sizes further in.
        return np.zeros([0, *np.maximum(spec.shape[1:], 0)], tensors.DTYPES[spec.dtype])
    return decode_tensor(value, spec.dtype)
