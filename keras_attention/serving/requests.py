"""Requests as an operator sees them: limits, metrics and the access log."""

import json
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from keras_attention.serving.logs import cut, get_logger
from keras_attention.serving.metrics import Metrics
from keras_attention.serving.wire.errors import Code, ServingError

logger = get_logger(__name__)

# Requests that run a model, by the names under which they are counted.
_COUNTED = {"Predict", "Classify", "Regress", "MultiInference"}
# Any client can send names of models that do not exist; they must not fill the RAM.
_MAX_UNKNOWN_NAMES = 100
_MAX_ERROR = 500  # characters of a message in the access log


class Request:
    """One request in flight.

    Whoever handles it fills in what becomes known: `model_spec` once it is parsed, and
    later the one that `Core` resolved. `finish` is called once, by the transport.
    """

    def __init__(self, requests, entrypoint, api, peer, size):
        self._requests = requests
        self.entrypoint = entrypoint
        self.api = api
        self.peer = peer
        self.size = size
        self.model_spec = None
        self.started = time.monotonic()
        self.seconds = None

    def is_answered(self):
        """The response is ready; sending it does not count as latency."""
        self.seconds = time.monotonic() - self.started

    def finish(self, code=Code.OK, response_size=0, message="", http_status=None):
        """Records how it ended.

        Args:
            code: `Code`.
            response_size: int, bytes.
            message: str. Of an error.
            http_status: int, with REST.
        """
        self._requests.finish(self, Code(code), response_size, message, http_status)


class Requests:
    """The requests of one server, over all its transports.

    Args:
        metrics: `Metrics`.
        max_concurrent: int. In-flight requests; more are rejected; 0 for no limit.
        access_log: path of a file, "-" for standard error, "" for none. One JSON
            object a line.
        is_model: function of a name, optional. Whether a model has that name; without
            it, those that had a successful request.
    """

    def __init__(self, metrics=None, max_concurrent=0, access_log="", is_model=None):
        self.metrics = metrics or Metrics()
        self.max_concurrent = max_concurrent
        self._in_flight = 0
        self._is_model = is_model or (lambda name: False)
        self._answered = set()  # names of models
        self._unknown = set()  # other names, as they are counted
        self._changed = threading.Condition()
        self._access_log = access_log
        self._file: TextIO | None = None
        if access_log == "-":
            self._file = sys.stderr
        elif access_log:
            self._file = Path(access_log).open("a", encoding="utf-8")
        self._writing = threading.Lock()
        self._log_fails = False
        name = ":tensorflow:serving:"
        self._counts = self.metrics.counter(
            f"{name}request_count",
            ("model_name", "status"),
            "The total number of requests.",
        )
        self._latency = self.metrics.histogram(
            f"{name}request_latency",
            ("model_name", "API", "entrypoint"),
            "Distribution of wall time (in microseconds) for Tensorflow Serving "
            "request.",
        )
        self._signatures = self.metrics.counter(
            f"{name}signature_request_count",
            ("model_name", "signature_name", "version"),
            "Successful requests, by signature and version.",
        )
        self._signature_latency = self.metrics.histogram(
            f"{name}signature_request_latency",
            ("model_name", "signature_name", "entrypoint"),
            "Wall time (in microseconds) of successful requests, by signature.",
        )
        self._gauge = self.metrics.gauge(
            f"{name}requests_under_way", (), "In-flight requests."
        )
        self._refused = self.metrics.counter(
            f"{name}requests_refused",
            ("entrypoint",),
            "Requests rejected because too many were in flight.",
        )
        self._gauge.set(0)

    def begin(self, entrypoint, api, peer="", size=0):
        """Admits a request.

        Args:
            entrypoint: "REST" or "GRPC".
            api: str, the method: "Predict", "Classify", "Regress", "MultiInference",
                or another word for what runs no model, such as "GetModelStatus".
            peer: str. The client's address.
            size: int, bytes.

        Returns:
            `Request`, to be finished.

        Raises:
            ServingError: RESOURCE_EXHAUSTED if too many are in flight.
        """
        with self._changed:
            if self.max_concurrent and self._in_flight >= self.max_concurrent:
                self._refused.add(1, entrypoint)
                raise ServingError(
                    Code.RESOURCE_EXHAUSTED,
                    f"Too many requests: {self._in_flight} are in flight, and the "
                    f"server takes {self.max_concurrent} at a time; try again later",
                )
            self._in_flight += 1
            self._gauge.set(self._in_flight)
        return Request(self, entrypoint, api, peer, size)

    def finish(self, request, code, response_size, message, http_status):
        seconds = request.seconds
        if seconds is None:
            seconds = time.monotonic() - request.started
        try:
            model_spec = request.model_spec
            if model_spec is not None and request.api in _COUNTED:
                self._count(request, model_spec, code, seconds)
            if self._file is not None:
                self._write(
                    _line(request, code, response_size, message, http_status, seconds)
                )
        finally:
            with self._changed:
                self._in_flight -= 1
                self._gauge.set(self._in_flight)
                self._changed.notify_all()

    def reopen_log(self):
        """Continues in a new file of the same name, once the old one was moved.

        If that cannot be opened, the old one is kept.
        """
        if self._file is None or self._file is sys.stderr:
            return
        try:
            file: TextIO = Path(self._access_log).open("a", encoding="utf-8")
        except OSError as error:
            logger.error(
                "the access log cannot be reopened; it continues in its old file: %s",
                error,
            )
            return
        with self._writing:
            if self._file is not None:  # else it was closed meanwhile
                file, self._file = self._file, file
        _close(file)

    def _write(self, line):
        """Writes a line; a full disk is reported once, and harms no request."""
        with self._writing:
            if self._file is None:  # closed meanwhile
                return
            try:
                self._file.write(line)
                self._file.flush()
                self._log_fails = False
            except (OSError, ValueError) as error:
                if not self._log_fails:
                    logger.error("the access log cannot be written: %s", error)
                self._log_fails = True

    def _count(self, request, model_spec, code, seconds):
        name = model_spec.name
        if code is not Code.OK:
            self._counts.add(1, self._known(name), code.name)
            return
        self._answered.add(name)
        self._counts.add(1, name, code.name)
        microseconds = round(seconds * 1e6)
        # As TensorFlow Serving writes them: REST's are those of its paths.
        api = request.api.lower() if request.entrypoint == "REST" else request.api
        self._latency.observe(microseconds, name, api, request.entrypoint)
        signature = model_spec.signature_name
        self._signatures.add(1, name, signature, model_spec.version)
        self._signature_latency.observe(
            microseconds, name, signature, request.entrypoint
        )

    def _known(self, name):
        """A model's name as it is; another one cut, and not too many of them."""
        if name in self._answered or self._is_model(name):
            return name
        name = cut(name)
        with self._changed:
            if len(self._unknown) < _MAX_UNKNOWN_NAMES:
                self._unknown.add(name)
            return name if name in self._unknown else "(others)"

    def drain(self, seconds):
        """Waits until no request is in flight; returns whether that came to be."""
        with self._changed:
            return self._changed.wait_for(lambda: self._in_flight == 0, seconds)

    def close(self):
        with self._writing:
            file, self._file = self._file, None
        if file is not None and file is not sys.stderr:
            _close(file)


def _close(file):
    with suppress(OSError):  # the disk is still full
        file.close()


def _line(request, code, response_size, message, http_status, seconds):
    model_spec = request.model_spec
    values = {
        "time": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "peer": cut(request.peer),
        "entrypoint": request.entrypoint,
        "api": request.api,
        "model": cut(model_spec.name) if model_spec else "",
        "version": model_spec.version if model_spec else None,
        "signature": cut(model_spec.signature_name) if model_spec else "",
        "code": code.name,
        "http_status": http_status,
        "milliseconds": round(seconds * 1e3, 3),
        "request_bytes": request.size,
        "response_bytes": response_size,
    }
    if message:
        values["error"] = cut(message, _MAX_ERROR)
    return json.dumps(values) + "\n"
