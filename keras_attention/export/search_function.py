"""The search of a signature, as a function of its own in the graph.

TensorFlow puts it where it is called, so that it costs nothing. A server that has XLA
finds it by its name, and may compile it: texts, which XLA does not know, stay outside.
"""

from keras_attention.decoding.hypotheses import Hypotheses
from keras_attention.graph_names import SEARCH


def search_function(model, inputs, options, prefix_ids=None, attention_scores=False):
    """`search`, called in a graph as a function.

    Args:
        model: `EncoderDecoder`.
        inputs: dict of tensors `(B, …)`.
        options: `DecodingOptions`.
        prefix_ids: int `(B, P)`, optional.
        attention_scores: bool. Whether they are wanted.

    Returns:
        `Hypotheses`.
    """
    import tensorflow as tf

    from keras_attention.decoding.search import search

    def compilable_search(**arguments):
        prefix_ids = arguments.pop("prefix_ids", None)
        found = search(model, arguments, options, prefix_ids, attention_scores)
        return tuple(part for part in found if not isinstance(part, tuple))

    compilable_search.__name__ = SEARCH  # of which TensorFlow makes the function's
    arguments = dict(inputs)
    if prefix_ids is not None:
        arguments["prefix_ids"] = prefix_ids
    found = tf.function(compilable_search, autograph=False)(**arguments)
    return Hypotheses(*found, *([] if attention_scores else [()]))
