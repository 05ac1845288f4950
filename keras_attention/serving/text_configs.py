"""The configuration files of TensorFlow Serving, in protobuf's text format.

Its wheel for Python lacks three of the definitions. They are written down here, in a
descriptor pool of their own; text knows fields by name, so numbers are only counted.
"""

import functools
from pathlib import Path
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from keras_attention.serving.options import BatchingParameters, SslConfig

DEFAULT_MONITORING_PATH = "/monitoring/prometheus/metrics"

_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "bool": _Field.TYPE_BOOL,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "string": _Field.TYPE_STRING,
    "uint64": _Field.TYPE_UINT64,
}
# The wrappers of google.protobuf tell 0 from unset.
DEFINITIONS = {
    "BatchingParameters": {
        "max_batch_size": "google.protobuf.Int64Value",
        "batch_timeout_micros": "google.protobuf.Int64Value",
        "max_enqueued_batches": "google.protobuf.Int64Value",
        "num_batch_threads": "google.protobuf.Int64Value",
        "thread_pool_name": "google.protobuf.StringValue",
        "allowed_batch_sizes": "repeated int64",
        "pad_variable_length_inputs": "bool",
        "enable_large_batch_splitting": "google.protobuf.BoolValue",
        "max_execution_batch_size": "google.protobuf.Int64Value",
    },
    "PrometheusConfig": {"enable": "bool", "path": "string"},
    "MonitoringConfig": {"prometheus_config": "tensorflow.serving.PrometheusConfig"},
    "SSLConfig": {
        "server_key": "string",
        "server_cert": "string",
        "custom_ca": "string",
        "client_verify": "bool",
    },
}


def read_batching_parameters(path):
    """Reads a batching_parameters_file, or a version's `batching_params.pbtxt`.

    Returns:
        `BatchingParameters`, with their defaults where the file is silent.

    Raises:
        ValueError: if it is malformed, with file, line and column, or contradicts
            itself.
    """
    message = read_text_proto(path, _messages()["BatchingParameters"]())
    return batching_parameters(message, path)


def batching_parameters(message, path):
    """`BatchingParameters` of a message of that name, which came from `path`."""
    values: dict[str, Any] = {}
    for name, type_name in DEFINITIONS["BatchingParameters"].items():
        if type_name.startswith("repeated "):
            values[name] = tuple(getattr(message, name))
        elif type_name in _TYPES:
            values[name] = getattr(message, name)
        elif message.HasField(name):
            values[name] = getattr(message, name).value
    parameters = BatchingParameters(**values)
    try:
        parameters.check()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return parameters


def read_monitoring_config(path):
    """Reads a monitoring_config_file.

    Returns:
        str. The path at which REST shows Prometheus its metrics; empty for nowhere.
    """
    prometheus = read_text_proto(path, _messages()["MonitoringConfig"]())
    prometheus = prometheus.prometheus_config
    if not prometheus.enable:
        return ""
    if prometheus.path and not prometheus.path.startswith("/"):
        raise ValueError(
            f"{path}: expected the path of prometheus_config to begin with a slash, "
            f"received {prometheus.path!r}"
        )
    return prometheus.path or DEFAULT_MONITORING_PATH


def read_ssl_config(path):
    """Reads an ssl_config_file; returns `SslConfig`."""
    message = read_text_proto(path, _messages()["SSLConfig"]())
    for name in ("server_key", "server_cert"):
        if not getattr(message, name):
            raise ValueError(
                f'{path}: expected {name}: "-----BEGIN ...", the text of a PEM file '
                f"with \\n for its line ends; it is missing"
            )
    if message.client_verify and not message.custom_ca:
        raise ValueError(
            f"{path}: client_verify needs a custom_ca to verify clients with; add it"
        )
    fields = DEFINITIONS["SSLConfig"]
    return SslConfig(**{name: getattr(message, name) for name in fields})


def read_text_proto(path, message, pool=None):
    """Fills `message` from a file in text format, and returns it.

    Args:
        path: of the file.
        message: an empty message.
        pool: descriptor pool with the messages that an Any may hold, optional.

    Raises:
        ValueError: in the parser's words, after the file, the line and the column, with
            the message's name at the end.
        OSError: if there is no such file.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        return text_format.Parse(text, message, descriptor_pool=pool)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        # protobuf's phrase in C++, which those who watch logs look for.
        phrase = f"Error parsing text-format {message.DESCRIPTOR.full_name}"
        raise ValueError(f"{path}:{error} ({phrase})") from error


@functools.cache
def _messages():
    return make_messages("text_configs", DEFINITIONS)[1]


def make_messages(file_name, definitions, modules=()):
    """Builds classes of messages in a descriptor pool of their own.

    Args:
        file_name: str.
        definitions: dict of message name to dict of field name to type.
        modules: of generated messages that fields may have as their types.

    Returns:
        The pool, and a dict of message name to class.
    """
    pool = descriptor_pool.DescriptorPool()
    known = [module.DESCRIPTOR for module in (wrappers_pb2, *modules)]
    for descriptor in known:
        _add_file(pool, descriptor)
    file = descriptor_pb2.FileDescriptorProto(
        name=f"keras_attention/serving/{file_name}.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=[descriptor.name for descriptor in known],
    )
    for name, fields in definitions.items():
        message = file.message_type.add(name=name)
        for number, (field_name, type_name) in enumerate(fields.items(), start=1):
            field = message.field.add(name=field_name, number=number)
            label, _, type_name = type_name.rpartition(" ")
            field.label = (
                _Field.LABEL_REPEATED if label == "repeated" else _Field.LABEL_OPTIONAL
            )
            if type_name in _TYPES:
                field.type = _TYPES[type_name]
            else:
                field.type, field.type_name = _Field.TYPE_MESSAGE, f".{type_name}"
    pool.Add(file)
    return pool, {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"tensorflow.serving.{name}")
        )
        for name in definitions
    }


def _add_file(pool, descriptor):
    """Copies a file with all that it imports; one that is there already stays."""
    for dependency in descriptor.dependencies:
        _add_file(pool, dependency)
    pool.AddSerializedFile(descriptor.serialized_pb)
