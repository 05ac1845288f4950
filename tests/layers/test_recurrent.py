"""Recurrent stacks agree with their formulas, and fused kernels can run them."""

import keras
import numpy as np
import pytest

from keras_attention.layers.recurrent import RecurrentDecoder, RecurrentEncoder
from tests.shape_support import check_shapes, flat_shapes
from tests.support import check_layer, compiled, sublayers, to_numpy

MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0]], bool)


@keras.saving.register_keras_serializable(package="tests")
class FlatEncoder(RecurrentEncoder):
    """With all its outputs in one list, as `check_layer` wants them."""

    def call(self, features, value_mask, training=None):
        return keras.tree.flatten(super().call(features, value_mask, training))

    def compute_output_shape(self, input_shape):
        return flat_shapes(super().compute_output_shape(input_shape))

    def compute_output_spec(self, features, value_mask, training=None):
        spec = super().compute_output_spec(features, value_mask, training)
        return keras.tree.flatten(spec)


def test_keeps_the_layer_contract():
    config = {"units": 4, "num_layers": 2, "cell": "lstm", "residual": True}
    config.update(layer_norm=True, dropout=0.5)
    check_layer(FlatEncoder, config, features=(3, 5, 4), value_mask=MASK)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_shapes_are_known_without_numbers(cell):
    config = {"units": 4, "num_layers": 2, "cell": cell}
    features = np.ones((3, 5, 4), "float32")
    check_shapes(RecurrentEncoder, config, {"features": features, "value_mask": MASK})
    state = (np.ones((3, 4), "float32"),) * (2 if cell == "lstm" else 1)
    inputs = {"features": features, "initial_states": (state, state)}
    check_shapes(RecurrentDecoder, config, inputs)


def test_the_decoder_survives_its_configuration():
    config = {"units": 4, "num_layers": 2, "cell": "lstm", "residual": True}
    decoder = RecurrentDecoder(**config, layer_norm=True)
    saved = keras.saving.serialize_keras_object(decoder)
    twin = keras.saving.deserialize_keras_object(saved)
    assert twin.get_config() == decoder.get_config()
    assert (twin.num_layers, twin.cell, twin.residual) == (2, "lstm", True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_step(inputs, states, weights):
    """Keras's GRU: the reset gate acts after the recurrent matrix."""
    kernel, recurrent_kernel, (bias, recurrent_bias) = weights
    (hidden,) = states
    zx, rx, hx = np.split(inputs @ kernel + bias, 3, axis=-1)
    zh, rh, hh = np.split(hidden @ recurrent_kernel + recurrent_bias, 3, axis=-1)
    update = sigmoid(zx + zh)
    candidate = np.tanh(hx + sigmoid(rx + rh) * hh)
    return (update * hidden + (1 - update) * candidate,)


def lstm_step(inputs, states, weights):
    kernel, recurrent_kernel, bias = weights
    hidden, memory = states
    gates = inputs @ kernel + hidden @ recurrent_kernel + bias
    i, f, c, o = np.split(gates, 4, axis=-1)
    memory = sigmoid(f) * memory + sigmoid(i) * np.tanh(c)
    return sigmoid(o) * np.tanh(memory), memory


def rnn_step(inputs, states, weights):
    kernel, recurrent_kernel, bias = weights
    return (np.tanh(inputs @ kernel + states[0] @ recurrent_kernel + bias),)


STEPS = {"gru": gru_step, "lstm": lstm_step, "rnn": rnn_step}


def run(cell, features, states, weights):
    """One row `(S, dim)`, word by word: outputs and the last state."""
    outputs = []
    for column in features:
        states = STEPS[cell](column, states, weights)
        outputs.append(states[0])
    return np.array(outputs), states


def normalised(features):
    deviation = np.sqrt(features.var(axis=-1, keepdims=True) + 1e-6)
    return (features - features.mean(axis=-1, keepdims=True)) / deviation


def randomised(layer):
    """Biases too, so that none is forgotten."""
    rng = np.random.default_rng(0)
    layer.set_weights(
        [0.5 * rng.normal(size=w.shape).astype("float32") for w in layer.weights]
    )
    for norm in layer.norms:
        norm.set_weights([np.ones(layer.units), np.zeros(layer.units)])


@pytest.mark.parametrize("cell, bidirectional", [("gru", False), ("lstm", True)])
def test_the_encoder_agrees_with_a_loop_over_the_real_words(cell, bidirectional):
    encoder = RecurrentEncoder(
        6, 2, cell, residual=True, layer_norm=True, bidirectional=bidirectional
    )
    features = np.random.default_rng(1).normal(size=(3, 5, 4)).astype("float32")
    encoder(features, value_mask=MASK)
    randomised(encoder)
    value, states = encoder(features, value_mask=MASK)

    units = 3 if bidirectional else 6
    zeros = (np.zeros(units),) * (2 if cell == "lstm" else 1)
    for row, length in [(0, 5), (1, 2)]:
        words = features[row, :length]
        for i, layer in enumerate(encoder.layers):
            weights = layer.get_weights()
            outputs, last = run(cell, words, zeros, weights[:3])
            if bidirectional:
                backward = run(cell, words[::-1], zeros, weights[3:])
                outputs = np.concatenate([outputs, backward[0][::-1]], axis=-1)
                last = [
                    np.concatenate(pair) for pair in zip(last, backward[1], strict=True)
                ]
            for one, other in zip(states[i], last, strict=True):
                np.testing.assert_allclose(to_numpy(one)[row], other, atol=1e-5)
            outputs = normalised(outputs)
            words = words + outputs if i else outputs
        np.testing.assert_allclose(to_numpy(value)[row, :length], words, atol=1e-4)


def test_a_row_without_words_leaves_no_state():
    encoder = RecurrentEncoder(4, 2, "lstm")
    features = np.ones((3, 5, 4), "float32")
    _, states = encoder(features, value_mask=MASK)
    for state in keras.tree.flatten(states):
        assert not to_numpy(state)[2].any() and to_numpy(state)[:2].all()


def decoder_example(cell, num_layers=2):
    decoder = RecurrentDecoder(4, num_layers, cell, residual=True, layer_norm=True)
    decoder.build((None, None, 3))
    randomised(decoder)
    rng = np.random.default_rng(2)

    def draw(*shape):
        return rng.normal(size=shape).astype("float32")

    states = tuple(
        tuple(draw(2, 4) for _ in range(2 if cell == "lstm" else 1))
        for _ in range(num_layers)
    )
    return decoder, draw(2, 5, 3), states, tuple(draw(2, 4) for _ in range(num_layers))


@pytest.mark.parametrize("cell, dropped", [("gru", False), ("lstm", True)])
def test_the_decoder_agrees_with_its_steps_and_with_a_loop(cell, dropped):
    decoder, features, states, masks = decoder_example(cell)
    given = masks if dropped else None
    expected = to_numpy(decoder(features, states, given))
    moved = states
    for t in range(5):
        output, moved = decoder.step(features[:, t], moved, given)
        np.testing.assert_allclose(output, expected[:, t], atol=1e-5)

    for row in range(2):
        words = features[row]
        for i, layer in enumerate(decoder.layers):
            first = [state[row] for state in states[i]]
            outputs = normalised(run(cell, words, first, layer.get_weights())[0])
            words = words + outputs if i else outputs
            words = words * masks[i][row] if dropped else words
        np.testing.assert_allclose(expected[row], words, atol=1e-4)


def test_dropout_is_one_mask_for_a_whole_sentence_between_layers_only():
    features = np.ones((2, 5, 4), "float32")
    one = RecurrentEncoder(8, 1, bidirectional=False, dropout=0.5)
    plain, _ = one(features, value_mask=MASK[:2])
    dropped, _ = one(features, value_mask=MASK[:2], training=True)
    np.testing.assert_array_equal(plain, dropped)

    two = RecurrentEncoder(32, 2, bidirectional=False, dropout=0.5)
    seen = []
    call = two.layers[1].call

    def spy(features, **kwargs):
        seen.append(to_numpy(features))
        return call(features, **kwargs)

    two.layers[1].call = spy
    mask = np.ones((2, 5), bool)
    two(features, value_mask=mask, training=True)
    zero = seen[-1] == 0  # (2, 5, 32)
    assert (zero == zero[:, :1]).all() and (zero[0, 0] != zero[1, 0]).any()
    assert 0.2 < zero.mean() < 0.8


def recurrent_layers(stack):
    kinds = (keras.layers.GRU, keras.layers.LSTM)
    return {layer for layer in sublayers(stack) if isinstance(layer, kinds)}


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("kind", [RecurrentEncoder, RecurrentDecoder])
def test_all_arguments_are_those_that_fused_kernels_need(kind, cell):
    stack = kind(4, 3, cell, residual=True, layer_norm=True)
    found = recurrent_layers(stack)
    assert len(found) == (6 if kind is RecurrentEncoder else 3)
    for layer in found:
        assert layer.activation is keras.activations.tanh
        assert layer.recurrent_activation is keras.activations.sigmoid
        assert layer.use_bias and not layer.unroll
        assert not layer.recurrent_dropout and not layer.dropout
        assert layer.use_cudnn == "auto"
        assert cell == "lstm" or layer.reset_after


def test_each_layer_reads_padding_on_the_right_and_no_empty_row():
    encoder = RecurrentEncoder(4, 2)
    masks = []
    for layer in encoder.layers:
        call = layer.call

        def spy(features, mask=None, call=call, **kwargs):
            masks.append(to_numpy(mask))
            return call(features, mask=mask, **kwargs)

        layer.call = spy
    encoder(np.ones((3, 5, 4), "float32"), value_mask=MASK)
    expected = MASK.copy()
    expected[2, 0] = True
    assert len(masks) >= 2
    for mask in masks:
        np.testing.assert_array_equal(mask, expected)


def test_compiled_it_is_the_same():
    encoder = RecurrentEncoder(4, 2, "lstm")
    features = np.random.default_rng(1).normal(size=(3, 5, 4)).astype("float32")
    expected = encoder(features, value_mask=MASK)
    actual = compiled(lambda x, mask: encoder(x, value_mask=mask))(features, MASK)
    for one, other in zip(
        keras.tree.flatten(actual), keras.tree.flatten(expected), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"units": 5}, "units must be even.*units=5. Take 6, or bidirectional=False"),
        ({"units": 4, "num_layers": 0}, "num_layers must be positive; received 0"),
        ({"units": 4, "cell": "qrnn"}, "one of .*'rnn'; received cell='qrnn'"),
    ],
)
def test_impossible_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RecurrentEncoder(**arguments)
    if arguments["units"] == 5:
        assert RecurrentDecoder(**arguments).units == 5
