"""Functions of a graph, copied so that XLA compiles them.

A function that is marked runs as one program, compiled for each set of shapes that it
gets. Such a copy is changed where XLA knows no shape, or no operation:

- a loop stays a loop, rather than the switches of which TensorFlow makes it;
- what is added in place is added to a copy, which XLA writes in place as well;
- a search has room for all of its steps at once, and does not grow.
"""

import re
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.core.framework import graph_pb2

from keras_attention.graph_names import FIRST_CAPACITY, GROWTH, SEARCH

PREFIX = "compiled_"
# More steps than anybody has.
_ALL_STEPS = 2**30
# Not the loop inside it.
_GROWING = re.compile(rf"(.*/)?{GROWTH}/while(_\d+)?")
_LOWER = "_lower_using_switch_merge"


class Program(NamedTuple):
    """A call that XLA compiles, in the graph of a session."""

    given: list[Any]  # `TF_Output` of placeholders, for the call's arrays
    found: list[Any]  # `TF_Output` of what it gives


def make_program(call, library):
    """A copy of a call, compiled, which uses the same variables.

    Args:
        call: `tf.Operation` in the default graph, a call of a function. Variables come
            after arrays.
        library: dict of all functions by name, of FunctionDef.

    Returns:
        `Program`.
    """
    count = len(arrays_of(call, library))
    *given, program = tf.graph_util.import_graph_def(
        _call_graph(call.node_def, library, count),
        input_map={f"kept_{i}": t for i, t in enumerate(call.inputs[count:])},
        return_elements=[*(f"given_{i}" for i in range(count)), "program"],
        name=f"{PREFIX}{call.name}",
    )
    return Program(
        handles(operation.outputs[0] for operation in given), handles(program.outputs)
    )


def arrays_of(call, library):
    """The names of a call's arguments that are arrays."""
    arguments = library[function_of(call)].signature.input_arg
    return [a.name for a in arguments if a.type != tf.resource.as_datatype_enum]


def function_of(call):
    """The name of the function that an operation calls, or ""."""
    return called_by(call.node_def)


def called_by(node):
    """The same of a NodeDef."""
    # To look up an attribute that is not there would make it.
    is_call = node.op in ("PartitionedCall", "StatefulPartitionedCall")
    return node.attr["f"].func.name if is_call else ""


def handles(tensors):
    """Tensors, as a session's runtime knows them."""
    return [tensor._as_tf_output() for tensor in tensors]


def _call_graph(call, library, number_given):
    """A graph that calls a copy of a function: `program`, of placeholders."""
    graph = graph_pb2.GraphDef()
    graph.versions.producer = tf.version.GRAPH_DEF_VERSION
    function = call.attr["f"].func.name
    for name in _reached(library, function):
        changed = _changed(library[name], library)
        if SEARCH in function:
            _stop_growth(changed)
        graph.library.function.append(changed)
    types = call.attr["Tin"].list.type
    inputs = []
    for i, dtype in enumerate(types):
        is_given = i < number_given
        name = f"given_{i}" if is_given else f"kept_{i - number_given}"
        node = graph.node.add(name=name, op="Placeholder")
        node.attr["dtype"].type = dtype
        node.attr["shape"].shape.unknown_rank = True
        inputs.append(name)
    node = graph.node.add()
    node.CopyFrom(call)
    node.name = "program"
    del node.input[:]
    node.input.extend(inputs)
    node.attr["f"].func.name = PREFIX + function
    node.attr["_XlaMustCompile"].b = True
    return graph


def _reached(library, name):
    """The names of a function and of all that it calls."""
    found, open_ = [], [name]
    while open_:
        name = open_.pop()
        if name in library and name not in found:
            found.append(name)
            for node in library[name].node_def:
                open_.extend(function.name for function in _functions(node))
    return found


def _functions(node):
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func
        yield from value.list.func


def _changed(function, library):
    """A copy of a FunctionDef, which calls copies."""
    changed = type(function)()
    changed.CopyFrom(function)
    changed.signature.name = PREFIX + function.signature.name
    changed.attr["_XlaMustCompile"].b = True
    for node in changed.node_def:
        for called in _functions(node):
            if called.name in library:
                called.name = PREFIX + called.name
        if _LOWER in node.attr:
            del node.attr[_LOWER]
        if node.op == "ScatterNdNonAliasingAdd":
            node.op = "TensorScatterAdd"
    return changed


def _stop_growth(function):
    """Changes a function of a search."""
    for node in function.node_def:
        if node.op == "Const" and node.name.startswith(f"{FIRST_CAPACITY}/"):
            node.attr["value"].tensor.int_val[:] = [_ALL_STEPS]
        elif node.op in ("While", "StatelessWhile") and _GROWING.fullmatch(node.name):
            _once(node)


def _once(loop):
    """Makes of a loop one run of its body."""
    types = list(loop.attr["T"].list.type)
    body = loop.attr["body"].func.name
    loop.op = "StatefulPartitionedCall"
    for name in list(loop.attr):
        if not name.startswith("_"):
            del loop.attr[name]
    loop.attr["f"].func.name = body
    for name in ("Tin", "Tout"):
        loop.attr[name].list.type.extend(types)
