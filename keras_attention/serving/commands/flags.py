"""The flags of tensorflow_model_server as this server's options."""

from dataclasses import replace
from typing import NamedTuple

from keras_attention.serving.commands.flag_syntax import read_values
from keras_attention.serving.commands.flag_table import FLAGS
from keras_attention.serving.config import (
    ServedModelConfig,
    local_path,
    read_models_config,
)
from keras_attention.serving.options import (
    BatchingParameters,
    Limits,
    LoadOptions,
    ServerOptions,
)
from keras_attention.serving.text_configs import (
    read_batching_parameters,
    read_monitoring_config,
    read_ssl_config,
)
from keras_attention.serving.wire.errors import ServingError

_METHOD_NAMES = "enable_signature_method_name_check"
_XLA = "xla_cpu_compilation_enabled"
# What TensorFlow Serving, too, ignores beside a platform_config_file.
_LOADING = (
    "enable_batching",
    "batching_parameters_file",
    "enable_per_model_batching_parameters",
    "tensorflow_session_parallelism",
    "tensorflow_session_config_file",
    "tensorflow_intra_op_parallelism",
    "tensorflow_inter_op_parallelism",
    "per_process_gpu_memory_fraction",
    "saved_model_tags",
    "enable_model_warmup",
    "num_request_iterations_for_warmup",
    "prefer_tflite_model",
    "num_tflite_pools",
    "num_tflite_interpreters_per_pool",
)


class Command(NamedTuple):
    """What a command line asks for."""

    models: dict[str, ServedModelConfig]
    options: ServerOptions
    config_file: str | None
    """Where `models` came from."""
    config_poll_seconds: float
    """How often to read it again; 0 for never."""
    notes: list[str]
    """What the operator should know."""


def parse(argv):
    """Reads a command line, and all files that it names.

    Args:
        argv: list of str, without the program's name.

    Returns:
        `Command`.

    Raises:
        ValueError: if flags are unknown or contradict each other, or a file is
            malformed.
        OSError: if there is no such file.
    """
    return make_command(*read_values(argv))


def make_command(values, given):
    """As `parse`, of what `read_values` returns."""
    _check(values)
    notes = [
        f"--{flag.name} is ignored: {flag.ignored}"
        for flag in FLAGS
        if flag.ignored and flag.name in given
    ]
    if values["rest_api_port"] and values["rest_api_port"] == values["port"]:
        notes.append("--rest_api_port cannot be the same as --port; REST is disabled")
    config_file = values["model_config_file"] or None
    if config_file:
        models = read_models_config(config_file, at_start=True)
        if not models:
            notes.append(f"{config_file} lists no models: they may be added later")
    else:
        name = values["model_name"]
        try:
            path = local_path(name, values["model_base_path"])
        except ServingError as error:
            raise ValueError(error.message) from error
        models = {name: ServedModelConfig(path)}
    poll_seconds = values["model_config_file_poll_wait_seconds"]
    load, more_notes = _load_options(values, given)
    options = _server_options(values, load)
    notes += more_notes
    return Command(models, options, config_file, max(poll_seconds, 0), notes)


def _check(values):
    """Raises ValueError as TensorFlow Serving does, and for what would not be safe."""
    if not values["port"] and not values["grpc_socket_path"]:
        raise ValueError("--port=0 leaves no gRPC; set --port or --grpc_socket_path")
    if not values["model_base_path"] and not values["model_config_file"]:
        raise ValueError(
            "both --model_base_path and --model_config_file are empty; set one of them"
        )
    if values["use_alts_credentials"]:
        raise ValueError(
            "--use_alts_credentials is not supported; use --ssl_config_file"
        )
    if not values["platform_config_file"]:
        _check_loading(values)


def _check_loading(values):
    if values["batching_parameters_file"] and not values["enable_batching"]:
        raise ValueError(
            "--batching_parameters_file is set without setting --enable_batching to "
            "true"
        )
    parallelism = ("session", "intra_op", "inter_op")
    if all(values[f"tensorflow_{name}_parallelism"] > 0 for name in parallelism):
        raise ValueError(
            "set either --tensorflow_session_parallelism or "
            "(--tensorflow_intra_op_parallelism, --tensorflow_inter_op_parallelism); "
            "you cannot set all of them"
        )


def _server_options(values, load):
    port, rest_port = values["port"] or None, values["rest_api_port"] or None
    files = {
        "monitoring_path": ("monitoring_config_file", read_monitoring_config),
        "ssl": ("ssl_config_file", read_ssl_config),
        "rest_ssl": ("rest_api_ssl_config_file", read_ssl_config),
    }
    limits = {name: values[name] for name in Limits._fields}
    return ServerOptions(
        host=values["host"],
        grpc_port=port,
        rest_port=None if rest_port == port else rest_port,
        grpc_socket_path=values["grpc_socket_path"],
        grpc_threads=max(values["grpc_max_threads"], 1),
        rest_threads=max(values["rest_api_num_threads"], 1),
        grpc_channel_arguments=_channel_arguments(values["grpc_channel_arguments"]),
        grpc_health=values["enable_grpc_healthcheck_service"],
        profiler=values["enable_profiler"],
        admin_over_grpc_socket_only=values["admin_over_grpc_socket_only"],
        tensor_content=values["enable_serialization_as_tensor_content"],
        rest_timeout_seconds=values["rest_api_timeout_in_ms"] / 1000,
        cors=values["rest_api_enable_cors_support"],
        access_log=values["access_log"],
        limits=Limits(**limits),
        drain_seconds=values["drain_seconds"],
        poll_seconds=values["file_system_poll_wait_seconds"],
        max_load_retries=max(values["max_num_load_retries"], 0),
        load_retry_seconds=values["load_retry_interval_micros"] / 1e6,
        num_load_threads=max(values["num_load_threads"], 1),
        wait_for_models=values["wait_for_models"],
        allow_labels_for_unavailable_versions=values[
            "allow_version_labels_for_unavailable_models"
        ],
        load=load,
        **{
            option: read(values[flag])
            for option, (flag, read) in files.items()
            if values[flag]
        },
    )


def _load_options(values, given):
    """Returns `LoadOptions`, and notes on what is ignored."""
    path = values["platform_config_file"]
    if not path:
        return _load_options_of_flags(values), []
    # Here: it imports TensorFlow, for which no other mistake should have to wait.
    from keras_attention.serving.session_configs import read_platform_config

    options, ignored = read_platform_config(path)
    reason = f"--platform_config_file={path} says how versions are loaded"
    return (
        replace(
            options,
            check_method_names=values[_METHOD_NAMES],
            xla_compilation=values[_XLA],
        ),
        [f"--{flag} is ignored: {reason}" for flag in _LOADING if flag in given]
        + [f"{what} is ignored" for what in ignored],
    )


def _load_options_of_flags(values):
    both = values["tensorflow_session_parallelism"]
    intra = values["tensorflow_intra_op_parallelism"]
    inter = values["tensorflow_inter_op_parallelism"]
    if intra <= 0 and inter <= 0:
        intra = inter = both
    options = LoadOptions(
        tags=tuple(tag for tag in values["saved_model_tags"].split(",") if tag),
        prefer_tflite_model=values["prefer_tflite_model"],
        intra_op_parallelism=max(intra, 0),
        inter_op_parallelism=max(inter, 0),
        per_process_gpu_memory_fraction=values["per_process_gpu_memory_fraction"],
        session_config=_session_config(values),
        enable_warmup=values["enable_model_warmup"],
        num_warmup_iterations=max(values["num_request_iterations_for_warmup"], 1),
        batching=_batching(values),
        per_model_batching=values["enable_batching"]
        and values["enable_per_model_batching_parameters"],
        check_method_names=values[_METHOD_NAMES],
        xla_compilation=values[_XLA],
    )
    return options.with_tflite_pools(
        values["num_tflite_pools"], values["num_tflite_interpreters_per_pool"]
    )


def _session_config(values):
    if not values["tensorflow_session_config_file"]:
        return b""
    from keras_attention.serving.session_configs import read_session_config  # as above

    return read_session_config(values["tensorflow_session_config_file"])


def _batching(values):
    if not values["enable_batching"]:
        return None
    if values["batching_parameters_file"]:
        return read_batching_parameters(values["batching_parameters_file"])
    return BatchingParameters(thread_pool_name="model_server_batch_threads")


def _channel_arguments(text):
    """Reads `key=value,key=value`; values that are numbers become such."""
    arguments = []
    for argument in filter(None, text.split(",")):
        key, equals, value = argument.partition("=")
        if not key or not equals:
            raise ValueError(
                f"expected --grpc_channel_arguments=key=value,key=value, received "
                f"{argument!r}"
            )
        try:
            arguments.append((key, int(value)))
        except ValueError:
            arguments.append((key, value))
    return tuple(arguments)
