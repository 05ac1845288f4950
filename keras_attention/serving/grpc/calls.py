"""Calls: from bytes to bytes, each in a thread of its own."""

import time
from concurrent import futures

import grpc
from google.protobuf.message import DecodeError

from keras_attention.serving.callers import Caller
from keras_attention.serving.grpc.turns import Turns
from keras_attention.serving.logs import get_logger
from keras_attention.serving.wire.errors import Code, ServingError

logger = get_logger(__name__)

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_YEAR = 366 * 86400.0


class Calls:
    """Handles calls, of which only `grpc_threads` run at one time.

    Messages arrive and leave as bytes: parsing and writing large ones takes long, and
    gRPC's own thread must stay free for the other connections.

    Args:
        options: `ServerOptions`.
        requests: `Requests`.
    """

    def __init__(self, options, requests):
        self.requests = requests
        self.accepting = True
        self._turns = Turns(options.grpc_threads)

    def handler(self, api, message_class, function, socket_only=False):
        """Handles calls of one method; `socket_only` rejects those over a network."""

        def handle(contents, context):
            run = function
            if socket_only and not context.peer().startswith("unix:"):
                run = _refuse
            return self._handle(api, message_class, run, contents, context)

        # gRPC holds what it hands over until the call ends; a list can be emptied.
        return grpc.unary_unary_rpc_method_handler(handle, lambda content: [content])

    def _handle(self, api, message_class, function, contents, context):
        try:
            if not self.accepting:
                raise ServingError(Code.UNAVAILABLE, "The server is shutting down")
            size = len(contents[0])
            request = self.requests.begin("GRPC", api, context.peer(), size)
        except ServingError as error:
            _abort(context, error)
        caller = Caller(_deadline(context))
        ends = []

        def end():
            ends.append(Code.DEADLINE_EXCEEDED if caller.is_late() else Code.CANCELLED)
            caller.leave()

        # The client is gone, or its deadline has passed: a queued request is dropped; a
        # running one is stopped, and in flight until it ends.
        if not context.add_callback(end):
            end()
        try:
            with self._turns.take(caller):
                result = _work(message_class, function, contents, caller, request)
        except ServingError as error:
            result = error
        if ends:
            request.finish(ends[0])
        elif isinstance(result, ServingError):
            request.finish(result.code, message=result.message)
        else:
            request.finish(response_size=len(result))
        if isinstance(result, ServingError):
            _abort(context, result)
        return result


class Threads(futures.ThreadPoolExecutor):
    """One for each call in flight: those that wait for their turn wait there.

    Args:
        number: int. The most there may be; they are started as they are needed.
    """

    def __init__(self, number):
        super().__init__(number, thread_name_prefix="grpc")

    def submit(self, function, /, *arguments, **keywords):
        try:
            return super().submit(function, *arguments, **keywords)
        except RuntimeError as error:
            # The system has no more threads. It is queued all the same, for the next of
            # those there are; gRPC's own thread would end by the error.
            logger.error("a gRPC request must wait: %s", error)
            return futures.Future()


def _deadline(context):
    remaining = context.time_remaining()
    if remaining is None or remaining > _YEAR:  # or whatever stands for none
        return None
    return time.monotonic() + remaining


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


def _abort(context, error):
    context.abort(_CODES[error.code], error.sent())
