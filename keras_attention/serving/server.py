"""The embedded server: a repository, its core, and the two ways in."""

import logging
import signal
import threading

from keras_attention.serving.config import parse_model_arguments

__all__ = ["Server", "parse_model_arguments", "serve"]

logger = logging.getLogger(__name__)


class Server:
    """Serves SavedModels as TensorFlow Serving does, from threads of this process.

    Args:
        models: dict of name to path of the folder that holds the versions, or
            `ModelConfig` for more than the latest one.
        host: str. The address to listen at; "0.0.0.0" lets other machines in.
        grpc_port: int, or None for no gRPC; 0 picks a free port.
        rest_port: int, or None for no REST; 0 picks a free port.
        poll_seconds: float. How often to look for new versions.
        cors: bool. Let pages from anywhere read the answers.

    Example:

    ```python
    with Server({"translator": "saved_models/translator"}, rest_port=0) as server:
        print(Client(f"http://127.0.0.1:{server.rest_port}").status("translator"))
    ```
    """

    def __init__(
        self,
        models,
        *,
        host="127.0.0.1",
        grpc_port=8500,
        rest_port=8501,
        poll_seconds=1.0,
        cors=False,
    ):
        self.models = dict(models)
        self.host = host
        self.grpc_port = grpc_port
        self.rest_port = rest_port
        self.poll_seconds = poll_seconds
        self.cors = cors
        self._repository = None
        self._transports = []
        self._stopped = threading.Event()

    def start(self):
        """Loads every model, then opens the ports.

        Returns:
            The server, whose `grpc_port` and `rest_port` are now the ports bound.

        Raises:
            ValueError: if a model cannot be loaded.
            OSError: if a port is taken.
        """
        # Here, because these import TensorFlow.
        from keras_attention.serving.core import Core
        from keras_attention.serving.grpc import GrpcServer
        from keras_attention.serving.repository import Repository
        from keras_attention.serving.rest import RestServer

        self._stopped.clear()
        self._repository = Repository(self.models, self.poll_seconds)
        try:
            self._repository.start()
            core = Core(self._repository)
            if self.grpc_port is not None:
                grpc_server = GrpcServer(core, self.host, self.grpc_port)
                self._transports.append(grpc_server)
                self.grpc_port = grpc_server.port
            if self.rest_port is not None:
                rest_server = RestServer(core, self.host, self.rest_port, self.cors)
                self._transports.append(rest_server)
                self.rest_port = rest_server.port
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        """Answers what is under way, closes the ports and unloads the models."""
        for transport in self._transports:
            transport.stop()
        self._transports.clear()
        if self._repository is not None:
            self._repository.stop()
            self._repository = None
        self._stopped.set()

    def wait(self, timeout=None):
        """Blocks until somebody stops the server; returns whether that happened."""
        return self._stopped.wait(timeout)

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.stop()


def serve(models, host="127.0.0.1", grpc_port=8500, rest_port=8501, poll_seconds=1.0):
    """Serves until SIGINT or SIGTERM, and says where. Call it from the main thread.

    Args:
        models: as for `Server`; `parse_model_arguments` makes it.
        host, grpc_port, rest_port, poll_seconds: as for `Server`.

    Raises:
        ValueError: if a model cannot be loaded.
        OSError: if a port is taken.
    """
    server = Server(
        models,
        host=host,
        grpc_port=grpc_port,
        rest_port=rest_port,
        poll_seconds=poll_seconds,
    )
    for name, path in server.models.items():
        print(f"Loading {name} from {path}", flush=True)
    stop = threading.Event()
    with server:  # until here signals end the process as usual: nobody is served yet
        previous = {
            number: signal.signal(number, lambda *_: stop.set())
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            if server.rest_port is not None:
                print(f"REST: http://{host}:{server.rest_port}/v1/models", flush=True)
            if server.grpc_port is not None:
                print(f"gRPC: {host}:{server.grpc_port}", flush=True)
            print("Stop with Ctrl+C", flush=True)
            stop.wait()
            print("Stopping", flush=True)
            server.stop()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
