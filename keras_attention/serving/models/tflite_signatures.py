"""What a TensorFlow Lite file promises: its signatures, wherever it keeps them."""

import struct
from collections import Counter
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from flatbuffers import flexbuffers
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.lite.python import schema_py_generated as schema

from keras_attention.serving.wire.signatures import DEFAULT_SIGNATURE

PREDICT = "tensorflow/serving/predict"
_METADATA = "signature_defs_metadata"


class TensorPlace(NamedTuple):
    """Where an interpreter finds a tensor of a SignatureDef."""

    signature: str | None  # whose runner knows it; None for the file's own tensors
    alias: str  # what it is called there
    public: str  # what requests call it
    shape: list[int]  # -1 where any size will do
    stored: list[int]  # of the tensor in the file
    fixed: bool  # whether sizes other than -1 must be these


def read_signatures(content, interpreter):
    """Reads the signatures of a file.

    SignatureDefs that were put into the file's metadata count first, as TensorFlow
    Serving knows them. Then come those that the converter writes, by the names that the
    model gave to its inputs. A file with neither is served under the default name, with
    the names of its tensors.

    Args:
        content: bytes of the file.
        interpreter: `tf.lite.Interpreter` of it.

    Returns:
        `(definitions, parts)`: SignatureDefs by name, and `TensorPlace`s by the names
        of the tensors in them.

    Raises:
        ValueError: if a SignatureDef cannot be read or speaks of other tensors.
    """
    described = _metadata(content)
    if described:
        return _from_metadata(described, interpreter)
    parts: dict[str, TensorPlace] = {}
    return _definitions(_runners(interpreter), parts), parts


def _metadata(content):
    """SignatureDefs in the file's metadata, by name."""
    model = schema.Model.GetRootAsModel(content, 0)
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() != _METADATA.encode():
            continue
        try:
            buffer = bytearray(model.Buffers(entry.Buffer()).DataAsNumpy())
            written = flexbuffers.GetRoot(buffer).AsMap
            return {
                key.AsKey: meta_graph_pb2.SignatureDef.FromString(
                    bytes(value.AsStringBytes)
                )
                for key, value in zip(written.Keys, written.Values, strict=True)
            }
        except (DecodeError, IndexError, TypeError, ValueError, struct.error):
            raise ValueError(
                "Cannot parse signature def found in flatbuffer."
            ) from None
    return {}


def _from_metadata(definitions, interpreter):
    parts = {}
    sides = interpreter.get_input_details(), interpreter.get_output_details()
    fixed = _says_what_is_free(sides[0])
    for definition in definitions.values():
        for kind, infos, side in zip(
            ("input", "output"),
            (definition.inputs, definition.outputs),
            sides,
            strict=True,
        ):
            known = {details["name"]: details for details in side}
            for alias, info in infos.items():
                if info.name not in known:
                    info.name = _without_index(info.name)  # as old converters wrote it
                if info.name not in known:
                    raise ValueError(
                        f"Signature {kind} {alias} references an unknown tensor: "
                        f"{info.name}"
                    )
                details = known[info.name]
                parts[info.name] = _part(None, info.name, alias, details, fixed)
    return definitions, parts


def _runners(interpreter):
    """Details of inputs and outputs by alias, for each signature; None has no name."""
    found: dict = {}
    for name in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(name)
        found[name] = runner.get_input_details(), runner.get_output_details()
    if not found:
        details = interpreter.get_input_details(), interpreter.get_output_details()
        found[None] = tuple({d["name"]: d for d in side} for side in details)
    return found


def _definitions(signatures, parts):
    """SignatureDefs by name; fills `parts`."""
    counts = Counter(
        details["name"]
        for sides in signatures.values()
        for side in sides
        for details in side.values()
    )
    definitions = {}
    for signature, sides in signatures.items():
        definition = meta_graph_pb2.SignatureDef(method_name=PREDICT)
        fixed = _says_what_is_free(sides[0].values())
        for infos, side in zip(
            (definition.inputs, definition.outputs), sides, strict=True
        ):
            short = Counter(_without_index(alias) for alias in side)
            for alias, details in side.items():
                tensor = details["name"]
                if counts[tensor] > 1:  # as in another signature, or in and out
                    tensor = f"{signature}/{alias}/{len(parts)}"
                public = alias
                if signature is None and short[_without_index(alias)] == 1:
                    public = _without_index(alias)
                parts[tensor] = _part(signature, alias, public, details, fixed)
                _fill(infos[public], tensor, details, parts[tensor].shape)
        definitions[signature or DEFAULT_SIGNATURE] = definition
    return definitions


def _without_index(name):
    return name.split(":", 1)[0]


def _fill(info, tensor, details, shape):
    info.name = tensor
    dtype = (
        tf.string if details["dtype"] in (np.bytes_, np.object_) else details["dtype"]
    )
    info.dtype = tf.as_dtype(dtype).as_datatype_enum
    info.tensor_shape.SetInParent()
    for size in shape:
        info.tensor_shape.dim.add(size=size)


def _part(signature, alias, public, details, fixed):
    """Where the file leaves no size open, batches may have any all the same."""
    stored = [int(size) for size in details["shape"]]
    shape = _shape(details) if fixed else [-1, *stored[1:]][: len(stored)]
    return TensorPlace(signature, alias, public, shape, stored, fixed)


def _says_what_is_free(inputs):
    return any(-1 in _shape(details) for details in inputs)


def _shape(details):
    shape = details.get("shape_signature", details["shape"])
    return [int(size) for size in (shape if len(shape) else details["shape"])]
