"""One HTTP connection: uvicorn's, within limits."""

from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from keras_attention.serving.rest.headers import check_head
from keras_attention.serving.rest.routes import error_body
from keras_attention.serving.wire.errors import http_error

_MAX_HEADER_BYTES = 64 * 1024
_HEADER_SECONDS = 30.0
_MAX_PIPELINED = 64  # requests
_FRAMING = (b"content-length", b"transfer-encoding")
# How long, and how many bytes, to discard after the last response: closing a connection
# while the client is sending would take that response back.
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 2**20


class Connection(HttpToolsProtocol):
    """A connection with limits on headers, on their time and on pipelining.

    A malformed request is rejected in order, and nothing after it is read.
    Upgrades are declined: Java's HTTP client offers one to HTTP/2 with every request.
    """

    _not_body = 0  # bytes since something came that was not a head or a trailer
    _field_bytes = 0  # of the head that is parsed, or of its trailers
    _in_head = False
    _in_body = False
    _again = False  # the head that is parsed was parsed before
    _running: Any = None  # the cycle whose response is pending; `cycle` is the newest
    _timer: Any = None
    _refusal: Any = None  # why nothing more is read
    _discarded = 0  # bytes since then

    def connection_made(self, transport):
        super().connection_made(transport)
        self.flow = _Flow(transport, self._may_read)
        self._start_timer()

    def connection_lost(self, exc):
        self._forget_timer()
        if self._in_flight():
            self._disconnect(self._running)
        super().connection_lost(exc)

    def _may_read(self):
        return not self.pipeline and self._refusal is None

    def data_received(self, data):
        self._unset_keepalive_if_required()
        if self._refusal is not None:
            self._discarded += len(data)
            if self._discarded > _LINGER_BYTES:
                self._close_connection()
            return
        self._not_body += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as error:
            self._refuse(_named(error))
            return
        if self._not_body > _MAX_HEADER_BYTES:
            self._refuse(_too_large())
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
            self._field_bytes = 0
            super().on_message_begin()

    def on_url(self, url):
        if not self._again:
            super().on_url(url)
            if len(self.url) > _MAX_HEADER_BYTES:
                text = f"The URL is longer than {_MAX_HEADER_BYTES} bytes"
                self._stop(http_error(414, text))

    def on_header(self, name, value):
        if not self._again:
            # Whatever the chunks in which they arrive.
            self._field_bytes += len(name) + len(value) + len(b": \r\n")
            if self._field_bytes + len(self.url) > _MAX_HEADER_BYTES:
                self._stop(_too_large())
        if self._in_head:  # else a trailer, which nobody asks for
            super().on_header(name, value)

    def on_headers_complete(self):
        self._not_body = 0
        if self._again:
            self._again = False
            return
        self._forget_timer()
        if len(self.pipeline) >= _MAX_PIPELINED:
            self._close_connection()
            raise ValueError  # which ends the parser
        version = self.parser.get_http_version()
        error = check_head(version, self.headers)
        if error is not None:
            self._stop(error)
        self._in_head = False
        super().on_headers_complete()
        self._in_body = True
        if version == "1.0":
            self.cycle.waiting_for_100_continue = False  # it knows no such response
        self._field_bytes = 0

    def on_body(self, body):
        self._not_body = 0
        super().on_body(body)

    def on_message_complete(self):
        self._not_body = 0
        if not self.parser.should_upgrade():
            self._in_body = False
            super().on_message_complete()

    def on_response_complete(self):
        super().on_response_complete()
        if self._refusal is not None and not self._in_flight():
            self._send_refusal()

    def _start_asgi_task(self, cycle, app):
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _in_flight(self):
        return self._running is not None and not self._running.response_complete

    def _start_timer(self):
        self._timer = self.loop.call_later(_HEADER_SECONDS, self._is_late)

    def _forget_timer(self):
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _is_late(self):
        if self._in_head:
            self._refuse(http_error(408, "The headers did not arrive in time"))
        else:
            self._close_connection()

    def _stop(self, error):
        """Ends the parser, from within one of its calls."""
        self._refuse(error)
        raise ValueError

    def _refuse(self, error):
        """Sends an error in order, reads no more, and closes the connection."""
        closed = self.transport is None or self.transport.is_closing()
        if self._refusal is not None or closed:
            return
        self._forget_timer()
        self._refusal = error
        if self._in_body and self.pipeline:
            self.pipeline.popleft()  # its body is the newest, and will not come
        elif self._in_body and self._in_flight():
            # The one that is being read: the application waits for its body.
            if self._running.response_started:
                self._close_connection()
                return
            self._running.scope["state"]["refusal"] = error
            self._disconnect(self._running)
            self._send_refusal()
            return
        if self._in_flight():
            self.flow.pause_reading()
        else:
            self._send_refusal()

    def _disconnect(self, cycle):
        """Tells the application that the client of a request is gone."""
        cycle.disconnected = True
        cycle.message_event.set()
        cycle.scope["state"].get("gone", bool)()

    def _send_refusal(self):
        if self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        status = self._refusal.http_status
        body = error_body(self._refusal.sent())
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: application/json\r\nconnection: close\r\n"
            + b"content-length: %d\r\n\r\n%b" % (len(body), body)
        )
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._discarded = 0
        FlowControl.resume_reading(self.flow)
        self._timer = self.loop.call_later(_LINGER_SECONDS, self._close_connection)

    def _close_connection(self):
        self._forget_timer()
        if self.transport is not None:
            self.transport.close()


def _too_large():
    text = f"The headers are larger than {_MAX_HEADER_BYTES} bytes"
    return http_error(431, text)


def _named(error):
    """The error for what the parser could not read."""
    reason = str(error) if type(error) is httptools.HttpParserError else ""
    if "HTTP version" in reason:
        return http_error(505, "Only HTTP/1.1 and HTTP/1.0 are supported")
    return http_error(400, f"Malformed HTTP request. {reason}".strip())


class _Flow(FlowControl):
    """Reads no further while pipelined requests wait for an earlier one."""

    def __init__(self, transport, may_read):
        super().__init__(transport)
        self._may_read = may_read

    def resume_reading(self):
        if self._may_read():
            super().resume_reading()
