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

_ENDS = (signal.SIGINT, signal.SIGTERM)
_HANG_UP = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()  # Windows has none


def run(models, options, config_file=None, config_poll_seconds=0.0):
    """Serves until SIGINT or SIGTERM, and says where. Call it from the main thread.

    The first signal refuses new requests and lets those under way finish; a second
    one ends the process at once. SIGHUP ends nothing: it opens the access log anew.

    Args:
        models: as for `Server`.
        options: `ServerOptions`.
        config_file: path of the models.config that `models` came from, optional.
        config_poll_seconds: float. How often to read that file again; 0 for never.

    Returns:
        bool. False if threads are left that work for requests which were cut off: then
        `end_process` does not wait for them.

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
        print("Stopping: finishing what is under way", flush=True)
    except _Told:
        pass  # while loading: nobody was served yet
    finally:
        stop.set()
        ended = server.stop()
        if follower.ident is not None:
            follower.join()
        signals.restore()
    return ended


class _Told(BaseException):
    """A signal asks for the end."""


class _Signals:
    """Remembers the first signal that asks for the end; a second one does not wait.

    While models are loaded the first one raises `_Told` in the main thread. Later it
    must not: what a signal's handler raises is lost if the thread happens to be in a
    destructor or in a callback of the garbage collector.
    """

    def __init__(self):
        self.may_raise = True
        self._told = queue.SimpleQueue()  # an Event's lock may be held just then
        self._previous = {
            number: signal.getsignal(number) for number in (*_ENDS, *_HANG_UP)
        }

    def listen(self):
        for number in _ENDS:
            signal.signal(number, self._handle)
        for number in _HANG_UP:
            signal.signal(number, lambda number, _: self._told.put(number))

    def _handle(self, number, _):
        for each in _ENDS:
            signal.signal(each, signal.SIG_DFL)
        self._told.put(number)
        if self.may_raise:
            raise _Told

    def wait(self, on_hang_up):
        """Waits for the end; calls `on_hang_up` each time that SIGHUP comes."""
        while self._told.get() not in _ENDS:
            on_hang_up()

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
        yield "Only this machine is let in; --host=0.0.0.0 opens the ports to others"
    yield "Stop with Ctrl+C"


def _follow(server, models, config_file, seconds, stop):
    """Serves what the file says, each time that this is something else.

    What cannot be read or served changes nothing. It is tried again at every look, as a
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
                # Without waiting: the next change may mend what cannot be loaded.
                core.reload(wanted, wait=False)
                logger.info("%s is read again", config_file)
            served, trouble = content, ""
        except (OSError, ValueError, ServingError) as error:
            if not stop.is_set() and str(error) != trouble:
                trouble = str(error)
                logger.error("%s changes nothing: %s", config_file, error)


def end_process():
    """Ends the process though threads are still at work, as some models never end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
