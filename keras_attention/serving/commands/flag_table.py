"""The flags of tensorflow_model_server, in its order, and then our own."""

from typing import NamedTuple

from keras_attention.serving.options import NUM_THREADS, Limits

_LIMITS = Limits()


class Flag(NamedTuple):
    """One flag.

    Attributes:
        name: str, without its dashes.
        default: its type is the flag's.
        help: str, one sentence.
        ignored: str. Why the flag does nothing here; empty for one that works.
        ours: bool. The official server does not know it.
        int_type: str. "int32" or "int64".
        depends_on: str. What a default that differs between machines is made of.
    """

    name: str
    default: bool | int | float | str
    help: str
    ignored: str = ""
    ours: bool = False
    int_type: str = "int32"
    depends_on: str = ""

    @property
    def type_name(self):
        if isinstance(self.default, bool):
            return "bool"
        if isinstance(self.default, int):
            return self.int_type
        return "float" if isinstance(self.default, float) else "string"


_STANDARD = (
    Flag("port", 8500, "Port for gRPC; 0 for none, with --grpc_socket_path."),
    Flag("grpc_socket_path", "", "A Unix socket for gRPC, beside the port."),
    Flag("rest_api_port", 0, "Port for REST, another than --port; 0 for none."),
    Flag(
        "rest_api_num_threads",
        NUM_THREADS,
        "Threads that run REST requests.",
        depends_on="4 for each CPU, at least 32",
    ),
    Flag(
        "rest_api_timeout_in_ms",
        30_000,
        "Timeout of a REST request, in milliseconds; then 504.",
    ),
    Flag(
        "rest_api_enable_cors_support",
        False,
        "Send CORS headers: pages of any origin may read REST.",
    ),
    Flag("enable_batching", False, "Run requests together in batches."),
    Flag(
        "allow_version_labels_for_unavailable_models",
        False,
        "Let a new label wait for its version.",
    ),
    Flag(
        "batching_parameters_file",
        "",
        "BatchingParameters in text format; needs --enable_batching.",
    ),
    Flag(
        "enable_per_model_batching_parameters",
        False,
        "Batch only versions that have a batching_params.pbtxt, by what it says; needs "
        "--enable_batching.",
    ),
    Flag(
        "model_config_file",
        "",
        "ModelServerConfig in text format: the models to serve. --model_name and "
        "--model_base_path are ignored then.",
    ),
    Flag(
        "model_config_file_poll_wait_seconds",
        0,
        "How often to read --model_config_file again; 0 for never.",
    ),
    Flag("model_name", "default", "Name of the model in --model_base_path."),
    Flag("model_base_path", "", "Folder with the versions of one model."),
    Flag("num_load_threads", 0, "Models to load at the same time; 0 is 1."),
    Flag(
        "num_unload_threads",
        0,
        "Threads for unloading.",
        ignored="each model unloads in a thread of its own",
    ),
    Flag("max_num_load_retries", 5, "How often to retry a failed load."),
    Flag(
        "load_retry_interval_micros",
        60_000_000,
        "Time between such retries; negative for none.",
        int_type="int64",
    ),
    Flag(
        "file_system_poll_wait_seconds",
        1,
        "How often to poll for new versions; 0 or less polls once.",
    ),
    Flag(
        "flush_filesystem_caches",
        True,
        "Drop files from the system's cache after loading.",
        ignored="the system's cache takes care of itself",
    ),
    Flag(
        "tensorflow_session_parallelism",
        0,
        "Threads of a session, for both of the next two; 0 lets TensorFlow choose.",
        int_type="int64",
    ),
    Flag(
        "tensorflow_session_config_file",
        "",
        "ConfigProto in text format; the threads and the GPU's memory that other flags "
        "say win over it.",
    ),
    Flag(
        "tensorflow_intra_op_parallelism",
        0,
        "Threads that share one operation.",
        int_type="int64",
    ),
    Flag(
        "tensorflow_inter_op_parallelism",
        0,
        "Operations that run at the same time.",
        int_type="int64",
    ),
    Flag("use_alts_credentials", False, "Not supported: use --ssl_config_file."),
    Flag("ssl_config_file", "", "SSLConfig in text format: TLS for gRPC."),
    Flag(
        "platform_config_file",
        "",
        "PlatformConfigMap in text format: how versions are loaded, batched and warmed "
        "up, in place of the flags for that.",
    ),
    Flag(
        "per_process_gpu_memory_fraction",
        0.0,
        "Part of the GPU's memory to take; 0 lets TensorFlow choose.",
    ),
    Flag("saved_model_tags", "serve", "Tags of the graph to load, with commas."),
    Flag(
        "grpc_channel_arguments",
        "",
        "gRPC channel arguments, as in grpc.max_connection_age_ms=2000, with commas.",
    ),
    Flag(
        "grpc_max_threads",
        NUM_THREADS,
        "Threads that run gRPC requests.",
        depends_on="4 for each CPU, at least 32",
    ),
    Flag("enable_model_warmup", True, "Run a version's warm-up requests first."),
    Flag("num_request_iterations_for_warmup", 0, "How often each of them; 0 is once."),
    Flag("version", False, "Print the versions and exit."),
    Flag(
        "monitoring_config_file",
        "",
        "MonitoringConfig in text format: Prometheus metrics at the REST port.",
    ),
    Flag(
        "remove_unused_fields_from_bundle_metagraph",
        True,
        "Keep less of a loaded model's description.",
        ignored="nothing unused is kept",
    ),
    Flag("prefer_tflite_model", False, "Load a version's model.tflite if it has one."),
    Flag("num_tflite_pools", 0, "Pools of TFLite interpreters; 0 is one for each CPU."),
    Flag("num_tflite_interpreters_per_pool", 1, "TFLite interpreters in each pool."),
    Flag(
        "enable_signature_method_name_check",
        False,
        "Classify and Regress run only signatures with that method name.",
    ),
    Flag(
        "xla_cpu_compilation_enabled",
        False,
        "Compile signatures with XLA before a version serves, for some shapes.",
    ),
    Flag(
        "xla_gpu_compilation_enabled",
        False,
        "Compile with XLA.",
        ignored="models are run as they were exported",
    ),
    Flag("enable_profiler", True, "TensorFlow's profiler service at the gRPC port."),
    Flag(
        "thread_pool_factory_config_file",
        "",
        "ThreadPoolConfig in text format.",
        ignored="TensorFlow's own thread pools are used",
    ),
    Flag(
        "mixed_precision",
        "",
        "Rewrite models to a shorter type.",
        ignored="models are run as they were exported",
    ),
    Flag("skip_initialize_tpu", False, "For TPUs.", ignored="TPUs are not used"),
    Flag("enable_grpc_healthcheck_service", False, "gRPC's standard health service."),
    Flag(
        "enable_serialization_as_tensor_content",
        False,
        "Send tensors over gRPC as blocks of bytes.",
    ),
)

_OURS = (
    Flag("host", "127.0.0.1", "Address to listen at; TensorFlow Serving's is 0.0.0.0."),
    Flag("rest_api_ssl_config_file", "", "SSLConfig in text format: TLS for REST."),
    Flag(
        "admin_over_grpc_socket_only",
        False,
        "Restrict reload and profiler to --grpc_socket_path; without it, disable them.",
    ),
    Flag("access_log", "", "Access log: one line of JSON per request; - is stderr."),
    Flag(
        "max_body_bytes",
        _LIMITS.max_body_bytes,
        "Limit of a request body.",
        int_type="int64",
    ),
    Flag(
        "max_decompressed_bytes",
        _LIMITS.max_decompressed_bytes,
        "Limit of a decompressed gzip body.",
        int_type="int64",
    ),
    Flag("max_nesting", _LIMITS.max_nesting, "Nesting of lists in a tensor's JSON."),
    Flag(
        "max_concurrent_requests",
        _LIMITS.max_concurrent_requests,
        "In-flight requests; more are rejected; 0 for no limit.",
    ),
    Flag("drain_seconds", 30.0, "Graceful shutdown: time for in-flight requests."),
    Flag(
        "wait_for_models",
        False,
        "Wait for models that do not exist yet, as TensorFlow Serving does.",
    ),
)

FLAGS = _STANDARD + tuple(flag._replace(ours=True) for flag in _OURS)
