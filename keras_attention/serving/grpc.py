"""gRPC: the services of TensorFlow Serving, translated for the core."""

import logging
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2,
    prediction_service_pb2_grpc,
)

from keras_attention.serving import tensors
from keras_attention.serving.core import METADATA_FIELD, Target
from keras_attention.serving.errors import Code, ServingError, invalid_argument

logger = logging.getLogger(__name__)

_CODES = {code.value[0]: code for code in grpc.StatusCode}
PREDICTION = prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]
MODEL = model_service_pb2.DESCRIPTOR.services_by_name["ModelService"]


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; the others say that they are not there."""

    def __init__(self, core):
        self.core = core

    def Predict(self, request, context):
        with _Reporting(context):
            target = read_target(request)
            answer = self.core.predict(
                target, lambda _: read_inputs(request), list(request.output_filter)
            )
            response = predict_pb2.PredictResponse()
            fill_spec(response.model_spec, answer.target)
            for alias, array in answer.outputs.items():
                tensors.fill(response.outputs[alias], array)
            return response

    def GetModelMetadata(self, request, context):
        with _Reporting(context):
            return metadata_response(self.core, request)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus."""

    def __init__(self, core):
        self.core = core

    def GetModelStatus(self, request, context):
        with _Reporting(context):
            return status_response(self.core, read_target(request))


class _Reporting:
    """Turns what is raised into the status of a call."""

    def __init__(self, context):
        self.context = context

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if isinstance(error, ServingError):
            self.context.abort(_CODES[error.code], error.message)
        if isinstance(error, Exception):
            logger.exception("a request failed unexpectedly", exc_info=error)
            self.context.abort(grpc.StatusCode.INTERNAL, f"{kind.__name__}: {error}")


def read_target(request):
    """Returns the `Target` of any request that has a `model_spec`."""
    if not request.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    spec = request.model_spec
    version = spec.version.value if spec.HasField("version") else None
    return Target(spec.name, version, spec.version_label, spec.signature_name)


def fill_spec(spec, target):
    spec.name = target.name
    spec.version.value = target.version
    spec.signature_name = target.signature_name


def read_inputs(request):
    inputs = {}
    for alias, proto in request.inputs.items():
        try:
            inputs[alias] = tensors.read(proto)
        except (ValueError, OverflowError, MemoryError):
            raise invalid_argument(f"tensor parsing error: {alias}") from None
    return inputs


def metadata_response(core, request):
    """Answers a GetModelMetadataRequest, for gRPC and for REST."""
    target = read_target(request)
    if not request.metadata_field:
        raise invalid_argument(
            "GetModelMetadataRequest must specify at least one metadata_field"
        )
    for metadata_field in request.metadata_field:
        if metadata_field != METADATA_FIELD:
            raise invalid_argument(f"Metadata field {metadata_field} is not supported")
    target, signature_defs = core.signatures(target)
    content = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in signature_defs.items():
        content.signature_def[name].CopyFrom(definition)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    fill_spec(response.model_spec, target)
    response.metadata[METADATA_FIELD].Pack(content)
    return response


def status_response(core, target):
    """Answers a GetModelStatusRequest, for gRPC and for REST."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, state, error in core.status(target):
        status = response.model_version_status.add(version=number, state=int(state))
        status.status.error_code = error.code if error else Code.OK
        status.status.error_message = error.message if error else ""
    return response


class GrpcServer:
    """Serves a core over gRPC, from threads of its own.

    Args:
        core: `Core`.
        host: str. The address to listen at.
        port: int; 0 picks a free one.
        max_workers: int. Requests answered at the same time.
    """

    def __init__(self, core, host, port, max_workers=16):
        self._server = grpc.server(
            futures.ThreadPoolExecutor(max_workers, thread_name_prefix="grpc"),
            options=[
                ("grpc.max_receive_message_length", -1),  # as TensorFlow Serving
                ("grpc.max_send_message_length", -1),
                ("grpc.so_reuseport", 0),  # a second server must not share the port
            ],
        )
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            PredictionService(core), self._server
        )
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(
            ModelService(core), self._server
        )
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [PREDICTION.full_name, MODEL.full_name, health.SERVICE_NAME]
        for name in names[:2]:
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        reflection.enable_server_reflection(
            [*names, reflection.SERVICE_NAME], self._server
        )
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(
                f"cannot listen for gRPC at {address}: {error}; is the port taken? "
                "Choose another, or 0 for any free one"
            ) from error
        self._server.start()

    def stop(self, grace=10.0):
        """Refuses new requests and waits up to `grace` seconds for those under way."""
        self._health.enter_graceful_shutdown()
        self._server.stop(grace).wait()
