"""PredictionService and ModelService: messages in, messages out, no transport."""

from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2,
    predict_pb2,
    prediction_service_pb2,
    regression_pb2,
)

from keras_attention.serving.config import from_proto
from keras_attention.serving.core import ModelSpec
from keras_attention.serving.models.examples import read_input
from keras_attention.serving.responses import (
    METADATA_FIELD,
    fill_spec,
    metadata_response,
    status_response,
)
from keras_attention.serving.wire import tensors
from keras_attention.serving.wire.errors import Code, invalid_argument

PREDICTION = prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"]
MODEL = model_service_pb2.DESCRIPTOR.services_by_name["ModelService"]


class Services:
    """One method for each call: `(message, caller, request) -> message`.

    `caller` is a `Caller`, who waits for the response. `request` is the `Request`,
    whose `model_spec` is set.

    Args:
        core: `Core`.
        tensor_content: bool. Send tensors as one block of bytes.
    """

    def __init__(self, core, tensor_content=False):
        self.core = core
        self.tensor_content = tensor_content

    def methods(self):
        """Dict of full method name to `(api, message class, function)`."""
        functions: dict = {
            PREDICTION: {
                "Predict": (predict_pb2.PredictRequest, self.predict),
                "Classify": (classification_pb2.ClassificationRequest, self.classify),
                "Regress": (regression_pb2.RegressionRequest, self.regress),
                "MultiInference": (
                    inference_pb2.MultiInferenceRequest,
                    self.multi_inference,
                ),
                "GetModelMetadata": (
                    get_model_metadata_pb2.GetModelMetadataRequest,
                    self.metadata,
                ),
            },
            MODEL: {
                "GetModelStatus": (
                    get_model_status_pb2.GetModelStatusRequest,
                    self.status,
                ),
                "HandleReloadConfigRequest": (
                    model_management_pb2.ReloadConfigRequest,
                    self.reload,
                ),
            },
        }
        return {
            f"/{service.full_name}/{api}": (api, message_class, function)
            for service, calls in functions.items()
            for api, (message_class, function) in calls.items()
        }

    def predict(self, message, caller, request):
        request.model_spec = model_spec = read_model_spec(message)
        # An unknown model comes before bad tensors.
        with self.core.use(model_spec) as held:
            inputs = read_inputs(message)
            prediction = self.core.predict(held, inputs, message.output_filter, caller)
        request.model_spec = prediction.model_spec
        response = predict_pb2.PredictResponse()
        fill_spec(response.model_spec, prediction.model_spec)
        for alias, array in prediction.outputs.items():
            tensors.fill(response.outputs[alias], array, self.tensor_content)
        return response

    def classify(self, message, caller, request):
        response = classification_pb2.ClassificationResponse()
        return self._infer(self.core.classify, message, caller, request, response)

    def regress(self, message, caller, request):
        response = regression_pb2.RegressionResponse()
        return self._infer(self.core.regress, message, caller, request, response)

    def _infer(self, function, message, caller, request, response):
        request.model_spec = model_spec = read_model_spec(message)
        prediction = function(model_spec, read_input(message.input), caller)
        request.model_spec = prediction.model_spec
        fill_spec(response.model_spec, prediction.model_spec)
        response.result.CopyFrom(prediction.outputs)
        return response

    def multi_inference(self, message, caller, request):
        tasks = [
            (_model_spec(task.model_spec), task.method_name) for task in message.tasks
        ]
        if tasks:
            request.model_spec = tasks[0][0]
        examples = read_input(message.input)
        response = inference_pb2.MultiInferenceResponse()
        for model_spec, result in self.core.multi_inference(tasks, examples, caller):
            added = response.results.add()
            added.CopyFrom(result)
            fill_spec(added.model_spec, model_spec)
            request.model_spec = model_spec
        return response

    def metadata(self, message, caller=None, request=None):
        model_spec = read_model_spec(message)
        if not message.metadata_field:
            raise invalid_argument(
                "GetModelMetadataRequest must specify at least one metadata_field"
            )
        for field in message.metadata_field:
            if field != METADATA_FIELD:
                raise invalid_argument(f"Metadata field {field} is not supported")
        return metadata_response(self.core, model_spec)

    def status(self, message, caller=None, request=None):
        return status_response(self.core, read_model_spec(message))

    def reload(self, message, caller=None, request=None):
        if message.config.WhichOneof("config") != "model_config_list":
            raise invalid_argument(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        self.core.reload(from_proto(message.config), caller)
        response = model_management_pb2.ReloadConfigResponse()
        response.status.error_code = Code.OK
        return response


def read_model_spec(message):
    """Returns the `ModelSpec` of any message that has a `model_spec`."""
    if not message.HasField("model_spec"):
        raise invalid_argument("Missing ModelSpec")
    return _model_spec(message.model_spec)


def _model_spec(spec):
    version = spec.version.value if spec.HasField("version") else None
    return ModelSpec(spec.name, version, spec.version_label, spec.signature_name)


def read_inputs(message):
    inputs = {}
    for alias, proto in message.inputs.items():
        try:
            inputs[alias] = tensors.read(proto)
        except (ValueError, OverflowError, MemoryError):
            raise invalid_argument(f"tensor parsing error: {alias}") from None
    return inputs
