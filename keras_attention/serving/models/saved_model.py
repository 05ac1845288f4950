"""A SavedModel in a session of its own."""

import dataclasses
import inspect
import math
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_attention.graph_errors import plain_message
from keras_attention.serving.logs import get_logger
from keras_attention.serving.models import memory
from keras_attention.serving.models.cancellation import CancellationQueues
from keras_attention.serving.models.compilation import compiled_signatures
from keras_attention.serving.models.served_model import ServedModel
from keras_attention.serving.models.sessions import (
    can_be_cancelled,
    run_session,
    session_config,
)
from keras_attention.serving.wire.errors import Code, ServingError, not_found

logger = get_logger(__name__)

# Without the decorator that logs advice, which is meant for eager code.
_load = inspect.unwrap(tf.compat.v1.saved_model.load)
_LATE = "Timed out waiting for notification"
# Seconds. What takes less runs in the thread of its request: waking one of TensorFlow's
# would take as long, and there is little that several could do at once.
_QUICK = 0.5e-3


@dataclasses.dataclass
class _Handles:
    """What a run is of, as the runtime wants it."""

    feeds: list[Any]
    fetches: list[Any]
    targets: list[Any]  # with which it can be stopped
    seconds: float = math.inf  # of the quickest run; others had to wait for a core


class SavedModel(ServedModel):
    """Models of TensorFlow 1 and 2 run alike: inputs meet the graph unchecked, so that
    errors are the runtime's own, and outputs nobody asked for are not computed. A run
    whose caller leaves is stopped: loops end at once, what does not loop is finished
    first.

    Args:
        folder: path of a version, with `saved_model.pb` in it.
        options: `LoadOptions`.
        metrics: `Metrics`.
        name: str, under which the model is served.

    Raises:
        ServingError: if it cannot be loaded; the message says why.
    """

    def __init__(self, folder, options, metrics, name):
        # Registers the operations of tensorflow-text; without it only models that
        # use them fail, and they say which operation is missing.
        with suppress(ImportError):
            import tensorflow_text  # noqa: F401

        graph = tf.Graph()
        config = session_config(options)
        # Who says how many threads are to run operations means all of them.
        self._may_run_here = config.inter_op_parallelism_threads == 0
        self._session = tf.compat.v1.Session(graph=graph, config=config)
        try:
            with graph.as_default():
                meta_graph = _load(self._session, list(options.tags), str(folder))
            self._session._extend_graph()  # without variables nothing has run yet
            self._compiled = {}
            if options.xla_compilation:
                self._compiled = compiled_signatures(
                    self._session, meta_graph, folder, options.batching
                )
        except Exception as error:
            self._session.close()
            raise translated(error) from error
        cancellable = can_be_cancelled(meta_graph.graph_def)
        self._cancellation = CancellationQueues(self._session) if cancellable else None
        self._handles = {}  # feeds, fetches and more in the graph, by their names
        self._handles_lock = threading.Lock()
        super().__init__(
            Path(folder),
            meta_graph.signature_def,
            metrics,
            name,
            "TF1",
            options.check_method_names,
        )

    def execute(self, run, caller=None):
        """Runs the session, so that it can be stopped where that is possible."""
        try:
            key = run.feeds, run.fetches
            handles = self._handles.get(key) or self._find_handles(key)
            feeds = dict(zip(handles.feeds, run.arrays, strict=True))
            results = self._run_compiled(feeds, run) if self._compiled else None
            if results is None:
                results = self._run_exported(feeds, handles, caller)
            if caller is not None:
                caller.check(_LATE)
            return list(map(_array, results))
        except Exception as error:
            if caller is not None:
                caller.check(_LATE)  # for this is what stopped it
            raise translated(error) from error

    def _run_compiled(self, feeds, run):
        """What a compiled signature gives; None where there is none for such shapes."""
        operations = {name.partition(":")[0] for name in run.fetches}
        # Several signatures at once are computed as they were exported.
        compiled = self._compiled.get(*operations) if len(operations) == 1 else None
        return compiled and compiled(feeds, run)

    def _run_exported(self, feeds, handles, caller):
        if self._cancellation is None:
            return self._run_quickest(feeds, handles)
        if caller is None:
            return run_session(self._session, feeds, handles.fetches)
        with self._cancellation.slot(caller) as queue:
            feeds[self._cancellation.queue] = queue
            return run_session(self._session, feeds, handles.fetches, handles.targets)

    def _run_quickest(self, feeds, handles):
        """Runs what is known to be quick in this thread."""
        here = self._may_run_here and handles.seconds < _QUICK
        start = time.perf_counter()
        results = run_session(self._session, feeds, handles.fetches, here=here)
        handles.seconds = min(handles.seconds, time.perf_counter() - start)
        return results

    def _find_handles(self, key):
        """Finds them once, however many ask: others would be planned anew."""
        with self._handles_lock:
            if key not in self._handles:
                names, wanted = key
                feeds = self._find(names, "FeedInputs: unable to find feed output {}")
                fetches = self._find(wanted, "FetchOutputs node {}: not found")
                self._handles[key] = _Handles(
                    [tensor._as_tf_output() for tensor in feeds],
                    [tensor._as_tf_output() for tensor in fetches],
                    self._cancellation.targets(fetches) if self._cancellation else [],
                )
            return self._handles[key]

    def _find(self, names, message):
        tensors = []
        for name in names:
            try:
                tensors.append(self._session.graph.get_tensor_by_name(name))
            except (KeyError, ValueError) as error:
                raise not_found(message.format(name)) from error
        return tensors

    def close(self):
        self._handles.clear()
        self._cancellation = None
        self._session.close()
        self._session = None
        memory.release()


def _array(value):
    """What a session returns as an array; a lone string must keep trailing NULs."""
    if isinstance(value, bytes):
        array = np.empty((), dtype=object)
        array[()] = value
        return array
    return np.asarray(value)


def translated(error):
    """What TensorFlow raised, as a `ServingError`."""
    if isinstance(error, ServingError):
        return error
    if isinstance(error, tf.errors.OpError):
        return ServingError(error.error_code, plain_message(error.message))
    if isinstance(error, UnicodeDecodeError):  # a message that repeats what was sent
        text = error.object.decode(errors="replace")
        return ServingError(Code.INVALID_ARGUMENT, text)
    logger.debug("TensorFlow raised", exc_info=error)
    code = Code.INVALID_ARGUMENT if isinstance(error, ValueError) else Code.INTERNAL
    return ServingError(code, f"{type(error).__name__}: {error}")
