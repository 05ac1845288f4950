"""The gRPC server: one thread for I/O, and others that run requests."""

import os
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from keras_attention.serving.grpc.calls import Calls, Threads
from keras_attention.serving.grpc.profiler import PROFILER_METHODS, Profiler
from keras_attention.serving.grpc.services import MODEL, PREDICTION, Services
from keras_attention.serving.tls import grpc_server_credentials

_RELOAD = "HandleReloadConfigRequest"
# Beside those of requests in flight: for health checks, reflection and refusals.
_MORE_THREADS = 64
# Where requests have no limit.
_MOST_THREADS = 4096


class GrpcServer:
    """Serves a core over gRPC.

    Args:
        core: `Core`.
        options: `ServerOptions`.
        requests: `Requests`.
        metrics: `Metrics`.

    Raises:
        OSError: if the port is taken.
        ValueError: if the certificates do not fit.
    """

    def __init__(self, core, options, requests, metrics):
        self.options = options
        self.port = None
        self._services = Services(core, options.tensor_content)
        self._profiler = Profiler()
        self._calls = Calls(options, requests)
        most = options.limits.max_concurrent_requests or _MOST_THREADS
        self._threads = Threads(most + _MORE_THREADS)
        # Not grpc.aio: handing each call to a thread and back takes half as long again.
        self._server = grpc.server(self._threads, options=_channel_options(options))
        self._add_methods()
        self._health = health.HealthServicer()
        self._add_health_and_reflection()
        self._listen()
        self._server.start()

    def _add_health_and_reflection(self):
        names = [PREDICTION.full_name, MODEL.full_name]
        if self.options.grpc_health:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
            for name in names:
                self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
            names.append(health.SERVICE_NAME)
        if self.options.grpc_reflection:
            reflection.enable_server_reflection(
                [*names, reflection.SERVICE_NAME], self._server
            )

    def _add_methods(self):
        socket_only = self.options.admin_over_grpc_socket_only
        methods = {
            path: self._calls.handler(
                api, message_class, function, socket_only and api == _RELOAD
            )
            for path, (api, message_class, function) in self._services.methods().items()
        }
        if self.options.profiler:
            for path, api, message_class in PROFILER_METHODS:
                function = getattr(self._profiler, api.lower())
                methods[path] = self._calls.handler(
                    api, message_class, function, socket_only
                )
        self._server.add_generic_rpc_handlers([_Methods(methods)])

    def _listen(self):
        options = self.options
        credentials = None
        if options.ssl is not None:
            credentials = grpc_server_credentials(options.ssl)
        if options.grpc_port is not None:
            host = f"[{options.host}]" if ":" in options.host else options.host
            self.port = _bind(self._server, f"{host}:{options.grpc_port}", credentials)
        if options.grpc_socket_path:
            _remove_dead_socket(options.grpc_socket_path)
            _bind(self._server, f"unix:{options.grpc_socket_path}", credentials)

    def stop_accepting(self):
        """Rejects new calls, and turns health checks to NOT_SERVING."""
        self._calls.accepting = False
        self._profiler.end()
        self._health.enter_graceful_shutdown()

    def stop(self, grace=10.0):
        """Closes the port; in-flight calls have `grace` seconds to finish.

        What a thread still runs then is not waited for.
        """
        self._server.stop(grace).wait()
        if self.options.grpc_socket_path:
            Path(self.options.grpc_socket_path).unlink(missing_ok=True)
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Methods(grpc.GenericRpcHandler):
    """Finds the handler of a call by its full name."""

    def __init__(self, methods):
        self.methods = methods

    def service(self, handler_call_details):
        return self.methods.get(handler_call_details.method)


def _channel_options(options):
    limit = options.limits.max_body_bytes
    arguments = {
        "grpc.max_receive_message_length": min(limit, 2**31 - 1) if limit else -1,
        "grpc.max_send_message_length": -1,
        "grpc.so_reuseport": 0,  # a second server must not share the port
    }
    return list({**arguments, **dict(options.grpc_channel_arguments)}.items())


def _bind(server, address, credentials):
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise OSError(
            f"cannot listen for gRPC at {address}: {error}; is the port taken? "
            "Choose another, or 0 for any free one"
        ) from error
    return port


def _remove_dead_socket(path):
    """A socket that nobody listens at any more is in the way of a new one."""
    import socket

    path = Path(path)
    if not path.is_socket():
        if path.exists():
            raise OSError(f"cannot listen for gRPC at {path}: a file is there already")
        if not path.absolute().parent.is_dir():
            raise OSError(
                f"cannot listen for gRPC at {path}: its folder does not exist"
            )
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(f"cannot listen for gRPC at {path}: another server listens there")
