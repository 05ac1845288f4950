"""The ASGI application: an event loop for I/O, and threads that run requests."""

import asyncio
import functools
import time
from concurrent import futures

from keras_attention.serving.callers import Caller
from keras_attention.serving.logs import get_logger
from keras_attention.serving.rest.bodies import (
    Body,
    Disconnected,
    compress_for,
    decompress,
    is_gzip,
)
from keras_attention.serving.rest.routes import RestHandlers, error_body, route
from keras_attention.serving.wire.errors import Code, ServingError, http_error

logger = get_logger(__name__)

_JSON = (b"content-type", b"application/json")
_PLAIN = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"POST, GET"),
    (b"access-control-allow-headers", b"Content-Type"),
]
_CLOSE = (b"connection", b"close")
_DAY = 86400.0
_LIVE, _READY, _LIST = "/v2/health/live", "/v2/health/ready", "/v1/models"


class RestApp:
    """Serves HTTP requests.

    Written for ASGI itself: every layer in between would cost every request time.

    Args:
        core: `Core`.
        options: `ServerOptions`.
        requests: `Requests`.
        metrics: `Metrics`.
    """

    def __init__(self, core, options, requests, metrics):
        self.core = core
        self.options = options
        self.requests = requests
        self.metrics = metrics
        self.stopping = False
        self.handlers = RestHandlers(core, options.limits.max_nesting)
        self.pool = futures.ThreadPoolExecutor(
            options.rest_threads, thread_name_prefix="rest"
        )
        # 0 is no limit, as for TensorFlow Serving; a day comes to the same.
        self._timeout = options.rest_timeout_seconds or _DAY

    async def __call__(self, scope, receive, send):
        method, path = scope["method"], _path(scope)
        if method == "HEAD":  # the connection leaves out the body
            method = "GET"
        monitor = self._monitor(path)
        if monitor is not None and method == "GET":
            await self._send(send, *await monitor())
        elif method == "OPTIONS" and path.lower().startswith("/v1/"):
            await self._send(send, *_preflight(dict(scope["headers"])))
        else:
            await self._handle(scope, method, path, receive, send)

    def _monitor(self, path):
        """Health checks, metrics and the list of models skip the queue; else None."""
        if path == self.options.monitoring_path:
            return self._metrics
        return {_LIVE: self._live, _READY: self._ready, _LIST: self._list}.get(path)

    async def _metrics(self):
        page = await asyncio.to_thread(self.metrics.page)
        return 200, page.encode(), [_PLAIN]

    async def _live(self):
        return 200, b"{}", [_JSON]

    async def _ready(self):
        if self.core.is_ready() and not self.stopping:
            return 200, b"{}", [_JSON]
        return 503, error_body("Not every model is available"), [_JSON]

    async def _list(self):
        return 200, self.handlers.list(), [_JSON]

    async def _handle(self, scope, method, path, receive, send):
        headers = _headers(scope)
        limit = self.options.limits.max_body_bytes
        body = Body(receive, headers, limit, self._timeout)
        request, work = None, None
        failure: ServingError | None = None
        status, content, extra = 200, b"", []
        try:
            request = self.requests.begin("REST", "Unknown", _peer(scope))
            if self._monitor(path) is not None and not path.startswith("/v1/"):
                raise http_error(
                    405, f"Expected GET or HEAD of {path}, received {method}"
                )
            endpoint = route(method, path)
            request.api = endpoint.api
            request.model_spec = endpoint.model_spec
            compressed = method == "POST" and is_gzip(headers)
            content = await body.read()
            request.size = len(content)
            work = _Work(self._timeout, scope["state"])
            work.begin(
                self.pool, self._run, endpoint, content, compressed, headers, request
            )
            content, extra = await work.result()
        except ServingError as error:
            failure = error
            status, extra = error.http_status, _headers_of(error)
            content = error_body(error.sent())
        except Disconnected:
            failure = scope["state"].pop("refusal", None) or ServingError(
                Code.CANCELLED, "The client closed the connection"
            )
            status, content = failure.http_status, b""  # which nobody will read
        except asyncio.CancelledError:
            failure = ServingError(Code.UNAVAILABLE, "The server is shutting down")
            status, content = failure.http_status, error_body(failure.message)
        scope["state"].pop("gone", None)  # it holds the response
        if request is not None:
            request.is_answered()
        try:
            await self._send(send, status, content, [_JSON, *extra], body)
        finally:
            if request is not None:
                _finish(request, work, failure, status, len(content))

    def _run(self, caller, endpoint, body, compressed, headers, request):
        """Returns `(bytes, headers)` or a `ServingError`; never raises."""
        try:
            if compressed:
                limit = self.options.limits.max_decompressed_bytes
                body = decompress(body, limit, caller)
            content = self.handlers.handle(endpoint, body, caller, request)
            return compress_for(content, headers)
        except ServingError as error:
            return error
        except MemoryError:
            return ServingError(Code.RESOURCE_EXHAUSTED, "The server is out of memory")
        except Exception as error:
            logger.exception("a request failed unexpectedly")
            return ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}")

    async def _send(self, send, status, content, headers, body=None):
        if self.options.cors:
            headers = [*headers, *_CORS]
        if self.stopping:
            headers = [*headers, _CLOSE]
        headers = [*headers, (b"content-length", b"%d" % len(content))]
        # A body that nobody will read must not be taken for the next request.
        unread = body is not None and not await body.is_over()
        if unread:
            headers.append(_CLOSE)
        start = {"type": "http.response.start", "status": status, "headers": headers}
        await send(start)
        if unread:
            part = {"type": "http.response.body", "body": content, "more_body": True}
            await send(part)
            await body.drop()
            content = b""
        await send({"type": "http.response.body", "body": content})

    def close(self):
        """Starts nothing more, and does not wait for what runs."""
        self.pool.shutdown(wait=False, cancel_futures=True)


class _Work:
    """What a thread does for a request, until the timeout or the client is gone.

    Args:
        timeout: float, seconds.
        state: dict, ASGI's, where the connection finds whom to tell when it is lost.
    """

    def __init__(self, timeout, state):
        self._loop = asyncio.get_running_loop()
        self._waiter = self._loop.create_future()
        self._timeout = timeout
        self._responded = False
        self._future: futures.Future
        state["gone"] = lambda: self._settle(Disconnected())

    def begin(self, pool, function, *arguments):
        """Queues `function(caller, *arguments)`."""
        self._caller = Caller(time.monotonic() + self._timeout)
        self._arguments = arguments

        def run():
            arguments, self._arguments = self._arguments, ()
            result = function(self._caller, *arguments)
            del arguments
            try:
                self._loop.call_soon_threadsafe(self._respond, result)
            except RuntimeError:  # the loop has ended: nobody waits any more
                pass

        self._future = pool.submit(run)

    async def result(self):
        """Waits for what `function` returns; raises it if that is an error."""
        late = ServingError(
            Code.DEADLINE_EXCEEDED, f"Timed out after {self._timeout:g} seconds"
        )
        timer = self._loop.call_later(self._timeout, self._settle, late)
        try:
            result = await self._waiter
        finally:
            timer.cancel()
            if not self._responded:
                self._caller.leave()
        if isinstance(result, Exception):
            raise result
        return result

    def end(self, then):
        """Takes it out of the queue, and calls `then` once no thread works on it."""
        if self._responded:
            then()
        elif self._future.cancel():
            self._arguments = ()  # or the body would stay until a thread comes by
            then()
        else:
            self._future.add_done_callback(lambda _: then())

    def _respond(self, result):
        self._responded = True
        self._settle(result)

    def _settle(self, result):
        if not self._waiter.done():
            self._waiter.set_result(result)


def _finish(request, work, failure, status, size):
    """Counts a request; a cancelled one is in flight until its thread ends."""
    code = failure.code if failure else Code.OK
    message = failure.message if failure else ""
    finish = functools.partial(request.finish, code, size, message, status)
    if work is None:
        finish()
    else:
        work.end(finish)


def _preflight(headers):
    """The response to the CORS preflight request of a browser."""
    if b"://" in headers.get(b"origin", b""):
        return 200, b"", []
    body = error_body("Origin header is missing in CORS preflight")
    return 400, body, [_JSON]


def _headers(scope):
    """Dict of name to value; what comes several times is one value, with commas."""
    pairs = scope["headers"]
    headers = dict(pairs)
    if len(headers) < len(pairs):
        for name in headers:
            headers[name] = b", ".join(value for n, value in pairs if n == name)
    return headers


# What a client should do about it: retry later, or send it otherwise.
_ADVICE = {
    405: [(b"allow", b"GET, HEAD")],
    415: [(b"accept-encoding", b"gzip")],
    429: [(b"retry-after", b"1")],
}


def _headers_of(error):
    return _ADVICE.get(error.http_status, [])


def _path(scope):
    raw_path = scope.get("raw_path") or scope["path"].encode()
    return raw_path.decode("latin-1").partition("?")[0]


def _peer(scope):
    client = scope.get("client")
    return f"{client[0]}:{client[1]}" if client else ""
