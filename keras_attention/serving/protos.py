"""The protocol's messages without TensorFlow.

The generated classes import all of TensorFlow, which takes seconds and a gigabyte that
a client has no use for. These are the same messages (names, numbers and types agree,
so the bytes do) in a descriptor pool of their own, where they cannot clash with the
generated ones should both be loaded. Only what `client` sends and reads is listed;
fields that are missing here survive as unknown fields.
"""

import re

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    wrappers_pb2,
)

_DEFINITIONS = """
package tensorflow

enum DataType
  DT_INVALID = 0
  DT_FLOAT = 1
  DT_DOUBLE = 2
  DT_INT32 = 3
  DT_UINT8 = 4
  DT_INT16 = 5
  DT_INT8 = 6
  DT_STRING = 7
  DT_COMPLEX64 = 8
  DT_INT64 = 9
  DT_BOOL = 10
  DT_BFLOAT16 = 14
  DT_UINT16 = 17
  DT_COMPLEX128 = 18
  DT_HALF = 19
  DT_UINT32 = 22
  DT_UINT64 = 23

message TensorShapeProto.Dim
  int64 size = 1
  string name = 2

message TensorShapeProto
  repeated tensorflow.TensorShapeProto.Dim dim = 2
  bool unknown_rank = 3

message TensorProto
  tensorflow.DataType dtype = 1
  tensorflow.TensorShapeProto tensor_shape = 2
  int32 version_number = 3
  bytes tensor_content = 4
  repeated int32 half_val = 13
  repeated float float_val = 5
  repeated double double_val = 6
  repeated int32 int_val = 7
  repeated bytes string_val = 8
  repeated float scomplex_val = 9
  repeated int64 int64_val = 10
  repeated bool bool_val = 11
  repeated double dcomplex_val = 12
  repeated uint32 uint32_val = 16
  repeated uint64 uint64_val = 17

message TensorInfo.CooSparse
  string values_tensor_name = 1
  string indices_tensor_name = 2
  string dense_shape_tensor_name = 3

message TensorInfo
  oneof encoding string name = 1
  oneof encoding tensorflow.TensorInfo.CooSparse coo_sparse = 4
  tensorflow.DataType dtype = 2
  tensorflow.TensorShapeProto tensor_shape = 3

message SignatureDef
  map tensorflow.TensorInfo inputs = 1
  map tensorflow.TensorInfo outputs = 2
  string method_name = 3
  map tensorflow.TensorProto defaults = 4

package tensorflow.error

enum Code
  OK = 0
  CANCELLED = 1
  UNKNOWN = 2
  INVALID_ARGUMENT = 3
  DEADLINE_EXCEEDED = 4
  NOT_FOUND = 5
  ALREADY_EXISTS = 6
  PERMISSION_DENIED = 7
  RESOURCE_EXHAUSTED = 8
  FAILED_PRECONDITION = 9
  ABORTED = 10
  OUT_OF_RANGE = 11
  UNIMPLEMENTED = 12
  INTERNAL = 13
  UNAVAILABLE = 14
  DATA_LOSS = 15
  UNAUTHENTICATED = 16

package tensorflow.serving

message ModelSpec
  string name = 1
  oneof version_choice google.protobuf.Int64Value version = 2
  oneof version_choice string version_label = 4
  string signature_name = 3

message PredictRequest
  tensorflow.serving.ModelSpec model_spec = 1
  map tensorflow.TensorProto inputs = 2
  repeated string output_filter = 3

message PredictResponse
  tensorflow.serving.ModelSpec model_spec = 2
  map tensorflow.TensorProto outputs = 1

message SignatureDefMap
  map tensorflow.SignatureDef signature_def = 1

message GetModelMetadataRequest
  tensorflow.serving.ModelSpec model_spec = 1
  repeated string metadata_field = 2

message GetModelMetadataResponse
  tensorflow.serving.ModelSpec model_spec = 1
  map google.protobuf.Any metadata = 2

message GetModelStatusRequest
  tensorflow.serving.ModelSpec model_spec = 1

message StatusProto
  tensorflow.error.Code error_code = 1
  string error_message = 2

enum ModelVersionStatus.State
  UNKNOWN = 0
  START = 10
  LOADING = 20
  AVAILABLE = 30
  UNLOADING = 40
  END = 50

message ModelVersionStatus
  int64 version = 1
  tensorflow.serving.ModelVersionStatus.State state = 2
  tensorflow.serving.StatusProto status = 3

message GetModelStatusResponse
  repeated tensorflow.serving.ModelVersionStatus model_version_status = 1
"""

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    name: getattr(_Field, f"TYPE_{name.upper()}")
    for name in "bool bytes double float int32 int64 string uint32 uint64".split()
}
_FIELD = re.compile(r"(?:(repeated|map|oneof (\w+)) )?([\w.]+) (\w+) = (\d+)")


def _build():
    """Turns the definitions into a pool, one file for each package."""
    pool = descriptor_pool.DescriptorPool()
    for known in (any_pb2, wrappers_pb2):
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)

    enums = re.findall(r"^(package|enum) ([\w.]+)", _DEFINITIONS, re.MULTILINE)
    enum_names, package = set(), ""
    for kind, name in enums:
        package = name if kind == "package" else package
        enum_names.add(f".{package}.{name}")

    files: list[descriptor_pb2.FileDescriptorProto] = []
    names: list[str] = []
    for line in filter(None, _DEFINITIONS.splitlines()):
        keyword, name, *_ = line.split()
        if keyword == "package":
            file = descriptor_pb2.FileDescriptorProto(
                name=f"{name}.proto", package=name, syntax="proto3"
            )
            file.dependency.extend(["google/protobuf/any.proto"])
            file.dependency.extend(["google/protobuf/wrappers.proto"])
            file.dependency.extend(earlier.name for earlier in files)
            files.append(file)
        elif not line.startswith(" "):
            owner = _declare(file, keyword, name)
            if keyword == "message":
                names.append(f"{file.package}.{name}")
        elif isinstance(owner, descriptor_pb2.EnumDescriptorProto):
            owner.value.add(name=keyword, number=int(line.split("=")[1]))
        else:
            _add_field(owner, f".{names[-1]}", line.strip(), enum_names)
    for file in files:
        pool.Add(file)
    return {
        name.rsplit(".", 1)[-1]: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(name)
        )
        for name in names
    }


def _declare(scope, keyword, path):
    """Adds the message or enum `path`, inside its parents if it has dots."""
    *parents, name = path.split(".")
    for parent in parents:
        nested = scope.message_type if hasattr(scope, "package") else scope.nested_type
        scope = next((m for m in nested if m.name == parent), None) or nested.add(
            name=parent
        )
    if keyword == "enum":
        return scope.enum_type.add(name=name)
    nested = scope.message_type if hasattr(scope, "package") else scope.nested_type
    existing = next((m for m in nested if m.name == name), None)
    return existing or nested.add(name=name)


def _add_field(message, full_name, line, enum_names):
    ((label, oneof, type_name, name, number),) = _FIELD.findall(line)
    field = message.field.add(name=name, number=int(number))
    field.label = _Field.LABEL_OPTIONAL
    if label in ("repeated", "map"):
        field.label = _Field.LABEL_REPEATED
    if label == "map":  # on the wire, a list of small messages of key and value
        entry_name = f"{name.title().replace('_', '')}Entry"
        entry = message.nested_type.add(name=entry_name)
        entry.options.map_entry = True
        _add_field(entry, "", "string key = 1", enum_names)
        _add_field(entry, "", f"{type_name} value = 2", enum_names)
        type_name = f"{full_name[1:]}.{entry_name}"
    if oneof:
        if oneof not in [declared.name for declared in message.oneof_decl]:
            message.oneof_decl.add(name=oneof)
        field.oneof_index = len(message.oneof_decl) - 1
    if type_name in _SCALARS:
        field.type = _SCALARS[type_name]
    else:
        field.type_name = f".{type_name}"
        is_enum = field.type_name in enum_names
        field.type = _Field.TYPE_ENUM if is_enum else _Field.TYPE_MESSAGE


MESSAGES = _build()

GetModelMetadataRequest = MESSAGES["GetModelMetadataRequest"]
GetModelMetadataResponse = MESSAGES["GetModelMetadataResponse"]
GetModelStatusRequest = MESSAGES["GetModelStatusRequest"]
GetModelStatusResponse = MESSAGES["GetModelStatusResponse"]
ModelVersionStatus = MESSAGES["ModelVersionStatus"]
PredictRequest = MESSAGES["PredictRequest"]
PredictResponse = MESSAGES["PredictResponse"]
SignatureDefMap = MESSAGES["SignatureDefMap"]
TensorProto = MESSAGES["TensorProto"]
