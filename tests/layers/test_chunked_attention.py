"""Attention in chunks of queries: the numbers of the plain form, and less memory."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.layers import chunked_attention, heads
from keras_attention.layers.bahdanau import BahdanauAttention
from keras_attention.layers.luong import LuongAttention
from keras_attention.layers.multi_head import (
    MultiHeadCrossAttention,
    MultiHeadSelfAttention,
)
from keras_attention.layers.quantization import quick_collections
from keras_attention.layers.soft_image import SoftImageAttention
from tests.support import (
    MODULE_SLOW_ON_JAX,
    save_and_load,
    slow_on_jax,
    symbol,
    to_numpy,
)

ON_TENSORFLOW = keras.backend.backend() == "tensorflow"
B, T, S, DIM = 2, 11, 7, 6  # chunks of four queries do not divide eleven
RNG = np.random.default_rng(0)
QUERY, VALUE = (RNG.normal(size=(B, n, DIM)).astype("float32") for n in (T, S))
VALUE_MASK = np.arange(S) < np.array([[S - 2], [3]])
ATTENTION_MASK = RNG.random((B, T, S)) > 0.6
ATTENTION_MASK[:, 5] = False  # a query that may attend to nothing

SELF = {"value": QUERY}
CROSS = {"query": QUERY, "value": VALUE}
PADDED = {"value_mask": VALUE_MASK}
CASES = {
    "self": (MultiHeadSelfAttention, SELF, {}),
    "causal": (MultiHeadSelfAttention, SELF, {"use_causal_mask": True}),
    "padded": (MultiHeadCrossAttention, CROSS, PADDED),
    "masked": (MultiHeadCrossAttention, CROSS, {"attention_mask": ATTENTION_MASK[0]}),
    "padded, masked row by row": (
        MultiHeadCrossAttention,
        CROSS,
        {**PADDED, "attention_mask": ATTENTION_MASK},
    ),
    "additive": (BahdanauAttention, CROSS, PADDED),
    "additive, with scores": (
        BahdanauAttention,
        CROSS,
        {**PADDED, "return_attention_scores": True},
    ),
    "concat": (LuongAttention, CROSS, {}),
    "image": (SoftImageAttention, CROSS, {}),
}
CONFIGS = {
    MultiHeadSelfAttention: {"num_heads": 2, "key_dim": 4},
    MultiHeadCrossAttention: {"num_heads": 2, "key_dim": 4, "value_dim": 3},
    BahdanauAttention: {"units": 8, "use_bias": True},
    LuongAttention: {"score": "concat", "units": 8},
    SoftImageAttention: {"units": 8},
}


def built(layer_class, inputs, **config):
    layer = layer_class(**CONFIGS[layer_class], **config)
    layer(**inputs)
    return layer


@pytest.fixture
def choose(monkeypatch):
    """Sets whether attention goes by chunks: of four queries of heads, else of one."""

    def set_limits(chunked):
        monkeypatch.setattr(chunked_attention, "WHOLE", 1 if chunked else 2**40)
        monkeypatch.setattr(chunked_attention, "CHUNK", 1)
        monkeypatch.setattr(heads, "LEAST_QUERIES", 4)

    return set_limits


def loss_of(outputs):
    """A number on which every element has an influence of its own."""
    return sum(
        ops.sum(ops.sin(3.0 * ops.cast(x, "float32")))
        for x in keras.tree.flatten(outputs)
    )


def differentiated(layer, options):
    """A function of inputs: outputs, and gradients of all inputs and weights."""
    if ON_TENSORFLOW:
        import tensorflow as tf

        def run(inputs):
            weights = [weight.value for weight in layer.trainable_variables]
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                outputs = layer(**inputs, **options)
                loss = loss_of(outputs)
            return outputs, tape.gradient(loss, [inputs, weights])

        return run
    import jax

    fixed = [weight.value for weight in layer.non_trainable_variables]

    def loss(inputs, weights):
        outputs, _ = layer.stateless_call(weights, fixed, **inputs, **options)
        return loss_of(outputs), outputs

    gradients = jax.grad(loss, argnums=(0, 1), has_aux=True)

    def run(inputs):
        weights = [weight.value for weight in layer.trainable_variables]
        gradient, outputs = gradients(inputs, weights)
        return outputs, gradient

    return run


def compiled(run, inputs, jit_compile=False):
    """`run` for inputs of unknown lengths; JAX compiles it for those that it gets."""
    if not ON_TENSORFLOW:
        import jax

        return jax.jit(run)
    import tensorflow as tf

    signature = {
        name: tf.TensorSpec((None, None, x.shape[-1]), x.dtype)
        for name, x in inputs.items()
    }
    return tf.function(
        run, input_signature=[signature], jit_compile=jit_compile, autograph=False
    )


def results(run, inputs):
    inputs = {name: ops.convert_to_tensor(x) for name, x in inputs.items()}
    return [to_numpy(x) for x in keras.tree.flatten(run(inputs)) if x is not None]


def assert_close(actual, expected, tolerance):
    """Differences are of the size of a rounding of the largest number anywhere."""
    largest = max(np.abs(x).max() for x in expected)
    for one, other in zip(actual, expected, strict=True):
        scale = np.abs(other).max() + largest / 10
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("layer_class, inputs, options", CASES.values(), ids=CASES)
@pytest.mark.parametrize(
    "dtype, tolerance",
    [
        ("float32", 1e-5),
        pytest.param("mixed_bfloat16", 5e-2, marks=MODULE_SLOW_ON_JAX),
        pytest.param("mixed_float16", 1e-2, marks=MODULE_SLOW_ON_JAX),
    ],
)
def test_chunks_give_the_numbers_and_gradients_of_the_plain_form(
    layer_class, inputs, options, dtype, tolerance, choose
):
    layer = built(layer_class, inputs, dtype=dtype)
    run = differentiated(layer, options)
    choose(chunked=False)
    expected = results(run, inputs)
    choose(chunked=True)
    assert_close(results(run, inputs), expected, tolerance)


@pytest.mark.parametrize(
    "case, chunked",
    [("causal", False), ("padded, masked row by row", True), ("additive", True)],
)
def test_unknown_lengths_change_nothing(case, chunked, choose):
    layer_class, inputs, options = CASES[case]
    layer = built(layer_class, inputs)
    run = differentiated(layer, options)
    choose(chunked=False)
    expected = results(run, inputs)
    choose(chunked)
    assert_close(results(compiled(run, inputs), inputs), expected, 1e-5)


@slow_on_jax  # where everything is compiled so
@pytest.mark.parametrize("case", ["causal", "additive"])
def test_xla_compiles_chunks_of_unknown_lengths_and_their_gradient(case, choose):
    layer_class, inputs, options = CASES[case]
    run = differentiated(built(layer_class, inputs), options)
    choose(chunked=False)
    expected = results(run, inputs)
    choose(chunked=True)
    assert_close(
        results(compiled(run, inputs, jit_compile=True), inputs), expected, 1e-4
    )


def largest_tensor(run, inputs):
    """Elements of the largest tensor that the forward and backward passes make."""
    if not ON_TENSORFLOW:
        import jax

        jaxpr = jax.make_jaxpr(run)(inputs)
        return max(_sizes(jaxpr.jaxpr))
    import tensorflow as tf

    specs = {name: tf.TensorSpec(x.shape, x.dtype) for name, x in inputs.items()}
    graph = tf.function(run, autograph=False).get_concrete_function(specs).graph
    definition = graph.as_graph_def(add_shapes=True)
    nodes = [
        *definition.node,
        *(n for f in definition.library.function for n in f.node_def),
    ]
    shapes = [
        tf.TensorShape(shape)
        for node in nodes
        for shape in node.attr["_output_shapes"].list.shape
    ]
    assert shapes
    return max(shape.num_elements() or 0 for shape in shapes)


def _sizes(jaxpr):
    import jax

    for equation in jaxpr.eqns:
        yield from (x.aval.size for x in equation.outvars)
        for parameter in jax.tree.leaves(list(equation.params.values())):
            inner = getattr(parameter, "jaxpr", parameter)
            if hasattr(inner, "eqns"):
                yield from _sizes(inner)


@pytest.mark.parametrize(
    "layer_class, options",
    [
        (MultiHeadSelfAttention, {"use_causal_mask": True}),
        (MultiHeadCrossAttention, {}),
    ],
)
def test_the_largest_tensor_grows_with_the_length_not_with_its_square(
    layer_class, options, choose
):
    def growth():
        sizes = []
        for length in (64, 128):
            features = np.zeros((1, length, DIM), "float32")
            names = ["value"] if layer_class is MultiHeadSelfAttention else list(CROSS)
            inputs = dict.fromkeys(names, features)
            run = differentiated(built(layer_class, inputs), options)
            sizes.append(largest_tensor(run, inputs))
        return sizes[1] / sizes[0]

    choose(chunked=True)
    assert growth() <= 2
    choose(chunked=False)
    assert growth() > 3  # which this would see


@pytest.mark.parametrize("layer_class", [BahdanauAttention, LuongAttention])
def test_additive_attention_trains_at_a_thousand_by_a_thousand(layer_class):
    length, units = 1024, 16
    config = {**CONFIGS[layer_class], "units": units}
    features = RNG.normal(size=(1, length, 4)).astype("float32")
    inputs = {"query": features, "value": features[:, ::-1]}
    layer = layer_class(**config)
    layer.build(features.shape, features.shape)
    run = differentiated(layer, {"return_attention_scores": True})
    assert largest_tensor(run, inputs) < length * length * units / 4
    outputs = results(run, inputs)
    assert outputs[1].shape == (1, length, length)
    assert all(np.isfinite(x).all() for x in outputs)


def test_dropout_drops_the_same_weights_when_they_are_computed_anew(choose):
    """In a linear function of values, gradient times value is what came out."""
    choose(chunked=True)
    layer = built(
        MultiHeadCrossAttention, CROSS, dropout=0.5, use_bias=False, output_dim=2
    )
    run = differentiated_sum(layer)
    values = ops.convert_to_tensor(VALUE)
    total, gradient = (to_numpy(x) for x in run(values))
    np.testing.assert_allclose(np.sum(gradient * VALUE), total, rtol=1e-4)
    assert abs(float(run(values)[0]) - total) > 1e-3  # Another draw, another sum.
    assert abs(float(total) - float(ops.sum(layer(QUERY, VALUE)))) > 1e-3


def differentiated_sum(layer):
    """A function of values: the sum of what the layer gives, and its gradient."""

    def total(values):
        # What is compared does not depend on the values.
        return ops.sum(layer(QUERY, values, key=VALUE, training=True))

    if not ON_TENSORFLOW:
        import jax

        return jax.value_and_grad(total)
    import tensorflow as tf

    def run(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            result = total(values)
        return result, tape.gradient(result, values)

    return run


def test_quantised_layers_attend_in_chunks_too(choose):
    layer_class, inputs, options = CASES["additive"]
    layer = built(layer_class, inputs)
    with quick_collections():
        for dense in (layer.query_dense, layer.key_dense, layer.score_dense):
            dense.quantize("int8")
    choose(chunked=False)
    expected = results(differentiated(layer, options), inputs)
    choose(chunked=True)
    assert_close(results(differentiated(layer, options), inputs), expected, 2e-2)


def test_what_is_rematerialised_may_be_in_chunks(choose):
    choose(chunked=True)
    layer_class, inputs, _ = CASES["additive"]
    layer = built(layer_class, inputs)
    expected = results(differentiated(layer, {}), inputs)
    # TensorFlow's takes no keywords within a function.
    rematerialised = keras.remat(layer.call)
    layer.call = lambda query, value, **_: rematerialised(query, value)
    run = compiled(differentiated(layer, {}), inputs)
    assert_close(results(run, inputs), expected, 1e-5)


def test_functional_models_in_chunks_train_and_survive_a_save(choose):
    choose(chunked=True)
    inputs = {name: symbol(name, x) for name, x in CROSS.items()}
    query = MultiHeadSelfAttention(2, 4)(inputs["query"], use_causal_mask=True)
    model = keras.Model(inputs, BahdanauAttention(8)(query, inputs["value"]))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    losses = [model.train_on_batch(CROSS, 0.0 * QUERY) for _ in range(3)]
    assert losses[2] < losses[0]
    expected = to_numpy(model(CROSS))
    np.testing.assert_allclose(to_numpy(save_and_load(model)(CROSS)), expected, 1e-5)
