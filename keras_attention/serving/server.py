"""The server: a repository of models, its core, and REST and gRPC."""

import dataclasses
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

from keras_attention.serving.config import as_model_config
from keras_attention.serving.file_descriptors import DescriptorWatch
from keras_attention.serving.logs import get_logger
from keras_attention.serving.options import ServerOptions
from keras_attention.serving.requests import Requests
from keras_attention.serving.sockets import listen
from keras_attention.serving.tls import server_context, validity_troubles
from keras_attention.serving.versions.version_folders import check_base_path

logger = get_logger(__name__)


class Server:
    """Serves SavedModels as TensorFlow Serving does, from threads of this process.

    Args:
        models: dict of name to path of the folder that holds the versions, or
            `ServedModelConfig` for more than the latest one.
        options: `ServerOptions`, optional.
        **changes: fields of `ServerOptions` to set otherwise: `host`, `rest_port` and
            `grpc_port` (0 picks a free one, None opens none), `rest_timeout_seconds`,
            `poll_seconds`, `drain_seconds` and the like.

    Attributes:
        rest_port, grpc_port: int or None. Those asked for; once started, those bound.

    Raises:
        TypeError: no such option.

    Example:

    >>> from keras_attention.serving import Client
    >>> models = {"half_plus_two": "saved_models/half_plus_two"}
    >>> with Server(models, rest_port=0, grpc_port=None) as server:
    ...     with Client(f"http://127.0.0.1:{server.rest_port}") as client:
    ...         print(client.status("half_plus_two")[0].state)
    AVAILABLE

    References:
        TensorFlow Serving's [RESTful API](
        https://www.tensorflow.org/tfx/serving/api_rest); gRPC's is that of
        [tensorflow_serving/apis](
        https://github.com/tensorflow/serving/tree/master/tensorflow_serving/apis).
    """

    def __init__(
        self,
        models: Mapping[str, "str | os.PathLike[str]"],
        options: ServerOptions | None = None,
        **changes: Any,
    ) -> None:
        self.models = dict(models)
        self.options = dataclasses.replace(options or ServerOptions(), **changes)
        self.grpc_port = self.options.grpc_port
        self.rest_port = self.options.rest_port
        self.metrics: Any = None
        self.core: Any = None
        self._repository: Any = None
        self._requests: Requests | None = None
        self._transports = []
        self._descriptors: DescriptorWatch | None = None
        self._stopped = threading.Event()

    def start(self) -> "Server":
        """Loads every model, then opens the ports.

        Returns:
            The server, whose `grpc_port` and `rest_port` are now the ports bound.

        Raises:
            ValueError: a model has no version that can be loaded; certificates that do
                not belong together.
            OSError: a port is taken.

        Example:

        >>> models = {"half_plus_two": "saved_models/half_plus_two"}
        >>> server = Server(models, rest_port=0, grpc_port=None).start()
        >>> server.rest_port > 0
        True
        >>> server.stop()
        True
        """
        _check(self.models, self.options)
        # Here, because these import TensorFlow.
        from keras_attention.serving.core import Core
        from keras_attention.serving.grpc.server import GrpcServer
        from keras_attention.serving.metrics import Metrics
        from keras_attention.serving.rest.server import RestServer
        from keras_attention.serving.versions.repository import Repository

        options = self.options
        self._stopped.clear()
        self.metrics = Metrics()
        self._repository = Repository(self.models, options, self.metrics)
        try:
            self._requests = Requests(
                self.metrics,
                options.limits.max_concurrent_requests,
                options.access_log,
                self._repository.has_known,
            )
            self._repository.start()
            self.core = Core(self._repository)
            parts = (self.core, options, self._requests, self.metrics)
            if options.grpc_port is not None or options.grpc_socket_path:
                self._transports.append(GrpcServer(*parts))
                self.grpc_port = self._transports[-1].port
            if options.rest_port is not None:
                self._transports.append(RestServer(*parts))
                self.rest_port = self._transports[-1].port
            self._descriptors = DescriptorWatch()
            self._descriptors.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> bool:
        """Graceful shutdown: rejects new requests, finishes those in flight, unloads.

        Waits for in-flight requests, and for their responses to be sent, up to
        `options.drain_seconds`, 30 by default. The server can be started again.

        Returns:
            bool. False if requests were aborted that threads may still run.
        """
        deadline = time.monotonic() + self.options.drain_seconds
        ended = True
        if self._repository is not None:
            self._repository.stop_waiting()
        for transport in self._transports:
            transport.stop_accepting()
        if self._requests is not None and not self._requests.drain(
            self.options.drain_seconds
        ):
            logger.warning(
                "in-flight requests were aborted: they took too long to finish"
            )
            ended = False
        for transport in self._transports:
            transport.stop(max(deadline - time.monotonic(), 1.0))
        self._transports.clear()
        if self._descriptors is not None:
            self._descriptors.stop()
            self._descriptors = None
        if self._repository is not None:
            # What aborted requests hold will not be released soon.
            unloaded = self._repository.stop(30.0 if ended else 1.0)
            ended = ended and unloaded
            self._repository = None
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        self.core = None
        self._stopped.set()
        return ended

    def reopen_access_log(self) -> None:
        """Continues in a new file, once the old one was moved (log rotation).

        If that cannot be opened, the log says so, and the old one is kept. Nothing
        happens without `access_log`, or before the server is started.

        Example: of a server that runs.

        >>> server.reopen_access_log()
        """
        requests = self._requests
        if requests is not None:
            requests.reopen_log()

    def wait(self, timeout: float | None = None) -> bool:
        """Blocks until another thread stops the server.

        Args:
            timeout: float, optional. Seconds to wait at most; for ever by default.

        Returns:
            bool. Whether it is stopped.

        Example: of a server that runs.

        >>> server.wait(timeout=0.01)
        False
        """
        return self._stopped.wait(timeout)

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()


def _check(models, options):
    """Finds errors before minutes are spent on loading TensorFlow and models."""
    if not options.wait_for_models:
        for name, value in models.items():
            base_path = as_model_config(value).base_path
            check_base_path(name, base_path, options.load.other_files)
    for protocol, certificates in (("gRPC", options.ssl), ("REST", options.rest_ssl)):
        if certificates is not None:
            server_context(certificates)
            for trouble in validity_troubles(certificates):
                logger.warning("TLS for %s: %s", protocol, trouble)
    for protocol in ("gRPC", "REST"):
        port = getattr(options, f"{protocol.lower()}_port")
        if port:
            listen(protocol, options.host, port).close()
