"""What a time limit can do to a graph."""

import pytest
import tensorflow as tf

from keras_attention.serving.models.sessions import can_be_cancelled


def double_for_ever(x):
    return tf.while_loop(lambda _: True, lambda x: (x * 2,), [x])


@pytest.mark.parametrize("wrap", [lambda f: f, tf.function])
@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (lambda x: tf.matmul(x, x), False),
        (lambda x: tf.nn.softmax(x * 2.0), False),
        (double_for_ever, True),
        (lambda x: tf.map_fn(tf.nn.relu, x), True),
    ],
)
def test_loops_can_be_stopped_and_nothing_else(compute, expected, wrap):
    with tf.Graph().as_default() as graph:
        wrap(compute)(tf.ones([2, 2]))
    assert can_be_cancelled(graph.as_graph_def()) == expected


def test_the_loops_of_old_models_can_be_stopped():
    tf.compat.v1.disable_control_flow_v2()
    try:
        with tf.Graph().as_default() as graph:
            tf.compat.v1.while_loop(lambda _: True, lambda x: (x * 2,), [tf.ones([2])])
    finally:
        tf.compat.v1.enable_control_flow_v2()
    graph_def = graph.as_graph_def()
    assert not any("While" in node.op for node in graph_def.node)
    assert can_be_cancelled(graph_def)
