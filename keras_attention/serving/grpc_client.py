"""The client's gRPC side."""

import grpc

from keras_attention.serving import protos, signatures, tensors
from keras_attention.serving.errors import Code, ServingError

_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
]
_HINTS = {
    Code.UNAVAILABLE: "is the server running, and is this its gRPC port?",
    Code.DEADLINE_EXCEEDED: "a longer timeout may help",
    Code.UNIMPLEMENTED: "does a model server listen there?",
}


class GrpcTransport:
    """Calls PredictionService and ModelService.

    Args:
        target: str, host and port.
        timeout: float, seconds for one call.
    """

    def __init__(self, target, timeout):
        self.target = target
        self.timeout = timeout
        # Connects at the first call.
        self._channel = grpc.insecure_channel(target, options=_OPTIONS)

    def predict(self, model, version, signature_name, signature, inputs, outputs):
        request = protos.PredictRequest()
        _fill_spec(request.model_spec, model, version)
        request.model_spec.signature_name = signature_name
        request.output_filter.extend(outputs or ())
        for name, array in inputs.items():
            tensors.fill(request.inputs[name], array, compact=True)
        response = self._call(
            "PredictionService/Predict", request, protos.PredictResponse
        )
        return {n: tensors.read(proto) for n, proto in response.outputs.items()}

    def metadata(self, model, version):
        request = protos.GetModelMetadataRequest(metadata_field=["signature_def"])
        _fill_spec(request.model_spec, model, version)
        response = self._call(
            "PredictionService/GetModelMetadata",
            request,
            protos.GetModelMetadataResponse,
        )
        packed = response.metadata["signature_def"].value
        definitions = protos.SignatureDefMap.FromString(packed).signature_def
        return response.model_spec.version.value, {
            name: signatures.from_proto(definitions[name]) for name in definitions
        }

    def status(self, model, version):
        request = protos.GetModelStatusRequest()
        _fill_spec(request.model_spec, model, version)
        response = self._call(
            "ModelService/GetModelStatus", request, protos.GetModelStatusResponse
        )
        return [
            signatures.VersionStatus(
                status.version,
                protos.ModelVersionStatus.State.Name(status.state),
                Code(status.status.error_code).name,
                status.status.error_message,
            )
            for status in response.model_version_status
        ]

    def close(self):
        self._channel.close()

    def _call(self, method, request, response_class):
        call = self._channel.unary_unary(
            f"/tensorflow.serving.{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response_class.FromString,
        )
        try:
            return call(request, timeout=self.timeout)
        except grpc.RpcError as error:
            code = Code(error.code().value[0])
            hint = _HINTS.get(code, "")
            hint = f"{self.target}: {hint}" if hint else ""
            raise ServingError(code, error.details() or "", hint) from error


def _fill_spec(spec, model, version):
    spec.name = model
    if version is not None:
        spec.version.value = version
