"""The gRPC server: an event loop for I/O, and threads that run requests."""

import asyncio
import os
import threading
import time
from concurrent import futures
from pathlib import Path

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from keras_attention.serving.callers import Caller
from keras_attention.serving.grpc.profiler import PROFILER_METHODS, Profiler
from keras_attention.serving.grpc.services import MODEL, PREDICTION, Services
from keras_attention.serving.logs import get_logger
from keras_attention.serving.tls import grpc_server_credentials
from keras_attention.serving.wire.errors import Code, ServingError

logger = get_logger(__name__)

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_RELOAD = "HandleReloadConfigRequest"


class _Calls:
    """Handles calls in threads, off the event loop.

    Messages arrive and leave as bytes: parsing and writing large ones takes long, and
    the loop must stay free for the other connections.
    """

    def __init__(self, options, requests):
        self.requests = requests
        self.max_bytes = options.limits.max_body_bytes
        self.accepting = True
        self.pool = futures.ThreadPoolExecutor(
            options.grpc_threads, thread_name_prefix="grpc"
        )

    def handler(self, api, message_class, function, socket_only=False):
        """Handles calls of one method; `socket_only` rejects those over a network."""

        async def handle(content, context):
            run = function
            if socket_only and not context.peer().startswith("unix:"):
                run = _refuse
            return await self._handle(api, message_class, run, content, context)

        return grpc.unary_unary_rpc_method_handler(handle)

    async def _handle(self, api, message_class, function, content, context):
        peer = context.peer()
        try:
            if not self.accepting:
                raise ServingError(Code.UNAVAILABLE, "The server is shutting down")
            request = self.requests.begin("GRPC", api, peer, len(content))
        except ServingError as error:
            await _abort(context, error)
        remaining = context.time_remaining()
        deadline = None if remaining is None else time.monotonic() + remaining
        caller = Caller(deadline)
        contents = [content]
        work = self.pool.submit(
            _work, message_class, function, contents, caller, request
        )
        del content
        try:
            result = await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            # The client is gone, or its deadline has passed. A queued request is
            # dropped; a running one is stopped, and in flight until it ends.
            caller.leave()
            code = Code.DEADLINE_EXCEEDED if caller.is_late() else Code.CANCELLED
            if work.cancel():
                contents.clear()  # or they would stay until a thread comes by
                request.finish(code)
            else:
                work.add_done_callback(lambda _: request.finish(code))
            raise
        if isinstance(result, ServingError):
            request.finish(result.code, message=result.message)
            await _abort(context, result)
        request.finish(response_size=len(result))
        return result


def _work(message_class, function, contents, caller, request):
    """The bytes of the response, or a `ServingError`; never raises.

    Takes the request's bytes out of their list.
    """
    try:
        try:
            message = message_class.FromString(contents.pop())
        except DecodeError:
            raise ServingError(
                Code.INTERNAL, f"Failed to parse the bytes as {message_class.__name__}"
            ) from None
        return function(message, caller, request).SerializeToString()
    except ServingError as error:
        if error.hint:  # more than is sent
            text = "%s was rejected: %s (%s)"
            logger.warning(text, request.api, error.sent(), error.hint)
        return error
    except (ValueError, MemoryError) as error:
        # Above all, responses over protobuf's limit of 2 GiB.
        return ServingError(Code.RESOURCE_EXHAUSTED, f"{type(error).__name__}: {error}")
    except Exception as error:
        logger.exception("a request failed unexpectedly")
        return ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}")


def _refuse(message, caller, request):
    raise ServingError(
        Code.PERMISSION_DENIED,
        f"{request.api} is available at the server's Unix socket alone "
        f"(admin_over_grpc_socket_only)",
    )


async def _abort(context, error):
    await context.abort(_CODES[error.code], error.sent())


class GrpcServer:
    """Serves a core over gRPC, from an event loop in a thread of its own.

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
        self._calls = _Calls(options, requests)
        self._started = futures.Future()
        self._thread = threading.Thread(target=self._run, name="grpc", daemon=True)
        self._thread.start()
        self._started.result()

    def _run(self):
        try:
            _run_loop(self._serve())
        except BaseException as error:
            if not self._started.done():
                self._started.set_exception(error)
            else:
                logger.exception("the gRPC server ends unexpectedly")

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._grace = 0.0
        server = grpc.aio.server(options=_channel_options(self.options))
        self._add_methods(server)
        self._health = health.aio.HealthServicer()
        names = [PREDICTION.full_name, MODEL.full_name]
        if self.options.grpc_health:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
            for name in names:
                await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
            names.append(health.SERVICE_NAME)
        if self.options.grpc_reflection:
            reflection.enable_server_reflection(
                [*names, reflection.SERVICE_NAME], server
            )
        self._listen(server)
        await server.start()
        self._started.set_result(None)
        await self._stopping.wait()
        await server.stop(self._grace)

    def _add_methods(self, server):
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
        server.add_generic_rpc_handlers([_Methods(methods)])

    def _listen(self, server):
        options = self.options
        credentials = None
        if options.ssl is not None:
            credentials = grpc_server_credentials(options.ssl)
        if options.grpc_port is not None:
            host = f"[{options.host}]" if ":" in options.host else options.host
            self.port = _bind(server, f"{host}:{options.grpc_port}", credentials)
        if options.grpc_socket_path:
            _remove_dead_socket(options.grpc_socket_path)
            _bind(server, f"unix:{options.grpc_socket_path}", credentials)

    def stop_accepting(self):
        """Rejects new calls, and turns health checks to NOT_SERVING."""
        self._calls.accepting = False
        self._profiler.end()
        asyncio.run_coroutine_threadsafe(
            self._health.enter_graceful_shutdown(), self._loop
        ).result()

    def stop(self, grace=10.0):
        """Closes the port; in-flight calls have `grace` seconds to finish.

        What a thread still runs then is not waited for.
        """
        if not self._thread.is_alive():
            return
        self._grace = grace
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        if self.options.grpc_socket_path:
            Path(self.options.grpc_socket_path).unlink(missing_ok=True)
        self._calls.pool.shutdown(wait=False, cancel_futures=True)


def _run_loop(main):
    try:
        import uvloop  # where it exists, calls take a fifth less time
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


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
