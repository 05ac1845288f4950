"""The messages are TensorFlow's, byte for byte, and compiled from their files."""

import importlib
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import any_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import config_pb2, named_tensor_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

from keras_attention.serving.wire import protos, tensors

ROOT = Path(__file__).resolve().parents[3]
DESCRIPTORS = Path(protos.__file__).with_name("messages.binpb")
FILES = {
    file.name: file
    for file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file
}
# Of these the wheels have no classes for Python.
WITHOUT_CLASSES = {
    "tensorflow_serving/config/monitoring_config.proto",
    "tensorflow_serving/config/ssl_config.proto",
    "tensorflow_serving/servables/tensorflow/saved_model_bundle_source_adapter.proto",
    "tensorflow_serving/servables/tensorflow/session_bundle_config.proto",
    "tsl/profiler/protobuf/profiler_service.proto",
}


def test_the_descriptors_are_what_the_files_say():
    compiled = runpy.run_path(str(ROOT / "tools/write_protos.py"))["compiled"]()
    expected = {file.name: file for file in compiled.file}
    assert FILES == expected, "run `make protos`, and commit messages.binpb"
    assert list(FILES) == list(expected)


def generated(name):
    """The module that TensorFlow has of a file."""
    prefix = {"tsl": "tensorflow.", "xla": "tensorflow.compiler."}
    module = name.removesuffix(".proto").replace("/", ".")
    return importlib.import_module(f"{prefix.get(name[:3], '')}{module}_pb2")


def declarations(file):
    """Dict of the full name of each message, field and number to what is said of it."""
    found = {}

    def add(scope, path, messages):
        for message in messages:
            name = f"{path}.{message.name}"
            found[name] = message.options.map_entry
            for field in message.field:
                oneof = None
                if field.HasField("oneof_index"):
                    oneof = message.oneof_decl[field.oneof_index].name
                kind = (field.type, field.type_name, field.label, oneof)
                found[f"{name}.{field.name}"] = (field.number, *kind)
            add(message, name, message.nested_type)
        for enum in scope.enum_type:
            for value in enum.value:
                found[f"{path}.{enum.name}.{value.name}"] = value.number

    add(file, file.package, file.message_type)
    return found


@pytest.mark.parametrize("name", sorted(FILES.keys() - WITHOUT_CLASSES))
def test_everything_is_declared_as_in_tensorflow(name):
    real = FileDescriptorProto.FromString(generated(name).DESCRIPTOR.serialized_pb)
    assert real.name == name
    ours, theirs = declarations(FILES[name]), declarations(real)
    assert ours
    assert {key: theirs.get(key) for key in ours} == ours


@pytest.mark.parametrize("name", sorted(WITHOUT_CLASSES))
def test_of_the_others_there_is_nothing_to_compare_with(name):
    assert name in FILES
    with pytest.raises(ImportError):
        generated(name)


def test_the_profiler_s_numbers_are_those_of_tensorflow_s_header():
    path = "tensorflow/tsl/profiler/protobuf/profiler_service.pb.h"
    header = Path(tf.sysconfig.get_include(), path).read_text(encoding="utf-8")
    classes = re.split(r"\nclass (?:PROTOBUF_EXPORT )?(\w+) final", header)
    numbers = {
        name: dict(re.findall(r"k(\w+)FieldNumber = (\d+)", text))
        for name, text in zip(classes[1::2], classes[2::2], strict=True)
    }
    for message in FILES["tsl/profiler/protobuf/profiler_service.proto"].message_type:
        for field in message.field:
            name = field.name.title().replace("_", "")
            assert numbers[message.name][name] == str(field.number), field.name


def test_a_pool_may_have_tensorflow_s_own_files_instead():
    """ConfigProto is empty here; who reads a session's options needs all of it."""
    pool = protos.make_pool(config_pb2, named_tensor_pb2)
    bundle = pool.FindMessageTypeByName("tensorflow.serving.SessionBundleConfig")
    ours = bundle.fields_by_name["session_config"].message_type
    assert list(ours.fields_by_name) == list(
        config_pb2.ConfigProto.DESCRIPTOR.fields_by_name
    )


def test_generated_classes_may_be_loaded_before_and_after():
    """Before: above. After: nothing of ours is where they will be."""
    script = """
from google.protobuf import descriptor_pool
from keras_attention.serving.wire import protos
try:
    descriptor_pool.Default().FindMessageTypeByName("tensorflow.TensorProto")
except KeyError:
    print(protos.TensorProto.DESCRIPTOR.full_name, "is apart")
"""
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stdout == "tensorflow.TensorProto is apart\n", result.stderr


def test_arrays_know_the_types_and_fields_by_the_same_names():
    kinds = protos.POOL.FindEnumTypeByName("tensorflow.DataType").values
    assert tensors.ENUM == {kind.name: kind.number for kind in kinds if kind.number}
    fields = protos.TensorProto.DESCRIPTOR.fields_by_name
    assert tensors.FIELDS == sorted(name for name in fields if name.endswith("_val"))


def fill(request):
    request.model_spec.name = "translator"
    request.model_spec.version.value = 7
    request.model_spec.signature_name = "attend"
    request.output_filter.append("text")
    texts = tensors.as_array(["Guten Morgen", "ä"])
    tensors.fill(request.inputs["text"], texts)
    tensors.fill(request.inputs["x"], np.array([[1.5, np.nan]], np.float32))


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        (protos.PredictRequest, predict_pb2.PredictRequest),
        (predict_pb2.PredictRequest, protos.PredictRequest),
    ],
)
def test_a_request_survives_the_change_of_class(writer, reader):
    written = writer()
    fill(written)
    content = written.SerializeToString(deterministic=True)
    read = reader.FromString(content)
    assert read.SerializeToString(deterministic=True) == content
    assert read.model_spec.version.value == 7
    assert read.model_spec.WhichOneof("version_choice") == "version"
    np.testing.assert_array_equal(tensors.read(read.inputs["x"]), [[1.5, np.nan]])


def test_packed_metadata_survives_the_change_of_class():
    real = get_model_metadata_pb2.GetModelMetadataResponse()
    content = get_model_metadata_pb2.SignatureDefMap()
    info = content.signature_def["serving_default"].inputs["x"]
    info.name, info.dtype = "x:0", types_pb2.DT_FLOAT
    info.tensor_shape.dim.add(size=-1)
    real.metadata["signature_def"].Pack(content)

    own = protos.GetModelMetadataResponse.FromString(real.SerializeToString())
    packed = own.metadata["signature_def"]
    assert packed.type_url.endswith("tensorflow.serving.SignatureDefMap")
    assert any_pb2.Any.FromString(packed.SerializeToString()).Is(content.DESCRIPTOR)
    read = protos.SignatureDefMap.FromString(packed.value)
    info = read.signature_def["serving_default"].inputs["x"]
    assert (info.name, info.dtype, info.tensor_shape.dim[0].size) == ("x:0", 1, -1)
