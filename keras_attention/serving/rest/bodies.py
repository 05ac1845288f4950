"""Bodies of HTTP requests and responses: read within limits, and compressed."""

import asyncio
import gzip
import zlib
from typing import Any

from keras_attention.serving.wire.errors import (
    http_error,
    invalid_argument,
)

_MIN_COMPRESSED = 16 * 1024  # bytes of a response that are worth the trouble
_MIN_RATE = 64 * 1024  # bytes a second, below which a body is given up
_LINGER_SECONDS = 2.0
_MOMENT_SECONDS = 0.05
_GZIP = (b"gzip", b"x-gzip")  # an old name for it
_NOT_GZIP = "Failed to uncompress the gzip body"
_COMPRESSED_CHUNK = 1024  # bytes; twice as many each time


class Disconnected(Exception):
    """The client closed the connection."""


class Timeout:
    """Ends what this task waits for at a time, with `asyncio.TimeoutError`.

    Python 3.10 has no `asyncio.timeout`, and `asyncio.wait_for` makes a task of its
    own for every wait, which small requests would feel.

    Args:
        seconds: float.
        more: function, optional. Asked at that time, says how many seconds are left.
    """

    def __init__(self, seconds, more=None):
        self._loop = asyncio.get_running_loop()
        self._task: Any = asyncio.current_task()
        self._more = more
        self._expired = False
        self._timer = self._loop.call_later(seconds, self._expire)

    def _expire(self):
        left = self._more() if self._more else 0
        if left > 0:
            self._timer = self._loop.call_later(left, self._expire)
        else:
            self._expired = True
            self._task.cancel()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self._timer.cancel()
        if self._expired and kind is asyncio.CancelledError:
            if hasattr(self._task, "uncancel"):
                self._task.uncancel()
            raise asyncio.TimeoutError from None


class Body:
    """The body of one request, as it is received.

    Args:
        receive: ASGI's.
        headers: dict of bytes.
        limit: int, bytes; 0 for none.
        timeout: float, seconds. What takes longer must at least keep coming.
    """

    def __init__(self, receive, headers, limit, timeout):
        self._receive = receive
        self._length = headers.get(b"content-length", b"")
        # Nothing comes of itself: who expects 100 waits for it; to receive sends it.
        self._stalls = b"expect" in headers
        self._limit = limit
        self._timeout = timeout
        self._size = 0
        self._complete = False

    async def read(self):
        """Reads it, and no further than it may go.

        Returns:
            bytes.

        Raises:
            ServingError: if it is too large, or too slow.
            Disconnected: if the client goes away.
        """
        limit = self._limit
        if limit and self._length.isdigit() and int(self._length) > limit:
            raise _too_large("The body", limit)
        begun = asyncio.get_running_loop().time()
        try:
            with Timeout(self._timeout, lambda: self._left(begun)):
                chunks = [await self._chunk()]
                while not self._complete:
                    chunks.append(await self._chunk())
        except asyncio.TimeoutError:
            self._stalls = True
            raise http_error(408, "The body did not arrive in time") from None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def is_over(self):
        """Whether all of it was received, as a small one is with its headers."""
        if not self._complete:
            await self.drop(_MOMENT_SECONDS)
        return self._complete

    async def drop(self, seconds=_LINGER_SECONDS):
        """Discards the rest for a while: a client that is sending reads no response."""
        if self._stalls:
            return
        try:
            with Timeout(seconds):
                while not self._complete:
                    await self._receive_one()
        except (asyncio.TimeoutError, Disconnected):
            pass

    async def _chunk(self):
        chunk = await self._receive_one()
        self._size += len(chunk)
        if self._limit and self._size > self._limit:
            raise _too_large("The body", self._limit)
        return chunk

    async def _receive_one(self):
        self._stalls = False
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        self._complete = not message.get("more_body", False)
        return message.get("body", b"")

    def _left(self, begun):
        now = asyncio.get_running_loop().time()
        return begun + self._timeout + self._size / _MIN_RATE - now


def _too_large(what, limit):
    return http_error(
        413, f"{what} is larger than the {limit} bytes that the server takes"
    )


def is_gzip(headers):
    """Whether a body is compressed with gzip; raises ServingError for other codings."""
    codings = headers.get(b"content-encoding", b"").lower().split(b",")
    codings = [coding.strip() for coding in codings]
    codings = [coding for coding in codings if coding not in (b"", b"identity")]
    if not codings:
        return False
    if len(codings) > 1 or codings[0] not in _GZIP:
        received = b", ".join(codings).decode("latin-1")
        raise http_error(
            415, f"Expected no Content-Encoding, or gzip once; received {received!r}"
        )
    return True


def decompress(body, limit, caller=None):
    """Decompresses gzip; stops as soon as the result is larger than the limit.

    Args:
        body: bytes.
        limit: int, bytes; 0 for none.
        caller: `Caller`, optional. Once it has left, decompressing ends.

    Raises:
        ServingError: if it is no gzip, too large, or takes too long.
    """
    decompressed = []
    size = position = step = 0
    part = None
    try:
        while position < len(body):
            if caller is not None:
                caller.check("Timed out while decompressing")
            if part is None:  # gzip allows several parts, one behind the other
                part = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
                step = _COMPRESSED_CHUNK
            chunk = memoryview(body)[position : position + step]
            room = limit - size + 1 if limit else 0
            decompressed.append(part.decompress(chunk, room))
            size += len(decompressed[-1])
            if limit and size > limit:
                raise _too_large("The decompressed body", limit)
            # What is behind a part is copied: of many small ones, a little each.
            position += len(chunk) - len(part.unused_data)
            if part.eof:
                part = None
            step *= 2
    except zlib.error:
        raise invalid_argument(_NOT_GZIP) from None
    if part is not None:
        raise invalid_argument(_NOT_GZIP)
    return decompressed[0] if len(decompressed) == 1 else b"".join(decompressed)


def compress_for(content, headers):
    """Compresses a response where the client accepts that and it pays.

    Returns:
        `(content, extra headers)`.
    """
    if len(content) < _MIN_COMPRESSED or not _takes_gzip(headers):
        return content, []
    compressed = gzip.compress(content, compresslevel=1)
    return compressed, [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]


def _takes_gzip(headers):
    qualities = {}
    for item in headers.get(b"accept-encoding", b"").lower().split(b","):
        name, *parameters = [part.strip() for part in item.split(b";")]
        qualities[name] = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition(b"=")
            if key.strip() == b"q":
                qualities[name] = _quality(value)
    named = [qualities[name] for name in _GZIP if name in qualities]
    return max(named or [qualities.get(b"*", 0.0)]) > 0.0


def _quality(value):
    try:
        return float(value)
    except ValueError:
        return 0.0
