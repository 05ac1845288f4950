"""Searches of our SavedModels, compiled by XLA for some shapes before they serve.

    text ─► source ids ─► search ─► hypotheses ─► text
                          padded, compiled

A signature whose search is compiled runs in three parts, and this process fills its
ids up to the next shape that is compiled. What fits into none runs as it always does.
"""

import itertools
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import function_def_to_graph

from keras_attention.graph_names import SEARCH, SOURCE_IDS
from keras_attention.serving.models.sessions import run_session
from keras_attention.serving.models.xla_functions import (
    arrays_of,
    called_by,
    function_of,
    handles,
    make_program,
)

# Tokens of a source for which it is compiled.
LENGTHS = (16, 32, 64)


class Shape(NamedTuple):
    """Of a batch that is filled up."""

    rows: int
    length: int  # 0 of images


class CompiledSearch:
    """A signature, in three parts, of which that in the middle is compiled.

    Args:
        session: `tf.compat.v1.Session`, whose graph is extended afterwards.
        call: `tf.Operation`, which gives the signature's outputs.
        search: `tf.Operation`, the call of the search.
        outputs: list of tensors, what `call` gives, made of what `search` gives.
        library: dict of FunctionDef by name.
        rows: list of int. How many to compile it for.
    """

    def __init__(self, session, call, search, outputs, library, rows):
        self._session, self._rows = session, rows
        names = arrays_of(search, library)
        self._is_source = [name == SOURCE_IDS for name in names]
        self._inputs = list(search.inputs[: len(names)])
        self._ids = handles(self._inputs)
        self._program = make_program(search, library)
        self._hypotheses = handles(search.outputs)
        names = (tensor.name for tensor in call.outputs)
        self._outputs = dict(zip(names, handles(outputs), strict=True))
        self.shapes = []

    def compile(self):
        """Runs the search for each shape, which makes a program of it.

        Raises:
            tf.errors.OpError: if XLA does not compile it.
        """
        lengths = LENGTHS if any(self._is_source) else (0,)
        for length, rows in itertools.product(lengths, self._rows):
            shape = Shape(rows, length)
            self._search([self._example(i, shape) for i in range(len(self._inputs))])
            self.shapes.append(shape)

    def __call__(self, feeds, run):
        """Runs the signature.

        Args:
            feeds: dict of `TF_Output` to array.
            run: `Run`, of these feeds.

        Returns:
            List of arrays; None where no program is for such shapes.
        """
        arrays = run_session(self._session, feeds, self._ids)
        shape = self._shape_for(arrays)
        if shape is None:
            return None
        found = self._search(
            [self._pad(i, array, shape) for i, array in enumerate(arrays)]
        )
        found = dict(zip(self._hypotheses, self._cut(found, arrays), strict=True))
        outputs = [self._outputs[name] for name in run.fetches]
        return run_session(self._session, feeds | found, outputs)

    def _search(self, arrays):
        feeds = dict(zip(self._program.given, arrays, strict=True))
        return run_session(self._session, feeds, self._program.found)

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
        found = [part[: len(arrays[0])] for part in found]
        length = self._length(arrays)
        if length:
            # Where tokens attended; the other parts have no axis of the source.
            found = [part[..., :length] if part.ndim == 4 else part for part in found]
        return found


def find_search(call, library):
    """What a call comes to, with its functions put in its place up to the search.

    Returns:
        `(search, outputs)`, the `tf.Operation` that calls the search, and the tensors
        that `call` gives, of its result; None if it calls none.
    """
    function = library.get(function_of(call))
    if function is None:
        return None
    calls = [node for node in function.node_def if _searches(called_by(node), library)]
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

    if SEARCH in called_by(calls[0]):
        search, *outputs = put(given, [inner, *ends])
        return search, outputs
    (operation,) = put(given, [inner])
    found = find_search(operation, library)
    if found is None:
        return None
    search, results = found
    # Once more, with what comes of the call in the place of the call.
    results = {f"{inner}:{i}": tensor for i, tensor in enumerate(results)}
    return search, put(given | results, ends)


def _searches(name, library):
    """Whether a function is a search, or one that calls it calls one."""
    if SEARCH in name or name not in library:
        return SEARCH in name
    return any(SEARCH in called_by(node) for node in library[name].node_def)
