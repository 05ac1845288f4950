"""The configuration files of TensorFlow Serving, in protobuf's text format."""

from pathlib import Path
from typing import Any

from google.protobuf import text_format

from keras_attention.serving.options import BatchingParameters, SslConfig
from keras_attention.serving.wire import protos

DEFAULT_MONITORING_PATH = "/monitoring/prometheus/metrics"


def read_batching_parameters(path):
    """Reads a batching_parameters_file, or a version's `batching_params.pbtxt`.

    Returns:
        `BatchingParameters`, with their defaults where the file is silent.

    Raises:
        ValueError: if it is malformed, with file, line and column, or contradicts
            itself.
    """
    message = read_text_proto(path, protos.BatchingParameters())
    return batching_parameters(message, path)


def batching_parameters(message, path):
    """`BatchingParameters` of a message of that name, which came from `path`."""
    values: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.is_repeated:
            values[field.name] = tuple(value)
        elif field.message_type is None:
            values[field.name] = value
        elif message.HasField(field.name):  # a wrapper, which tells 0 from unset
            values[field.name] = value.value
    parameters = BatchingParameters(**values)
    try:
        parameters.check()
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return parameters


def read_monitoring_config(path):
    """Reads a monitoring_config_file.

    Returns:
        str. Path of the metrics endpoint, at the REST port; empty for none.
    """
    prometheus = read_text_proto(path, protos.MonitoringConfig())
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
    message = read_text_proto(path, protos.SSLConfig())
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
    names = message.DESCRIPTOR.fields_by_name
    return SslConfig(**{name: getattr(message, name) for name in names})


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
