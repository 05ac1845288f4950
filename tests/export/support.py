"""What is true of every exported model, and how its outputs are read."""

from contextlib import contextmanager

import numpy as np
import tensorflow as tf

from keras_attention.serving.client.client import Client
from keras_attention.serving.options import LoadOptions
from keras_attention.serving.server import Server

# Words that TensorFlow's own and tensorflow-text's kernels know, and the official
# image of TensorFlow Serving links both.
TEXT_OPS = {
    "SentencepieceOp",
    "SentencepieceTokenizeOp",
    "SentencepieceTokenizeWithOffsetsOp",
    "SentencepieceDetokenizeOp",
    "SentencepieceIdToStringOp",
}


def meta_graphs(version):
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    content = (version / "saved_model.pb").read_bytes()
    return SavedModel.FromString(content).meta_graphs


def functions(version):
    """The names of a SavedModel's functions."""
    return [
        function.signature.name
        for meta in meta_graphs(version)
        for function in meta.graph_def.library.function
    ]


def nodes(version):
    """All nodes of a SavedModel's graph and functions."""
    for meta in meta_graphs(version):
        yield from meta.graph_def.node
        for function in meta.graph_def.library.function:
            yield from function.node_def
            compiled = function.attr.get("_XlaMustCompile")
            assert compiled is None or not compiled.b, function.signature.name


def check_ops(version):
    """Every op is one that the official image links; returns the set of them."""
    ops = set()
    for node in nodes(version):
        assert not node.op.startswith(("Xla", "Py", "EagerPy")), node.name
        assert not node.attr["_XlaMustCompile"].b, node.name
        assert not node.attr["jit_compile"].b, node.name
        ops.add(node.op)
    assert "While" in ops or "StatelessWhile" in ops
    # `tf.raw_ops` holds TensorFlow's own, whatever else has been loaded.
    assert {op for op in ops if not hasattr(tf.raw_ops, op)} <= TEXT_OPS
    return ops


def check_saved_once(version, model):
    """Weights are not saved by each signature, nor as constants of the graph."""
    weights = (version / "variables" / "variables.data-00000-of-00001").stat().st_size
    size = sum(np.prod(weight.shape) for weight in model.weights) * 4
    assert size <= weights < 1.5 * size + 10_000
    constants = [
        node.attr["value"].tensor.ByteSize()
        for node in nodes(version)
        if node.op == "Const"
    ]
    assert max(constants) < 10_000


def outputs_of(loaded, name, **inputs):
    """The outputs of a signature of a SavedModel, strings decoded."""
    inputs = {key: tf.constant(value, tf.string) for key, value in inputs.items()}
    outputs = loaded.signatures[name](**inputs)
    outputs = {key: value.numpy() for key, value in outputs.items()}
    for key, value in outputs.items():
        if value.dtype == object:
            outputs[key] = np.vectorize(lambda b: b.decode(), otypes=[object])(value)
    return outputs


@contextmanager
def served(version):
    """Serves a SavedModel, without its warm-up.

    Args:
        version: path, `<name>/<version>`.

    Yields:
        `(client, rest_url)`.
    """
    models = {version.parent.name: version.parent}
    load = LoadOptions(enable_warmup=False)
    with Server(models, grpc_port=0, rest_port=0, load=load) as server:
        rest_url = f"http://127.0.0.1:{server.rest_port}"
        with Client(rest_url, f"127.0.0.1:{server.grpc_port}") as client:
            yield client, rest_url


def signature_shapes(loaded):
    """`(dtype, rank)` of each output of each signature."""
    return {
        name: {
            key: (output.dtype, output.shape.rank)
            for key, output in signature.structured_outputs.items()
        }
        for name, signature in loaded.signatures.items()
    }
