"""Flags become options of the server, and the files that they name are read."""

import pytest

from keras_attention.serving.commands.flags import parse
from keras_attention.serving.config import VersionPolicy
from keras_attention.serving.options import (
    BatchingParameters,
    Limits,
    LoadOptions,
    ServerOptions,
    SslConfig,
)

MODEL = ("--model_base_path=/models/m",)


def command(*argv):
    return parse(argv)


def options(*argv):
    return command(*MODEL, *argv).options


def test_the_least_that_is_needed_means_the_defaults_of_tensorflow_serving():
    models, options, config_file, poll_seconds, notes = command(*MODEL)
    assert not notes
    assert {name: str(model) for name, model in models.items()} == {
        "default": "/models/m"
    }
    assert (config_file, poll_seconds) == (None, 0)
    assert options == ServerOptions(rest_port=None, grpc_health=False)


def test_the_command_line_of_the_official_image():
    models, options, *_ = command(
        "--port=8500",
        "--rest_api_port=8501",
        "--model_name=translator",
        "--model_base_path=file:///models/translator",
    )
    assert str(models["translator"]) == "/models/translator"
    assert (options.grpc_port, options.rest_port) == (8500, 8501)


@pytest.mark.parametrize(
    ("argv", "field", "value"),
    [
        (["--port=0", "--grpc_socket_path=/s"], "grpc_port", None),
        (["--grpc_socket_path=/s"], "grpc_socket_path", "/s"),
        (["--grpc_max_threads=3"], "grpc_threads", 3),
        (["--rest_api_num_threads=0"], "rest_threads", 1),
        (["--rest_api_timeout_in_ms=1500"], "rest_timeout_seconds", 1.5),
        (["--rest_api_enable_cors_support"], "cors", True),
        (["--enable_grpc_healthcheck_service"], "grpc_health", True),
        (["--enable_profiler=false"], "profiler", False),
        (["--enable_serialization_as_tensor_content"], "tensor_content", True),
        (
            ["--grpc_channel_arguments=grpc.max_connection_age_ms=2000,a=b"],
            "grpc_channel_arguments",
            (("grpc.max_connection_age_ms", 2000), ("a", "b")),
        ),
        (["--file_system_poll_wait_seconds=0"], "poll_seconds", 0),
        (["--max_num_load_retries=-1"], "max_load_retries", 0),
        (["--load_retry_interval_micros=500000"], "load_retry_seconds", 0.5),
        (["--num_load_threads=4"], "num_load_threads", 4),
        (
            ["--allow_version_labels_for_unavailable_models"],
            "allow_labels_for_unavailable_versions",
            True,
        ),
        (["--host=0.0.0.0"], "host", "0.0.0.0"),
        (["--admin_over_grpc_socket_only"], "admin_over_grpc_socket_only", True),
        (["--access_log=-"], "access_log", "-"),
        (["--drain_seconds=5"], "drain_seconds", 5.0),
        (["--wait_for_models"], "wait_for_models", True),
        (["--max_body_bytes=7"], "limits", Limits(max_body_bytes=7)),
    ],
)
def test_flags_become_options(argv, field, value):
    assert getattr(options(*argv), field) == value


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], LoadOptions()),
        (["--saved_model_tags=serve,gpu"], LoadOptions(tags=("serve", "gpu"))),
        (["--enable_model_warmup=false"], LoadOptions(enable_warmup=False)),
        (
            ["--num_request_iterations_for_warmup=3"],
            LoadOptions(num_warmup_iterations=3),
        ),
        (
            ["--tensorflow_session_parallelism=3"],
            LoadOptions(intra_op_parallelism=3, inter_op_parallelism=3),
        ),
        (
            [
                "--tensorflow_session_parallelism=3",
                "--tensorflow_intra_op_parallelism=2",
            ],
            LoadOptions(intra_op_parallelism=2),
        ),
        (
            ["--prefer_tflite_model", "--num_tflite_pools=3"],
            LoadOptions(prefer_tflite_model=True, num_tflite_interpreters=3),
        ),
        (
            ["--num_tflite_pools=3", "--num_tflite_interpreters_per_pool=2"],
            LoadOptions(num_tflite_interpreters=6),
        ),
        (
            ["--per_process_gpu_memory_fraction=0.3"],
            LoadOptions(per_process_gpu_memory_fraction=0.3),
        ),
        (
            ["--enable_signature_method_name_check"],
            LoadOptions(check_method_names=True),
        ),
        (["--enable_per_model_batching_parameters"], LoadOptions()),
        (
            ["--enable_batching", "--enable_per_model_batching_parameters"],
            LoadOptions(
                batching=BatchingParameters(
                    thread_pool_name="model_server_batch_threads"
                ),
                per_model_batching=True,
            ),
        ),
    ],
)
def test_flags_become_options_of_loading(argv, expected):
    assert options(*argv).load == expected


def test_the_files_that_flags_name_are_read(write):
    path = write("max_batch_size { value: 8 }")
    found = options("--enable_batching", f"--batching_parameters_file={path}")
    assert found.load.batching == BatchingParameters(max_batch_size=8)

    path = write("prometheus_config { enable: true }")
    found = options(f"--monitoring_config_file={path}")
    assert found.monitoring_path == "/monitoring/prometheus/metrics"

    path = write('server_key: "key" server_cert: "cert"')
    for flag, field in (("ssl_config_file", "ssl"), ("rest_api_ssl_config_file", None)):
        found = options(f"--{flag}={path}")
        assert getattr(found, field or "rest_ssl") == SslConfig("key", "cert")

    path = write("""model_config_list { config {
        name: "a" base_path: "/models/a" model_platform: "tensorflow"
        model_version_policy { all {} }
    } }""")
    models, _, config_file, poll_seconds, _ = command(
        f"--model_config_file={path}",
        "--model_config_file_poll_wait_seconds=60",
        "--model_name=ignored",
        "--model_base_path=/ignored",
    )
    assert list(models) == ["a"]
    assert models["a"].policy == VersionPolicy(every=True)
    assert (config_file, poll_seconds) == (str(path), 60)


def test_rest_cannot_share_the_port_of_grpc():
    found = command(*MODEL, "--port=8500", "--rest_api_port=8500")
    assert found.options.rest_port is None
    assert "REST is disabled" in found.notes[0]
