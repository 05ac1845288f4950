"""RecurrentSeq2Seq agrees with its papers' formulas, written out word by word."""

import numpy as np
import pytest

from tests.layers.test_masking import softmax
from tests.layers.test_recurrent import STEPS, run
from tests.model_support import teacher_forced
from tests.models.test_recurrent import make
from tests.support import to_numpy

SOURCE = np.array([4, 5, 6, 7, 3])
TARGET = np.array([2, 5, 4, 8])


def word_vectors(embedding, ids):
    return to_numpy(embedding.embeddings)[ids]


def encode(model, cell="gru"):
    """One layer in two directions: the memory, and the decoder's first states."""
    words = word_vectors(model.source_embedding, SOURCE)
    weights = model.encoder.layers[0].get_weights()
    zeros = (np.zeros(model.units // 2),) * (2 if cell == "lstm" else 1)
    forward, last = run(cell, words, zeros, weights[:3])
    backward, first = run(cell, words[::-1], zeros, weights[3:])
    states = []
    for i, ends in enumerate(zip(last, first, strict=True)):
        kernel, bias = model.bridges[0][i].get_weights()
        state = np.concatenate(ends) @ kernel + bias
        states.append(state if i else np.tanh(state))
    return np.concatenate([forward, backward[::-1]], axis=-1), tuple(states)


def weights_of(model):
    """Of the recurrence, the attention, the read-out and the logits."""
    decoder = model.decoder
    attention = [] if decoder.attention is None else decoder.attention.get_weights()
    return (
        decoder.rnn.layers[0].get_weights(),
        attention,
        decoder.readout_dense.get_weights(),
        model.logits_dense.get_weights(),
    )


def bahdanau(model, cell="gru"):
    value, states = encode(model, cell)
    recurrence, attention, (kernel, bias), (out, out_bias) = weights_of(model)
    query_kernel, key_kernel, score_kernel = attention
    logits, looks = [], []
    for token in word_vectors(model.target_embedding, TARGET):
        hidden = np.tanh(states[0] @ query_kernel + value @ key_kernel)
        looks.append(softmax(hidden @ score_kernel[:, 0]))
        context = looks[-1] @ value
        states = STEPS[cell](np.concatenate([token, context]), states, recurrence)
        features = np.concatenate([states[0], token, context]) @ kernel + bias
        maxout = np.maximum(*np.split(features, 2))
        logits.append(maxout @ out + out_bias)
    return np.array(logits), np.array(looks)


def luong_scores(score, hidden, value, weights):
    if score == "dot":
        return value @ hidden
    if score == "general":
        (kernel,) = weights
        return np.array([h @ kernel @ hidden for h in value])
    query_kernel, key_kernel, score_kernel = weights
    kernel = np.concatenate([query_kernel, key_kernel])
    both = [np.concatenate([hidden, h]) for h in value]
    return np.tanh(both @ kernel) @ score_kernel[:, 0]


def luong(model, score):
    value, states = encode(model)
    recurrence, attention, (kernel, bias), (out, out_bias) = weights_of(model)
    vector = np.zeros(model.units)  # h̃
    logits, looks = [], []
    for token in word_vectors(model.target_embedding, TARGET):
        inputs = np.concatenate([token, vector]) if model.input_feeding else token
        states = STEPS["gru"](inputs, states, recurrence)
        looks.append(softmax(luong_scores(score, states[0], value, attention)))
        vector = np.concatenate([looks[-1] @ value, states[0]])
        vector = np.tanh(vector @ kernel + bias)
        logits.append(vector @ out + out_bias)
    return np.array(logits), np.array(looks)


def blind(model):
    _, states = encode(model)
    recurrence, _, (kernel, bias), (out, out_bias) = weights_of(model)
    logits = []
    for token in word_vectors(model.target_embedding, TARGET):
        states = STEPS["gru"](token, states, recurrence)
        vector = np.tanh(np.concatenate([states[0], token]) @ kernel + bias)
        logits.append(vector @ out + out_bias)
    return np.array(logits), np.zeros((len(TARGET), len(SOURCE)))


def assert_agrees(model, expected):
    """In a batch with another row, and its source padded."""
    source_ids = np.array([np.pad(SOURCE, (0, 2)), [7, 6, 5, 4, 4, 5, 3]], "int32")
    target_ids = np.array([TARGET, TARGET[::-1]], "int32")
    logits, scores = teacher_forced(
        model, {"source_ids": source_ids, "target_ids": target_ids}
    )
    np.testing.assert_allclose(logits[0], expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scores[0, :, :5], expected[1], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("cell", STEPS)
def test_bahdanau_attends_and_then_steps(cell):
    model = make(cell=cell)
    assert_agrees(model, bahdanau(model, cell))


@pytest.mark.parametrize(
    "score, input_feeding",
    [("dot", False), ("dot", True), ("general", True), ("concat", True)],
)
def test_luong_steps_and_then_attends(score, input_feeding):
    model = make(attention="luong", score=score, input_feeding=input_feeding)
    assert_agrees(model, luong(model, score))


def test_without_attention_it_never_attends():
    model = make(attention=None, readout="tanh")
    assert_agrees(model, blind(model))
