"""Signatures that XLA compiles before a version serves, where it can.

Compiling takes seconds for each set of shapes, so that no request ever waits for it:
what has other shapes than those that were compiled runs as it was exported.
"""

import time
from typing import Any

import tensorflow as tf

from keras_attention.serving.logs import get_logger
from keras_attention.serving.models.compiled_search import CompiledSearch, find_search
from keras_attention.serving.models.sessions import run_session
from keras_attention.serving.models.warmup import read_warmup
from keras_attention.serving.models.xla_functions import (
    arrays_of,
    function_of,
    make_program,
)
from keras_attention.serving.wire import tensors

logger = get_logger(__name__)

# Rows for which searches are compiled, up to the largest batch.
ROWS = (1, 2, 4, 8, 16, 32)
# The largest where the server makes none.
MOST_ROWS = 8


def compiled_signatures(session, meta_graph, folder, batching=None):
    """Compiles what can be compiled.

    Of our models that is the search of each signature, for each of some shapes; of
    others whole signatures, for the shapes of their warm-up requests.

    Args:
        session: `tf.compat.v1.Session`, its variables initialized.
        meta_graph: MetaGraphDef of what was loaded.
        folder: path of the version.
        batching: `BatchingParameters`, optional.

    Returns:
        Dict by the name of the operation that gives a signature's outputs, of functions
        of `(feeds, run)`, which return None for other shapes.

    Raises:
        ServingError: if warm-up requests cannot be read.
    """
    library = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    most = batching.most_rows if batching else MOST_ROWS
    rows = [count for count in ROWS if count <= most] or [1]
    requests = _warmup_requests(folder)
    found: dict[str, tuple[Any, Any]] = {}
    with session.graph.as_default():
        for name, definition in sorted(meta_graph.signature_def.items()):
            operations = {o.name.split(":")[0] for o in definition.outputs.values()}
            if len(operations) != 1:
                continue  # of several calls
            call = session.graph.get_operation_by_name(*operations)
            if function_of(call) not in library:
                continue
            parts = find_search(call, library)
            if parts is not None:
                search, outputs = parts
                found[name] = (
                    call,
                    CompiledSearch(session, call, search, outputs, library, rows),
                )
            elif requests.get(name):
                given = [
                    {definition.inputs[alias].name: array for alias, array in one}
                    for one in requests[name]
                    # To look up an input that is not there would make it.
                    if all(alias in definition.inputs for alias, _ in one)
                ]
                found[name] = call, CompiledCall(session, call, library, given)
    session._extend_graph()
    return {
        call.name: compiled
        for name, (call, compiled) in found.items()
        if _is_compiled(name, compiled)
    }


def _is_compiled(name, compiled):
    logger.info("signature %s: compiling", name)
    start = time.perf_counter()
    try:
        compiled.compile()
    except (tf.errors.OpError, KeyError) as error:
        logger.info(
            "signature %s runs as it was exported, for XLA does not compile it: %.300s",
            name,
            error,
        )
        return False
    logger.info(
        "signature %s: compiled for %d shapes in %.1f s",
        name,
        len(compiled.shapes),
        time.perf_counter() - start,
    )
    return True


def _warmup_requests(folder):
    """By signature, lists of `[(alias, array), …]`."""
    requests = {}
    for log in read_warmup(folder):
        if log.WhichOneof("log_type") == "predict_log":
            request = log.predict_log.request
            inputs = [(a, tensors.read(proto)) for a, proto in request.inputs.items()]
            name = request.model_spec.signature_name or "serving_default"
            requests.setdefault(name, []).append(inputs)
    return requests


class CompiledCall:
    """A whole signature.

    Args:
        session: `tf.compat.v1.Session`, whose graph is extended afterwards.
        call: `tf.Operation`, which gives the signature's outputs.
        library: dict of FunctionDef by name.
        requests: list of dicts of arrays by the names of tensors.
    """

    def __init__(self, session, call, library, requests):
        self._session, self._requests = session, requests
        count = len(arrays_of(call, library))
        self._inputs = [tensor.name for tensor in call.inputs[:count]]
        self._program = make_program(call, library)
        names = (tensor.name for tensor in call.outputs)
        self._outputs = dict(zip(names, self._program.found, strict=True))
        self.shapes = set()

    def compile(self):
        """Runs the requests, each of which makes a program for its shapes.

        Raises:
            tf.errors.OpError: if XLA does not compile it.
            KeyError: if it computes of something else than what it is fed.
        """
        for request in self._requests:
            arrays = [request[name] for name in self._inputs]
            self._run(arrays, self._program.found)
            self.shapes.add(_shapes(arrays))
        self._requests = []

    def __call__(self, feeds, run):
        """See `CompiledSearch.__call__`."""
        given = dict(zip(run.feeds, run.arrays, strict=True))
        arrays = [given[name] for name in self._inputs]
        if _shapes(arrays) not in self.shapes:
            return None
        return self._run(arrays, [self._outputs[name] for name in run.fetches])

    def _run(self, arrays, fetches):
        feeds = dict(zip(self._program.given, arrays, strict=True))
        return run_session(self._session, feeds, fetches)


def _shapes(arrays):
    return tuple(array.shape for array in arrays)
