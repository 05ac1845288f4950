"""Everything an operator can choose, as plain values."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

# More than run at one time: a request that waits for others of its batch keeps its
# thread, and a waiting thread costs next to nothing.
NUM_THREADS = max(32, 4 * (os.cpu_count() or 1))
TFLITE_FILE = "model.tflite"


class Limits(NamedTuple):
    """What a server takes from its clients; a request beyond it is rejected."""

    max_body_bytes: int = 2**30
    """Of a request as received: HTTP 413, RESOURCE_EXHAUSTED."""
    max_decompressed_bytes: int = 2**30
    """Of a gzip body, decompressed: HTTP 413."""
    max_nesting: int = 64
    """Levels of lists in a tensor's JSON, at most 64: HTTP 400."""
    max_concurrent_requests: int = 1024
    """In-flight requests, over both protocols: HTTP 429, RESOURCE_EXHAUSTED;
    0 for no limit."""


class BatchingParameters(NamedTuple):
    """How requests are batched; TensorFlow Serving's BatchingParameters."""

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = 0  # with splitting; 0 is max_batch_size
    thread_pool_name: str = "batch_threads"

    @property
    def most_rows(self):
        """Rows that are run at once, at most."""
        if self.enable_large_batch_splitting:
            return self.max_execution_batch_size or self.max_batch_size
        return self.max_batch_size

    def check(self):
        """Raises ValueError where TensorFlow Serving would refuse to batch."""
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} must be positive; received {getattr(self, name)}"
                )
        if self.batch_timeout_micros < 0:
            raise ValueError(
                f"batch_timeout_micros must not be negative; received "
                f"{self.batch_timeout_micros}"
            )
        if self.most_rows > self.max_batch_size:
            raise ValueError(
                f"max_execution_batch_size must not exceed max_batch_size; received "
                f"{self.most_rows} and {self.max_batch_size}"
            )
        sizes = self.allowed_batch_sizes
        if not sizes:
            return
        if sizes[0] < 1 or sorted(set(sizes)) != list(sizes):
            raise ValueError(
                "allowed_batch_sizes entries must be positive and in increasing "
                f"order; received {', '.join(map(str, sizes))}"
            )
        if sizes[-1] != self.most_rows:
            name = "max_batch_size"
            if self.enable_large_batch_splitting and self.max_execution_batch_size:
                name = "max_execution_batch_size"
            raise ValueError(
                f"Last entry in allowed_batch_sizes must match {name}; last "
                f"allowed_batch_size = {sizes[-1]}, {name} = {self.most_rows}"
            )


class SslConfig(NamedTuple):
    """Certificates, as PEM text."""

    server_key: str
    server_cert: str
    custom_ca: str = ""
    client_verify: bool = False


@dataclass(frozen=True)
class LoadOptions:
    """How a version is loaded."""

    tags: tuple[str, ...] = ("serve",)
    prefer_tflite_model: bool = False
    num_tflite_interpreters: int = os.cpu_count() or 1
    intra_op_parallelism: int = 0  # threads; 0 lets TensorFlow choose
    inter_op_parallelism: int = 0
    per_process_gpu_memory_fraction: float = 0.0
    session_config: bytes = b""
    """A ConfigProto, for what the three before it leave open."""
    enable_warmup: bool = True
    num_warmup_iterations: int = 1
    batching: BatchingParameters | None = None
    """None runs each request on its own."""
    per_model_batching: bool = False
    """Read a version's own `batching_params.pbtxt` where it has one."""
    check_method_names: bool = False
    """Predict, Classify and Regress run only signatures with such a method name."""
    xla_compilation: bool = False
    """Signatures are compiled by XLA before a version serves, where they can be."""
    loaders: tuple[tuple[str, Callable[..., Any]], ...] = ()
    """Of other kinds of models: a file that tells a version of that kind, and what
    loads it, with the folder, these options, the metrics and the model's name."""

    @property
    def other_files(self):
        """Files each of which makes a version, as `saved_model.pb` does."""
        lite = (TFLITE_FILE,) if self.prefer_tflite_model else ()
        return (*lite, *(file for file, _ in self.loaders))

    def with_tflite_pools(self, pools, interpreters_per_pool):
        """Options with so many interpreters of TFLite; 0 pools is one for each CPU."""
        pools = pools or os.cpu_count() or 1
        number = pools * max(interpreters_per_pool, 1)
        return replace(self, num_tflite_interpreters=number)


@dataclass(frozen=True)
class ServerOptions:
    """How models are served; which ones is said apart."""

    host: str = "127.0.0.1"
    """The address to listen at; "0.0.0.0" lets other machines in."""
    grpc_port: int | None = 8500
    """None for no gRPC; 0 picks a free port."""
    rest_port: int | None = 8501
    """None for no REST; 0 picks a free port."""
    grpc_socket_path: str = ""
    """A Unix socket for gRPC, beside the port."""
    grpc_threads: int = NUM_THREADS
    """Requests over gRPC that run at one time; more are queued."""
    rest_threads: int = NUM_THREADS
    grpc_channel_arguments: tuple[tuple[str, int | str], ...] = ()
    grpc_health: bool = True
    grpc_reflection: bool = True
    profiler: bool = True
    admin_over_grpc_socket_only: bool = False
    """Restrict reload and profiler to `grpc_socket_path`; without it, disable them."""
    tensor_content: bool = False
    """Send tensors over gRPC as one block of bytes rather than as typed lists."""
    rest_timeout_seconds: float = 30.0
    """Timeout of a REST request; then 504."""
    cors: bool = False
    """Send CORS headers: pages of any origin may read responses."""
    monitoring_path: str = ""
    """Path of the metrics endpoint for Prometheus, at the REST port; empty for none."""
    ssl: SslConfig | None = None
    """For gRPC."""
    rest_ssl: SslConfig | None = None
    access_log: str = ""
    """A file for one line of JSON per request; "-" is standard error, empty is none."""
    limits: Limits = Limits()
    drain_seconds: float = 30.0
    """Graceful shutdown: how long in-flight requests may take."""

    poll_seconds: float = 1.0
    """How often to poll for new versions; 0 polls once, less than 0 as well."""
    max_load_retries: int = 5
    load_retry_seconds: float = 60.0
    num_load_threads: int = 1
    wait_for_models: bool = False
    """Wait for models that do not exist yet, rather than fail at once."""
    allow_labels_for_unavailable_versions: bool = False
    load: LoadOptions = field(default_factory=LoadOptions)
