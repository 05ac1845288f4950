"""How a client sends requests: HTTP and gRPC, synchronous and async.

Each transport has `send(request, seconds)` and `close()`, and connects when it is first
used. What it cannot reach is UNAVAILABLE, what takes too long DEADLINE_EXCEEDED.
"""

import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

from keras_attention.graph_errors import plain_message
from keras_attention.serving.client.tls import Tls
from keras_attention.serving.wire.errors import Code, ServingError

_GRPC_OPTIONS = {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    # A channel that lost its server reconnects about as often as a client retries.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
}
_HINTS = {
    Code.UNAVAILABLE: "is the server running, and is this its gRPC port?",
    Code.DEADLINE_EXCEEDED: "a longer timeout may help",
    Code.UNIMPLEMENTED: "does a model server listen there, and know this method?",
}
_CHUNK = 1024 * 1024  # bytes of a request between two looks at the clock
_TLS_HINT = "does it use TLS, with a certificate that tls= trusts?"
# By what gRPC says when it cannot connect.
_GRPC_HINTS = {
    "HTTP/2": "is this its gRPC port, rather than its REST port?",
    "SSL": _TLS_HINT,
    "Socket closed": "did it stop, or does it require TLS (tls=)?",
    "Connection reset": "did it stop, or does it require TLS (tls=)?",
}


class HttpTransport:
    """REST for a client that waits.

    Args:
        url: str, without the path of requests.
        tls: `Tls`, or None for the system's certificates.
        headers: dict of str, sent with every request.
    """

    def __init__(self, url, tls, headers):
        self.url = url
        self._options = (url, tls, headers)
        self._lock = threading.Lock()
        self._http = None

    def send(self, request, seconds):
        import httpx

        with self._lock:
            if self._http is None:
                self._http = httpx.Client(**_http_options(*self._options))
        end = None if seconds is None else time.monotonic() + seconds
        timeouts = _Timeouts(end)
        length = {"content-length": str(len(request.body))} if request.body else {}
        with _reporting_http(self.url, seconds):
            with self._http.stream(
                request.method,
                self.url + request.path,
                content=_chunks(request.body, end),
                headers=length,
                extensions={"timeout": timeouts, "trace": timeouts.shrink},
            ) as response:
                chunks = []
                for chunk in response.iter_bytes():
                    if end is not None and time.monotonic() > end:
                        raise httpx.ReadTimeout("the response takes too long")
                    chunks.append(chunk)
        return _http_response(response, b"".join(chunks))

    def close(self):
        if self._http is not None:
            self._http.close()


class AsyncHttpTransport(HttpTransport):
    """REST for a client that awaits."""

    async def send(self, request, seconds):
        import asyncio

        import httpx

        if self._http is None:
            self._http = httpx.AsyncClient(**_http_options(*self._options))
        with _reporting_http(self.url, seconds):
            sending = self._http.request(
                request.method, self.url + request.path, content=request.body
            )
            try:
                response = await asyncio.wait_for(sending, seconds)
            except asyncio.TimeoutError:
                raise httpx.ReadTimeout("the response takes too long") from None
        return _http_response(response, response.content)

    async def close(self):
        if self._http is not None:
            await self._http.aclose()


def _chunks(body, end):
    """What to send, in chunks if it is long: a slow one would outlast every timeout."""
    if not body or len(body) <= _CHUNK or end is None:
        return body
    return _before(end, memoryview(body))


def _before(end, body):
    import httpx

    for start in range(0, len(body), _CHUNK):
        if time.monotonic() > end:
            raise httpx.WriteTimeout("the request takes too long to send")
        yield bytes(body[start : start + _CHUNK])


class _Timeouts(dict):
    """What httpx may wait for each part of a request; less as the end draws near."""

    def __init__(self, end):
        super().__init__()
        self._end = end
        self.shrink("", {})

    def shrink(self, event, info):
        left = None if self._end is None else max(self._end - time.monotonic(), 0.001)
        self.update(dict.fromkeys(("connect", "read", "write", "pool"), left))


def _http_options(url, tls, headers):
    import ssl

    import httpx

    if url.startswith("https:"):
        context = (tls or Tls()).context()
    else:  # one without CAs: reading them takes time
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # By default most connections of many threads would be closed after each request.
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    return {"headers": headers, "timeout": None, "limits": limits, "verify": context}


def _http_response(response, body):
    from keras_attention.serving.client.rest import HttpResponse

    return HttpResponse(response.status_code, response.headers, body)


@contextmanager
def _reporting_http(url, seconds):
    """Turns what httpx raises into ServingErrors."""
    import httpx

    try:
        yield
    except httpx.TimeoutException as error:
        raise ServingError(
            Code.DEADLINE_EXCEEDED,
            f"no response within {seconds:.3g} s",
            f"{url}: a longer timeout may help",
        ) from error
    except httpx.HTTPError as error:
        if "SSL" in str(error):
            hint = _TLS_HINT
        elif isinstance(error, httpx.ConnectError):
            hint = "is the server running, and is this its REST port?"
        else:  # it was reached, and closed the connection
            hint = "is this its REST port, not gRPC's, and should it be https://?"
        raise ServingError(
            Code.UNAVAILABLE, str(error) or type(error).__name__, f"{url}: {hint}"
        ) from error


class GrpcTransport:
    """gRPC for a client that waits.

    Args:
        address: str, host and port, or "unix:" and a path.
        tls: `Tls`, or None for a connection without encryption.
        headers: dict of str, sent with every request as metadata.
        options: dict of channel options.
    """

    def __init__(self, address, tls, headers, options):
        self.address = address
        self._tls = tls
        self._metadata = tuple((name.lower(), headers[name]) for name in headers)
        self._options = tuple({**_GRPC_OPTIONS, **options}.items())
        self._lock = threading.Lock()
        self._channel = None
        self._methods = {}

    def send(self, request, seconds):
        import grpc

        with self._lock:
            method = self._method(grpc, request.method)
        try:
            return method(request.body, timeout=seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _grpc_error(error, self.address) from error

    def _method(self, module, name):
        if self._channel is None:
            if self._tls is None:
                self._channel = module.insecure_channel(
                    self.address, options=self._options
                )
            else:
                self._channel = module.secure_channel(
                    self.address, self._tls.credentials(), options=self._options
                )
        if name not in self._methods:
            # Bytes in and bytes out: messages are made elsewhere.
            self._methods[name] = self._channel.unary_unary(name)
        return self._methods[name]

    def close(self):
        if self._channel is not None:
            self._channel.close()


class AsyncGrpcTransport(GrpcTransport):
    """gRPC for a client that awaits."""

    async def send(self, request, seconds):
        import grpc.aio

        method = self._method(grpc.aio, request.method)
        try:
            return await method(request.body, timeout=seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _grpc_error(error, self.address) from error

    async def close(self):
        if self._channel is not None:
            await self._channel.close()


def _grpc_error(error, address):
    code = Code(error.code().value[0])
    details = error.details() or ""
    hint = _HINTS.get(code, "")
    if code is Code.UNAVAILABLE:
        for part in _GRPC_HINTS:
            if part in details:
                hint = _GRPC_HINTS[part]
    hint = f"{address}: {hint}" if hint else ""
    return ServingError(code, plain_message(details), hint)


def check_url(url):
    """Returns a URL without its last slash; raises ValueError if it is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(
            "rest_url must be like 'http://127.0.0.1:8501', with http:// or https://; "
            f"received {url!r}. gRPC's address, without these, is grpc_target"
        )
    return url.rstrip("/")


def check_address(address):
    """Raises ValueError unless this can be the address of gRPC."""
    if address.startswith(("http:", "https:")):
        raise ValueError(
            "grpc_target must be a host and a port, like '127.0.0.1:8500', or "
            f"'unix:/path'; received {address!r}. The address of REST is rest_url"
        )
    return address
