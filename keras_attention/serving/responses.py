"""Responses that gRPC sends as they are, and REST as JSON."""

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from keras_attention.serving.wire.errors import Code

METADATA_FIELD = "signature_def"


def metadata_response(core, model_spec):
    """A GetModelMetadataResponse about the version that a `ModelSpec` names."""
    model_spec, signature_defs = core.signatures(model_spec)
    content = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in signature_defs.items():
        content.signature_def[name].CopyFrom(definition)
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    fill_spec(response.model_spec, model_spec)
    response.metadata[METADATA_FIELD].Pack(content)
    return response


def status_response(core, model_spec):
    """A GetModelStatusResponse about the versions that a `ModelSpec` names."""
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, state, error in core.status(model_spec):
        status = response.model_version_status.add(version=number, state=int(state))
        status.status.error_code = error.code if error else Code.OK
        status.status.error_message = error.message if error else ""
    return response


def fill_spec(proto, model_spec):
    """Writes which version and signature ran into a ModelSpec message."""
    proto.name = model_spec.name
    proto.version.value = model_spec.version
    proto.signature_name = model_spec.signature_name
