"""How TensorFlow is to run a model."""

import itertools
import re

from tensorflow.core.protobuf import config_pb2
from tensorflow.python.client import pywrap_tf_session

# What loops or waits, and looks up when it is cancelled.
_CANCELLABLE = re.compile(
    "While|For$|LoopCond|Queue|Barrier|Dataset|Iterator|Stage|Recv|PyFunc|"
    "Batch$|BatchFunction|MapDefun|RemoteCall|Collective"
)

_HERE = config_pb2.RunOptions(inter_op_thread_pool=-1).SerializeToString()


def session_config(options):
    """The ConfigProto that `LoadOptions` come to."""
    config = config_pb2.ConfigProto.FromString(options.session_config)
    if not options.session_config:
        config.gpu_options.allow_growth = True  # others may live here
    # What is not 0 wins over what the operator's file says, as in TensorFlow Serving.
    if options.per_process_gpu_memory_fraction:
        fraction = options.per_process_gpu_memory_fraction
        config.gpu_options.per_process_gpu_memory_fraction = fraction
    if options.intra_op_parallelism:
        config.intra_op_parallelism_threads = options.intra_op_parallelism
    if options.inter_op_parallelism:
        config.inter_op_parallelism_threads = options.inter_op_parallelism
    return config


def can_be_cancelled(graph_def):
    """Whether cancelling a run of a graph, functions included, may end it earlier.

    TensorFlow finishes graphs of plain operations all the same.
    """
    functions = (function.node_def for function in graph_def.library.function)
    nodes = itertools.chain(graph_def.node, *functions)
    return any(_CANCELLABLE.search(op) for op in {node.op for node in nodes})


def run_session(session, feeds, fetches, targets=(), here=False):
    """Runs a session as the runtime does it.

    `Session.run` plans anew each time, a hundred times slower.

    Args:
        session: `tf.compat.v1.Session`, whose graph is extended.
        feeds: dict of `TF_Output` to array.
        fetches: list of `TF_Output`.
        targets: list of `TF_Operation`, to be done besides.
        here: bool. One operation after another in this thread, rather than at the same
            time in those of the session.

    Returns:
        List of arrays; a string alone is `bytes`.
    """
    options = pywrap_tf_session.TF_NewBufferFromString(_HERE) if here else None
    try:
        return pywrap_tf_session.TF_SessionRun_wrapper(
            session._session, options, feeds, fetches, list(targets), None
        )
    finally:
        if here:
            pywrap_tf_session.TF_DeleteBuffer(options)
