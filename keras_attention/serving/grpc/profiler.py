"""The profiler service of TensorFlow, for TensorBoard's "Capture profile".

TensorFlow's own server would open a second port, to everybody. This one shares the
port of the models and writes the same files.
"""

import shutil
import tempfile
import threading
from pathlib import Path

from google.protobuf.message_factory import GetMessageClass

from keras_attention.serving.callers import Caller
from keras_attention.serving.wire import protos
from keras_attention.serving.wire.errors import Code, ServingError, invalid_argument

_MAX_SECONDS = 600.0
_SERVICE = protos.POOL.FindServiceByName("tensorflow.ProfilerService")
PROFILER_METHODS = [
    (f"/{_SERVICE.full_name}/{call.name}", call.name, GetMessageClass(call.input_type))
    for call in _SERVICE.methods
]


class Profiler:
    """One profile at a time, as TensorFlow has it."""

    def __init__(self):
        self._busy = threading.Lock()
        self._ended = threading.Event()
        self._session_id = None
        self._stopping = False

    def end(self):
        """Ends the running profile, and every later one at once."""
        self._stopping = True
        self._ended.set()

    def profile(self, message, caller=None, request=None):
        """Records what TensorFlow does for a while, and writes it where asked.

        The file is `repository_root/session_id/host_name.xplane.pb`, on this machine's
        disk; without a `repository_root` nothing is written.
        """
        seconds = (message.duration_ms or message.opts.duration_ms) / 1000
        if not 0 < seconds <= _MAX_SECONDS:
            raise invalid_argument(
                f"expected a duration_ms of 1 to {_MAX_SECONDS * 1000:.0f}, "
                f"received {seconds * 1000:.0f}"
            )
        for name in (message.session_id, message.host_name):
            if "/" in name or name in (".", ".."):
                raise invalid_argument(f"expected a plain name, received {name!r}")
        if not self._busy.acquire(blocking=False):
            raise ServingError(
                Code.ALREADY_EXISTS,
                "Another profile is in progress; try again later",
            )
        try:
            self._session_id = message.session_id
            self._ended.clear()
            if self._stopping:
                raise ServingError(Code.UNAVAILABLE, "The server is shutting down")
            with tempfile.TemporaryDirectory() as folder:
                self._record(folder, message.opts, seconds, caller or Caller())
                traces = sorted(Path(folder).rglob("*.xplane.pb"))
                if traces and message.repository_root:
                    _keep(traces[0], message)
            return protos.ProfileResponse(empty_trace=not traces)
        finally:
            self._session_id = None
            self._busy.release()

    def _record(self, folder, options, seconds, caller):
        import tensorflow as tf

        patience = caller.seconds()
        if patience is not None:
            seconds = min(seconds, patience)
        tf.profiler.experimental.start(
            folder,
            tf.profiler.experimental.ProfilerOptions(
                host_tracer_level=options.host_tracer_level or 2,
                python_tracer_level=options.python_tracer_level,
                device_tracer_level=options.device_tracer_level or 1,
            ),
        )
        try:
            with caller.on_leave(self._ended.set):
                self._ended.wait(seconds)
        finally:
            tf.profiler.experimental.stop()

    def terminate(self, message, caller=None, request=None):
        """Ends the running profile early; what was recorded is kept."""
        if self._session_id is None or message.session_id != self._session_id:
            raise ServingError(
                Code.NOT_FOUND, "No profile with that session_id is running"
            )
        self._ended.set()
        return protos.TerminateResponse()

    def monitor(self, message, caller=None, request=None):
        """As TensorFlow's own does without a TPU."""
        raise ServingError(Code.UNIMPLEMENTED, "unimplemented.")


def _keep(trace, message):
    folder = Path(message.repository_root, message.session_id or "session")
    host_name = message.host_name.replace(":", "_") or "localhost"
    path = folder / f"{host_name}.xplane.pb"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.unfinished")
        shutil.move(trace, unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise ServingError(
            Code.PERMISSION_DENIED,
            "cannot write to the repository_root; the server's log says why",
            f"{folder}: {error}",
        ) from error
