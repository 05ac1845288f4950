"""A SavedModel in a session of its own."""

import functools
import inspect
import math
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.client import pywrap_tf_session

from keras_attention.graph_errors import plain_message
from keras_attention.serving.errors import Code, ServingError, not_found
from keras_attention.serving.logs import get_logger
from keras_attention.serving.models import memory
from keras_attention.serving.models.served_model import ServedModel
from keras_attention.serving.models.sessions import can_be_stopped, session_config

logger = get_logger(__name__)

# Without the decorator that logs advice, which is meant for eager code.
_load = inspect.unwrap(tf.compat.v1.saved_model.load)
_MAX_MILLISECONDS = 10**9  # days; more need not be told apart from no limit


class SavedModel(ServedModel):
    """Models of TensorFlow 1 and 2 run alike: inputs meet the graph unchecked, so that
    errors are the runtime's own, and outputs nobody asked for are not computed. A run
    that takes too long is cancelled: loops stop at once, what does not loop is finished
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
        self._session = tf.compat.v1.Session(
            graph=graph, config=session_config(options)
        )
        try:
            with graph.as_default():
                meta_graph = _load(self._session, list(options.tags), str(folder))
            self._session._extend_graph()  # without variables nothing has run yet
        except Exception as error:
            self._session.close()
            raise translated(error) from error
        self._can_be_stopped = can_be_stopped(meta_graph.graph_def)
        self._ends = {}  # feeds and fetches in the graph, by their names
        super().__init__(
            Path(folder),
            meta_graph.signature_def,
            metrics,
            name,
            "TF1",
            options.check_method_names,
        )

    def execute(self, run, timeout=None):
        """Runs the session as the runtime does it.

        `Session.run` plans anew each time, a hundred times slower. A callable would do
        as well but for its time limit, which is compiled in.
        """
        options = None
        begun = time.monotonic()
        try:
            ends = self._ends.get((run.feeds, run.fetches)) or self._find_ends(run)
            feeds, fetches = ends
            if timeout is not None and self._can_be_stopped:
                options = pywrap_tf_session.TF_NewBufferFromString(
                    _options(_milliseconds(timeout))
                )
            results = pywrap_tf_session.TF_SessionRun_wrapper(
                self._session._session,
                options,
                dict(zip(feeds, run.arrays, strict=True)),
                fetches,
                [],
                None,
            )
            if timeout is not None and time.monotonic() - begun > timeout:
                raise ServingError(
                    Code.DEADLINE_EXCEEDED, "Timed out waiting for notification"
                )
            return list(map(_array, results))
        except Exception as error:
            raise translated(error) from error
        finally:
            if options is not None:
                pywrap_tf_session.TF_DeleteBuffer(options)

    def _find_ends(self, run):
        ends = (
            self._find(run.feeds, "FeedInputs: unable to find feed output {}"),
            self._find(run.fetches, "FetchOutputs node {}: not found"),
        )
        self._ends[run.feeds, run.fetches] = ends
        return ends

    def _find(self, names, message):
        ends = []
        for name in names:
            try:
                tensor = self._session.graph.get_tensor_by_name(name)
            except (KeyError, ValueError) as error:
                raise not_found(message.format(name)) from error
            ends.append(tensor._as_tf_output())
        return ends

    def close(self):
        self._ends.clear()
        self._session.close()
        self._session = None
        memory.release()


def _milliseconds(timeout):
    return min(max(math.ceil(timeout * 1000), 1), _MAX_MILLISECONDS)


@functools.lru_cache(1024)  # deadlines differ, but most are about as far away
def _options(milliseconds):
    return config_pb2.RunOptions(timeout_in_ms=milliseconds).SerializeToString()


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
