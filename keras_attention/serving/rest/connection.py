"""One HTTP connection: uvicorn's, within limits."""

from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MAX_HEADER_BYTES = 64 * 1024
_HEADER_SECONDS = 30.0
_MAX_PIPELINED = 64  # requests sent ahead of the answer to the first
_FRAMING = (b"content-length", b"transfer-encoding")


class Connection(HttpToolsProtocol):
    """A connection whose requests begin briefly and in time, one after the other.

    Upgrades are declined: Java's HTTP client offers one to HTTP/2 with every request.
    """

    _not_body = 0  # bytes since something came that was not a head or a trailer
    _in_head = False
    _again = False  # the head that is parsed was parsed before
    _running: Any = None  # the cycle that is being answered; `cycle` is the newest
    _timer = None

    def connection_made(self, transport):
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        self._start_timer()

    def connection_lost(self, exc):
        self._forget_timer()
        if self._under_way():
            self._running.disconnected = True
            self._running.message_event.set()
            self._running.scope["state"].get("gone", bool)()
        super().connection_lost(exc)

    def data_received(self, data):
        self._unset_keepalive_if_required()
        self._not_body += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._hang_up(b"400 Bad Request")
            return
        if self._not_body > _MAX_HEADER_BYTES:
            self._hang_up(b"431 Request Header Fields Too Large")
        elif self._in_head and self._timer is None:
            self._start_timer()

    def _feed(self, data):
        while True:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._parse_head_again()

    def _parse_head_again(self):
        """The parser takes what follows for another protocol: a new one reads it."""
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self.parser = parser
        self._again = True
        lines = [b"POST / HTTP/1.1"]
        lines += [b": ".join(pair) for pair in self.headers if pair[0] in _FRAMING]
        parser.feed_data(b"\r\n".join(lines) + b"\r\n\r\n")

    def on_message_begin(self):
        if not self._again:
            self._in_head = True
            super().on_message_begin()

    def on_url(self, url):
        if not self._again:
            super().on_url(url)

    def on_header(self, name, value):
        if self._in_head:  # else a trailer, which nobody asks for
            super().on_header(name, value)

    def on_headers_complete(self):
        self._not_body = 0
        if self._again:
            self._again = False
            return
        self._in_head = False
        self._forget_timer()
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise ValueError("too many requests before the first is answered")
        super().on_headers_complete()

    def on_body(self, body):
        self._not_body = 0
        super().on_body(body)

    def on_message_complete(self):
        self._not_body = 0
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _start_asgi_task(self, cycle, app):
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _under_way(self):
        return self._running is not None and not self._running.response_complete

    def _start_timer(self):
        self._timer = self.loop.call_later(_HEADER_SECONDS, self._is_late)

    def _forget_timer(self):
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_late(self):
        self._hang_up(b"408 Request Timeout" if self._in_head else b"")

    def _hang_up(self, status):
        """Says why, unless that would come in the middle of an answer."""
        self._forget_timer()
        if self.transport is None or self.transport.is_closing():
            return
        if status and not self._under_way():
            rest = b"connection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + rest)
        self.transport.close()


class _Flow(FlowControl):
    """Reads no further while requests wait for the answer to an earlier one."""

    def __init__(self, transport, pipeline):
        super().__init__(transport)
        self._pipeline = pipeline

    def resume_reading(self):
        if not self._pipeline:
            super().resume_reading()
