"""Searches of our SavedModels, compiled by XLA for some shapes before they serve.

    text ─► source ids ─► search ─► hypotheses ─► text
                          padded, compiled

A signature whose search is compiled runs in three parts, and this process fills its
ids up to the next shape that is compiled. What fits into none runs as it always does.
"""

import itertools
import time
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import function_def_to_graph

from keras_attention.serving.logs import get_logger
from keras_attention.serving.models.sessions import run_session
from keras_attention.serving.models.xla_functions import PREFIX, call_compiled

logger = get_logger(__name__)

# How `keras_attention.export` calls a search, and what varies in length.
SEARCH = "__inference_compilable_search_"
SOURCE_IDS = "source_ids"
# What is compiled: rows and, of text, columns.
ROWS = (1, 2, 4, 8)
LENGTHS = (16, 32, 64)


class Shape(NamedTuple):
    """Of a batch that is filled up."""

    rows: int
    length: int  # 0 of images


def compiled_searches(session, meta_graph):
    """Compiles the searches of a graph, each for all shapes.

    Args:
        session: `tf.compat.v1.Session`, its variables initialized.
        meta_graph: MetaGraphDef of what was loaded.

    Returns:
        Dict of `CompiledSearch` by the name of the operation that gives a signature's
        outputs; without those that have no search, or none that XLA compiles.
    """
    library = {f.signature.name: f for f in meta_graph.graph_def.library.function}
    searches = {}
    with session.graph.as_default():
        for signature, definition in sorted(meta_graph.signature_def.items()):
            names = {o.name.partition(":")[0] for o in definition.outputs.values()}
            if len(names) != 1:
                continue
            call = session.graph.get_operation_by_name(*names)
            found = _find_search(call, library)
            if found is not None:
                searches[signature] = call.name, CompiledSearch(
                    session, call, *found, library
                )
    session._extend_graph()
    compiled = {}
    for signature, (name, search) in searches.items():
        start = time.perf_counter()
        try:
            search.compile()
        except tf.errors.OpError as error:
            logger.warning(
                "XLA does not compile the search of signature %s, which runs as it was "
                "exported: %.500s",
                signature,
                error.message,
            )
            continue
        seconds = time.perf_counter() - start
        logger.info(
            "Compiled the search of signature %s for %d shapes in %.1f s",
            signature,
            len(search.shapes),
            seconds,
        )
        compiled[name] = search
    return compiled


class CompiledSearch:
    """A signature, in three parts, of which that in the middle is compiled.

    Args:
        session: `tf.compat.v1.Session`, whose graph is extended afterwards.
        call: `tf.Operation`, which gives the signature's outputs.
        search: `tf.Operation`, the call of the search.
        outputs: list of tensors, what `call` gives, made of what `search` gives.
        library: dict of FunctionDef by name.
    """

    def __init__(self, session, call, search, outputs, library):
        self._session = session
        arguments = library[_function(search)].signature.input_arg
        arrays = [a for a in arguments if a.type != tf.resource.as_datatype_enum]
        count = len(arrays)
        self._is_source = [argument.name == SOURCE_IDS for argument in arrays]
        self._inputs = list(search.inputs[:count])
        scope = f"{PREFIX}{call.name}"
        *given, program = tf.graph_util.import_graph_def(
            call_compiled(library, search.node_def, count),
            input_map={f"kept_{i}": t for i, t in enumerate(search.inputs[count:])},
            return_elements=[*(f"given_{i}" for i in range(count)), "program"],
            name=scope,
        )
        self._given = _handles(operation.outputs[0] for operation in given)
        self._found = _handles(program.outputs)
        self._into = _handles(search.outputs)
        self._outputs = {
            tensor.name: inlined._as_tf_output()
            for tensor, inlined in zip(call.outputs, outputs, strict=True)
        }
        self.shapes = []

    def compile(self):
        """Runs the search for each shape.

        Raises:
            tf.errors.OpError: if XLA does not compile it.
        """
        lengths = LENGTHS if any(self._is_source) else (0,)
        for length, rows in itertools.product(lengths, ROWS):
            shape = Shape(rows, length)
            self._run_program([self._example(i, shape) for i in range(len(self._given))])
            self.shapes.append(shape)

    def __call__(self, feeds, fetches):
        """Runs the signature.

        Args:
            feeds: dict of `TF_Output` to array.
            fetches: names of tensors.

        Returns:
            List of arrays; None where no program is for such shapes.
        """
        arrays = run_session(self._session, feeds, _handles(self._inputs))
        shape = self._shape_for(arrays)
        if shape is None:
            return None
        found = self._run_program(
            [self._pad(i, array, shape) for i, array in enumerate(arrays)]
        )
        found = self._cut(found, arrays)
        return run_session(
            self._session,
            feeds | dict(zip(self._into, found, strict=True)),
            [self._outputs[name] for name in fetches],
        )

    def _run_program(self, arrays):
        feeds = dict(zip(self._given, arrays, strict=True))
        return run_session(self._session, feeds, self._found)

    def _example(self, i, shape):
        """Zeros for the input `i`."""
        tensor = self._inputs[i]
        sizes = [shape.rows, *tensor.shape[1:]]
        if self._is_source[i]:
            sizes[1] = shape.length
        return np.zeros(sizes, tensor.dtype.as_numpy_dtype)

    def _shape_for(self, arrays):
        """The smallest that holds a batch."""
        rows, length = len(arrays[0]), self._length(arrays)
        fitting = (s for s in self.shapes if s.rows >= rows and s.length >= length)
        return min(fitting, default=None) if rows else None

    def _length(self, arrays):
        sources = itertools.compress(arrays, self._is_source)
        return next((array.shape[1] for array in sources), 0)

    def _pad(self, i, array, shape):
        missing = [(0, shape.rows - len(array))] + [(0, 0)] * (array.ndim - 1)
        if self._is_source[i]:
            missing[1] = (0, shape.length - array.shape[1])
        return np.pad(array, missing)

    def _cut(self, found, arrays):
        """Of what was found for a padded batch, what belongs to the batch."""
        token_ids, *rest = (part[: len(arrays[0])] for part in found)
        length = self._length(arrays)
        if length:
            # Where tokens attended; the other parts have no axis of the source.
            rest = [part[..., :length] if part.ndim == 4 else part for part in rest]
        return [token_ids, *rest]


def _handles(tensors):
    return [tensor._as_tf_output() for tensor in tensors]


def _function(call):
    """The name of the function that an operation calls, or ""."""
    is_call = call.type in ("PartitionedCall", "StatefulPartitionedCall")
    return call.node_def.attr["f"].func.name if is_call else ""


def _find_search(call, library):
    """What a call comes to, with its functions put in its place up to the search.

    Returns:
        `(search, outputs)`, the `tf.Operation` that calls the search, and the tensors
        that `call` gives, of its result; None if it calls none.
    """
    function = library.get(_function(call))
    if function is None:
        return None
    calls = [
        node
        for node in function.node_def
        if SEARCH in (inner := node.attr["f"].func.name)
        or any(SEARCH in n.attr["f"].func.name for n in _nodes(library, inner))
    ]
    if len(calls) != 1:
        return None
    body, flat = function_def_to_graph.function_def_to_graph_def(function)
    signature = function.signature
    given = {
        argument.name: tensor
        for argument, tensor in zip(signature.input_arg, call.inputs, strict=True)
    }
    ends = [flat[function.ret[output.name]] for output in signature.output_arg]
    inner = calls[0].name

    for node in body.node:
        # What only waits for the call would have it run, when its result is given.
        if f"^{inner}" in node.input:
            node.input.remove(f"^{inner}")

    def put(inputs, wanted):
        return tf.graph_util.import_graph_def(
            body, inputs, wanted, name=f"inlined_{call.name}"
        )

    if SEARCH in calls[0].attr["f"].func.name:
        search, *outputs = put(given, [inner, *ends])
        return search, outputs
    (operation,) = put(given, [inner])
    found = _find_search(operation, library)
    if found is None:
        return None
    search, results = found
    # Once more, with what comes of the call in the place of the call.
    results = {f"{inner}:{i}": tensor for i, tensor in enumerate(results)}
    return search, put(given | results, ends)


def _nodes(library, name):
    return library[name].node_def if name in library else ()
