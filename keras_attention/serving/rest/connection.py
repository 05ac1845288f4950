"""One HTTP connection: uvicorn's, within limits."""

from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from keras_attention.serving.rest.heads import check_head
from keras_attention.serving.rest.routes import error_body
from keras_attention.serving.wire.errors import http_error

_MAX_HEADER_BYTES = 64 * 1024
_HEADER_SECONDS = 30.0
_MAX_PIPELINED = 64  # requests sent ahead of the answer to the first
_FRAMING = (b"content-length", b"transfer-encoding")
# How long, and how much, goes by of what is still sent to who has the last word: one
# that hangs up amid of it would take the answer back.
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 2**20


class Connection(HttpToolsProtocol):
    """A connection whose requests begin briefly and in time, one after the other.

    What is no proper request is refused in its turn, and nothing is read behind it.
    Upgrades are declined: Java's HTTP client offers one to HTTP/2 with every request.
    """

    _not_body = 0  # bytes since something came that was not a head or a trailer
    _field_bytes = 0  # of the head that is parsed, or of its trailers
    _in_head = False
    _in_body = False
    _again = False  # the head that is parsed was parsed before
    _running: Any = None  # the cycle that is being answered; `cycle` is the newest
    _timer: Any = None
    _refusal: Any = None  # why nothing more is read
    _unheard = 0  # bytes since then

    def connection_made(self, transport):
        super().connection_made(transport)
        self.flow = _Flow(transport, self._may_read)
        self._start_timer()

    def connection_lost(self, exc):
        self._forget_timer()
        if self._under_way():
            self._abandon(self._running)
        super().connection_lost(exc)

    def _may_read(self):
        return not self.pipeline and self._refusal is None

    def data_received(self, data):
        self._unset_keepalive_if_required()
        if self._refusal is not None:
            self._unheard += len(data)
            if self._unheard > _LINGER_BYTES:
                self._hang_up()
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
            # Whatever the pieces in which they arrive.
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
            self._hang_up()
            raise ValueError  # which ends the parser
        version = self.parser.get_http_version()
        error = check_head(version, self.headers)
        if error is not None:
            self._stop(error)
        self._in_head = False
        super().on_headers_complete()
        self._in_body = True
        if version == "1.0":
            self.cycle.waiting_for_100_continue = False  # it knows no such answer
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
        if self._refusal is not None and not self._under_way():
            self._say_last()

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
        if self._in_head:
            self._refuse(http_error(408, "The headers did not arrive in time"))
        else:
            self._hang_up()

    def _stop(self, error):
        """Ends the parser, from within one of its calls."""
        self._refuse(error)
        raise ValueError

    def _refuse(self, error):
        """Answers with an error once it is its turn, reads no more, and hangs up."""
        closed = self.transport is None or self.transport.is_closing()
        if self._refusal is not None or closed:
            return
        self._forget_timer()
        self._refusal = error
        if self._in_body and self.pipeline:
            self.pipeline.popleft()  # its body is the newest, and will not come
        elif self._in_body and self._under_way():
            # The one that is being read: whoever waits for its body is told.
            if self._running.response_started:
                self._hang_up()
                return
            self._running.scope["state"]["refusal"] = error
            self._abandon(self._running)
            self._say_last()
            return
        if self._under_way():
            self.flow.pause_reading()
        else:
            self._say_last()

    def _abandon(self, cycle):
        """Says to who answers a request that nobody listens any more."""
        cycle.disconnected = True
        cycle.message_event.set()
        cycle.scope["state"].get("gone", bool)()

    def _say_last(self):
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
        self._unheard = 0
        FlowControl.resume_reading(self.flow)
        self._timer = self.loop.call_later(_LINGER_SECONDS, self._hang_up)

    def _hang_up(self):
        self._forget_timer()
        if self.transport is not None:
            self.transport.close()


def _too_large():
    text = f"The headers are larger than {_MAX_HEADER_BYTES} bytes"
    return http_error(431, text)


def _named(error):
    """A refusal, of what the parser could not read."""
    reason = str(error) if type(error) is httptools.HttpParserError else ""
    if "HTTP version" in reason:
        return http_error(505, "Only HTTP/1.1 and HTTP/1.0 are spoken here")
    return http_error(400, f"This is no proper HTTP request. {reason}".strip())


class _Flow(FlowControl):
    """Reads no further while requests wait for the answer to an earlier one."""

    def __init__(self, transport, may_read):
        super().__init__(transport)
        self._may_read = may_read

    def resume_reading(self):
        if self._may_read():
            super().resume_reading()
