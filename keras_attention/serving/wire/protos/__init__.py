"""TensorFlow Serving's messages without TensorFlow.

The generated classes import all of TensorFlow, which takes seconds and a gigabyte that
a client has no use for; of some messages, its wheels have none. The `.proto` files
beside this one declare the same messages as far as they are used: names, numbers and
types agree, so the bytes do, and other fields survive as unknown ones. `make protos`
compiles them into `messages.binpb`.

They live in descriptor pools of their own, where they cannot clash with the generated
ones should both be loaded.
"""

from pathlib import Path

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    wrappers_pb2,
)

_SET = Path(__file__).with_name("messages.binpb")


def make_pool(*generated):
    """Makes a descriptor pool of these messages.

    Args:
        *generated: modules of generated messages. Their files, and all that these
            import, take the place of the files of the same names here.

    Returns:
        `DescriptorPool`.
    """
    files: dict[str, bytes] = {}
    for module in (any_pb2, wrappers_pb2, *generated):
        _collect(module.DESCRIPTOR, files)
    for file in descriptor_pb2.FileDescriptorSet.FromString(_SET.read_bytes()).file:
        files.setdefault(file.name, file.SerializeToString())
    pool = descriptor_pool.DescriptorPool()
    for content in files.values():
        pool.AddSerializedFile(content)
    return pool


def _collect(descriptor, files):
    """Adds a file to `files`, after all that it imports."""
    for dependency in descriptor.dependencies:
        _collect(dependency, files)
    files.setdefault(descriptor.name, descriptor.serialized_pb)


def message_class(name, pool):
    """The class of the message of this full name."""
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


POOL = make_pool()


def _tensorflow(name):
    return message_class(f"tensorflow.{name}", POOL)


def _serving(name):
    return message_class(f"tensorflow.serving.{name}", POOL)


BatchingParameters = _serving("BatchingParameters")
ClassificationRequest = _serving("ClassificationRequest")
ClassificationResponse = _serving("ClassificationResponse")
GetModelMetadataRequest = _serving("GetModelMetadataRequest")
GetModelMetadataResponse = _serving("GetModelMetadataResponse")
GetModelStatusRequest = _serving("GetModelStatusRequest")
GetModelStatusResponse = _serving("GetModelStatusResponse")
Input = _serving("Input")
ModelVersionStatus = _serving("ModelVersionStatus")
MonitoringConfig = _serving("MonitoringConfig")
MultiInferenceRequest = _serving("MultiInferenceRequest")
MultiInferenceResponse = _serving("MultiInferenceResponse")
PredictRequest = _serving("PredictRequest")
PredictResponse = _serving("PredictResponse")
ProfileRequest = _tensorflow("ProfileRequest")
ProfileResponse = _tensorflow("ProfileResponse")
RegressionRequest = _serving("RegressionRequest")
RegressionResponse = _serving("RegressionResponse")
ReloadConfigRequest = _serving("ReloadConfigRequest")
ReloadConfigResponse = _serving("ReloadConfigResponse")
SignatureDefMap = _serving("SignatureDefMap")
SSLConfig = _serving("SSLConfig")
TensorProto = _tensorflow("TensorProto")
TerminateRequest = _tensorflow("TerminateRequest")
TerminateResponse = _tensorflow("TerminateResponse")
