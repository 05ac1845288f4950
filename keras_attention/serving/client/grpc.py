"""gRPC as a client speaks it: requests and responses, without I/O."""

import os
from functools import partial
from typing import NamedTuple

from google.protobuf.message import DecodeError

from keras_attention.serving.client import features as client_examples
from keras_attention.serving.client import results
from keras_attention.serving.client.exchange import Exchange
from keras_attention.serving.client.tensor_bytes import LARGE, input_chunks
from keras_attention.serving.config import as_model_config
from keras_attention.serving.wire import protos, signatures, tensors
from keras_attention.serving.wire.errors import Code, ServingError

_METHODS = {
    "classify": "tensorflow/serving/classify",
    "regress": "tensorflow/serving/regress",
}


class GrpcRequest(NamedTuple):
    method: str
    body: bytes


class GrpcProtocol:
    """Makes an `Exchange` for each request; the results are plain values.

    Args:
        address: str. Where gRPC is served, for error messages.
    """

    def __init__(self, address):
        self.address = address

    def predict(self, model_spec, signature, inputs, outputs):
        request = protos.PredictRequest(output_filter=outputs or ())
        _fill_spec(request.model_spec, model_spec)
        large = []
        for name, array in inputs.items():
            if array.dtype != object and array.nbytes >= LARGE:
                large += input_chunks(name, array)
            else:
                tensors.fill(request.inputs[name], array, compact=True)
        body = b"".join([request.SerializeToString(), *large])
        return self._exchange(
            "PredictionService/Predict", body, protos.PredictResponse, _read_outputs
        )

    def classify(self, model_spec, examples, context):
        return self._exchange(
            "PredictionService/Classify",
            _inference(protos.ClassificationRequest(), model_spec, examples, context),
            protos.ClassificationResponse,
            lambda message: _read_classes(message.result),
        )

    def regress(self, model_spec, examples, context):
        return self._exchange(
            "PredictionService/Regress",
            _inference(protos.RegressionRequest(), model_spec, examples, context),
            protos.RegressionResponse,
            lambda message: _read_regressions(message.result),
        )

    def multi_inference(self, model_spec, tasks, examples, context):
        """Several signatures on the same examples.

        Args:
            tasks: list of `(signature_name, method)`, "classify" or "regress".
        """
        request = protos.MultiInferenceRequest()
        for signature_name, method in tasks:
            if method not in _METHODS:
                raise ValueError(
                    "tasks must be pairs of a signature's name and 'classify' or "
                    f"'regress'; received {method!r}"
                )
            task = request.tasks.add(method_name=_METHODS[method])
            _fill_spec(
                task.model_spec, model_spec._replace(signature_name=signature_name)
            )
        client_examples.fill_input(request.input, examples, context)
        return self._exchange(
            "PredictionService/MultiInference",
            request.SerializeToString(),
            protos.MultiInferenceResponse,
            lambda message: [_read_result(result) for result in message.results],
        )

    def metadata(self, model_spec):
        request = protos.GetModelMetadataRequest(metadata_field=["signature_def"])
        _fill_spec(request.model_spec, model_spec)
        return self._exchange(
            "PredictionService/GetModelMetadata",
            request.SerializeToString(),
            protos.GetModelMetadataResponse,
            _read_metadata,
        )

    def status(self, model_spec):
        request = protos.GetModelStatusRequest()
        _fill_spec(request.model_spec, model_spec)
        return self._exchange(
            "ModelService/GetModelStatus",
            request.SerializeToString(),
            protos.GetModelStatusResponse,
            _read_status,
        )

    def reload_config(self, models):
        """Other models to serve: dict of name to path or `ServedModelConfig`."""
        request = protos.ReloadConfigRequest()
        request.config.model_config_list.SetInParent()
        for name, value in models.items():
            _fill_config(request.config.model_config_list.config.add(name=name), value)
        return self._exchange(
            "ModelService/HandleReloadConfigRequest",
            request.SerializeToString(),
            protos.ReloadConfigResponse,
            _check_reloaded,
        )

    def _exchange(self, method, body, response_class, read):
        request = GrpcRequest(f"/tensorflow.serving.{method}", body)
        return Exchange("grpc", request, partial(self._read, response_class, read))

    def _read(self, response_class, read, content):
        try:
            return read(response_class.FromString(content))
        except (DecodeError, ValueError) as error:
            raise ServingError(
                Code.UNKNOWN,
                f"the response is not what the protocol says: {error}",
                f"{self.address}: does a model server listen there?",
            ) from error


def _inference(request, model_spec, examples, context):
    _fill_spec(request.model_spec, model_spec)
    client_examples.fill_input(request.input, examples, context)
    return request.SerializeToString()


def _fill_spec(proto, model_spec):
    proto.name = model_spec.name
    proto.signature_name = model_spec.signature_name
    if model_spec.version is not None:
        proto.version.value = model_spec.version
    elif model_spec.label:
        proto.version_label = model_spec.label


def _fill_config(proto, value):
    config = as_model_config(value)
    proto.base_path = os.fspath(value)
    proto.model_platform = "tensorflow"
    policy = proto.model_version_policy
    if config.policy.every:
        policy.all.SetInParent()
    elif config.policy.specific:
        policy.specific.versions.extend(config.policy.specific)
    else:
        policy.latest.num_versions = config.policy.latest
    for label, version in config.version_labels.items():
        proto.version_labels[label] = version


def _read_outputs(message):
    return {name: tensors.read(proto) for name, proto in message.outputs.items()}


def _read_classes(result):
    return results.read_classes(
        [(each.label, each.score) for each in classification.classes]
        for classification in result.classifications
    )


def _read_regressions(result):
    return results.read_regressions(each.value for each in result.regressions)


def _read_result(result):
    if result.WhichOneof("result") == "classification_result":
        return _read_classes(result.classification_result)
    return _read_regressions(result.regression_result)


def _read_metadata(message):
    packed = message.metadata["signature_def"].value
    definitions = protos.SignatureDefMap.FromString(packed).signature_def
    return message.model_spec.version.value, {
        name: _read_signature(definitions[name]) for name in sorted(definitions)
    }


def _read_signature(definition):
    signature = signatures.from_proto(definition)
    defaults = signature.defaults
    defaults = {name: tensors.read(defaults[name]) for name in defaults}
    return signature._replace(defaults=defaults)


def _read_status(message):
    return [
        signatures.VersionStatus(
            status.version,
            protos.ModelVersionStatus.State.Name(status.state),
            Code(status.status.error_code).name,
            status.status.error_message,
        )
        for status in message.model_version_status
    ]


def _check_reloaded(message):
    if message.status.error_code:
        raise ServingError(message.status.error_code, message.status.error_message)
