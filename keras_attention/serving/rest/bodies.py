"""Bodies of HTTP requests and responses: read within limits, unpacked and packed."""

import asyncio
import gzip
import zlib
from typing import Any

from keras_attention.serving.wire.errors import (
    http_error,
    invalid_argument,
)

_SMALLEST_ZIPPED = 16 * 1024  # bytes of an answer that are worth the trouble
_SLOWEST = 64 * 1024  # bytes a second, below which a body is given up
_LINGER_SECONDS = 2.0
_MOMENT_SECONDS = 0.05
_GZIP = (b"gzip", b"x-gzip")  # an old name for it
_NOT_GZIP = "Failed to uncompress the gzip body"
_ZIPPED_PIECE = 1024  # bytes; twice as many each time


class Disconnected(Exception):
    """The client went away."""


class Alarm:
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
        self._rang = False
        self._timer = self._loop.call_later(seconds, self._ring)

    def _ring(self):
        left = self._more() if self._more else 0
        if left > 0:
            self._timer = self._loop.call_later(left, self._ring)
        else:
            self._rang = True
            self._task.cancel()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self._timer.cancel()
        if self._rang and kind is asyncio.CancelledError:
            if hasattr(self._task, "uncancel"):
                self._task.uncancel()
            raise asyncio.TimeoutError from None


class Body:
    """The body of one request, as it arrives.

    Args:
        receive: ASGI's.
        headers: dict of bytes.
        limit: int, bytes; 0 for none.
        timeout: float, seconds. What takes longer must at least keep coming.
    """

    def __init__(self, receive, headers, limit, timeout):
        self._receive = receive
        self._length = headers.get(b"content-length", b"")
        # Nothing comes of itself: who expects 100 asks first, and to receive says yes.
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
            with Alarm(self._timeout, lambda: self._left(begun)):
                pieces = [await self._piece()]
                while not self._complete:
                    pieces.append(await self._piece())
        except asyncio.TimeoutError:
            self._stalls = True
            raise http_error(408, "The body did not arrive in time") from None
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def is_over(self):
        """Whether all of it came, as a small one does together with its head."""
        if not self._complete:
            await self.drop(_MOMENT_SECONDS)
        return self._complete

    async def drop(self, seconds=_LINGER_SECONDS):
        """Lets the rest go by for a while: who is still sending reads no answer."""
        if self._stalls:
            return
        try:
            with Alarm(seconds):
                while not self._complete:
                    await self._receive_one()
        except (asyncio.TimeoutError, Disconnected):
            pass

    async def _piece(self):
        piece = await self._receive_one()
        self._size += len(piece)
        if self._limit and self._size > self._limit:
            raise _too_large("The body", self._limit)
        return piece

    async def _receive_one(self):
        self._stalls = False
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        self._complete = not message.get("more_body", False)
        return message.get("body", b"")

    def _left(self, begun):
        now = asyncio.get_running_loop().time()
        return begun + self._timeout + self._size / _SLOWEST - now


def _too_large(what, limit):
    return http_error(
        413, f"{what} is larger than the {limit} bytes that the server takes"
    )


def is_zipped(headers):
    """Whether a body is packed with gzip; raises ServingError for other codings."""
    codings = headers.get(b"content-encoding", b"").lower().split(b",")
    codings = [coding.strip() for coding in codings]
    codings = [coding for coding in codings if coding not in (b"", b"identity")]
    if not codings:
        return False
    if len(codings) > 1 or codings[0] not in _GZIP:
        raise http_error(
            415, "Expected no Content-Encoding, or gzip once; received another"
        )
    return True


def unzip(body, limit, caller=None):
    """Unpacks gzip; a small body that grows too large is stopped while it grows.

    Args:
        body: bytes.
        limit: int, bytes; 0 for none.
        caller: `Caller`, optional. Once it has left, unpacking ends.

    Raises:
        ServingError: if it is no gzip, too large, or takes too long.
    """
    unpacked = []
    size = position = step = 0
    part = None
    try:
        while position < len(body):
            if caller is not None:
                caller.check("Timed out while unpacking")
            if part is None:  # gzip allows several parts, one behind the other
                part = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
                step = _ZIPPED_PIECE
            piece = memoryview(body)[position : position + step]
            room = limit - size + 1 if limit else 0
            unpacked.append(part.decompress(piece, room))
            size += len(unpacked[-1])
            if limit and size > limit:
                raise _too_large("The unpacked body", limit)
            # What is behind a part is copied: of many small ones, a little each.
            position += len(piece) - len(part.unused_data)
            if part.eof:
                part = None
            step *= 2
    except zlib.error:
        raise invalid_argument(_NOT_GZIP) from None
    if part is not None:
        raise invalid_argument(_NOT_GZIP)
    return unpacked[0] if len(unpacked) == 1 else b"".join(unpacked)


def zip_for(content, headers):
    """Packs an answer where the client takes that and it pays.

    Returns:
        `(content, extra headers)`.
    """
    if len(content) < _SMALLEST_ZIPPED or not _takes_gzip(headers):
        return content, []
    packed = gzip.compress(content, compresslevel=1)
    return packed, [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]


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
