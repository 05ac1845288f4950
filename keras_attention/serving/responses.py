"""Answers that gRPC sends as they are, and REST as JSON."""

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from keras_attention.serving.wire.errors import Code

METADATA_FIELD = "signature_def"


def metadata_response(core, target):
    """A GetModelMetadataResponse about the version that a `Target` speaks of."""
    target, signature_defs = core.signatures(target)
    content = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in signature_defs.items():
        content.signature_def[name].CopyFrom(definition)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    fill_spec(response.model_spec, target)
    response.metadata[METADATA_FIELD].Pack(content)
    return response


def status_response(core, target):
    """A GetModelStatusResponse about the versions that a `Target` speaks of."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, state, error in core.status(target):
        status = response.model_version_status.add(version=number, state=int(state))
        status.status.error_code = error.code if error else Code.OK
        status.status.error_message = error.message if error else ""
    return response


def fill_spec(spec, target):
    """Writes which version and signature answered into a ModelSpec."""
    spec.name = target.name
    spec.version.value = target.version
    spec.signature_name = target.signature_name
