"""A server in the foreground: what it prints, and how signals end it."""

import gc
import os
import queue
import signal
import sys
import threading
from pathlib import Path

from keras_attention.serving.config import read_models_config
from keras_attention.serving.logs import get_logger
from keras_attention.serving.server import Server
from keras_attention.serving.wire.errors import ServingError

logger = get_logger(__name__)

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Windows has none.
_HANGUP_SIGNALS = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()


def run(models, options, config_file=None, config_poll_seconds=0.0):
    """Serves until SIGINT or SIGTERM, and says where. Call it from the main thread.

    The first signal rejects new requests and lets those in flight finish; a second
    one ends the process at once. SIGHUP reopens the access log.

    Args:
        models: as for `Server`.
        options: `ServerOptions`.
        config_file: path of the models.config that `models` came from, optional.
        config_poll_seconds: float. How often to read that file again; 0 for never.

    Returns:
        bool. False if threads are left that run aborted requests: then `end_process`
        does not wait for them.

    Raises:
        ValueError: if a model cannot be loaded.
        OSError: if a port is taken.
    """
    for name, path in models.items():
        print(f"Loading {name} from {path}", flush=True)
    server = Server(models, options)
    signals = _Signals()
    stop = threading.Event()
    follower = threading.Thread(
        target=_follow, args=(server, models, config_file, config_poll_seconds, stop)
    )
    try:
        signals.listen()
        server.start()
        signals.may_raise = False
        # TensorFlow's million objects live as long as the process: looking for
        # garbage among them, at every unload, would stop all threads for long.
        gc.collect()
        gc.freeze()
        print("\n".join(_addresses(server)), flush=True)
        if config_file is not None and config_poll_seconds > 0:
            follower.start()
        signals.wait(server.reopen_access_log)
        print("Stopping: finishing in-flight requests", flush=True)
    except _StopRequested:
        pass  # while loading: no client was served yet
    finally:
        stop.set()
        ended = server.stop()
        if follower.ident is not None:
            follower.join()
        signals.restore()
    return ended


class _StopRequested(BaseException):
    """A signal asks for the end."""


class _Signals:
    """Remembers the first signal that asks for the end; a second one does not wait.

    While models are loaded the first one raises `_StopRequested` in the main thread.
    Later it must not: what a signal's handler raises is lost if the thread happens to
    be in a destructor or in a callback of the garbage collector.
    """

    def __init__(self):
        self.may_raise = True
        self._received = queue.SimpleQueue()  # an Event's lock may be held just then
        self._previous = {
            number: signal.getsignal(number)
            for number in (*_STOP_SIGNALS, *_HANGUP_SIGNALS)
        }

    def listen(self):
        for number in _STOP_SIGNALS:
            signal.signal(number, self._handle)
        for number in _HANGUP_SIGNALS:
            signal.signal(number, lambda number, _: self._received.put(number))

    def _handle(self, number, _):
        for each in _STOP_SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        self._received.put(number)
        if self.may_raise:
            raise _StopRequested

    def wait(self, on_hangup):
        """Waits for the end; calls `on_hangup` each time that SIGHUP comes."""
        while self._received.get() not in _STOP_SIGNALS:
            on_hangup()

    def restore(self):
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def _addresses(server):
    options = server.options
    host = f"[{options.host}]" if ":" in options.host else options.host
    if server.rest_port is not None:
        scheme = "https" if options.rest_ssl else "http"
        yield f"REST: {scheme}://{host}:{server.rest_port}/v1/models"
    if server.grpc_port is not None:
        yield f"gRPC: {host}:{server.grpc_port}"
    if options.grpc_socket_path:
        yield f"gRPC: unix:{options.grpc_socket_path}"
    if options.host in ("127.0.0.1", "localhost", "::1"):
        yield "Listening on this machine only; --host=0.0.0.0 opens the ports to others"
    yield "Stop with Ctrl+C"


def _follow(server, models, config_file, seconds, stop):
    """Reloads the configuration file each time that it changes.

    What cannot be read or served changes nothing. It is retried at every poll, as a
    version may only be on its way, and reported once.
    """
    core = server.core
    served, trouble = None, ""
    while not stop.wait(seconds):
        try:
            content = Path(config_file).read_bytes()
            if content == served:
                trouble = ""
                continue
            wanted = read_models_config(config_file)
            if served is not None or wanted != models:
                # Without waiting: the next change may fix what cannot be loaded.
                core.reload(wanted, wait=False)
                logger.info("%s was reloaded", config_file)
            served, trouble = content, ""
        except (OSError, ValueError, ServingError) as error:
            if not stop.is_set() and str(error) != trouble:
                trouble = str(error)
                logger.error(
                    "%s was rejected and changes nothing: %s", config_file, error
                )


def end_process():
    """Ends the process though threads are still at work, as some models never end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
