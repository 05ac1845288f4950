"""RecurrentSeq2Seq steps as it trains, minds no padding, and says what cannot be."""

import keras
import numpy as np
import pytest

from keras_attention.models.recurrent import PRESETS, RecurrentSeq2Seq
from tests.model_support import check_model, copy_weights, teacher_forced
from tests.support import slow_on_jax, to_numpy

SIZES = {"embedding_dim": 4, "units": 6}
INPUTS = {
    "source_ids": np.array([[4, 5, 6, 3], [6, 3, 0, 0]], "int32"),
    "target_ids": np.array([[2, 5, 4], [2, 7, 6]], "int32"),
}
DEEP = {"num_layers": 2, "residual": True, "layer_norm": True}


def make(**changes):
    """A model with large random weights, so that whatever matters shows."""
    keras.utils.set_random_seed(0)
    model = RecurrentSeq2Seq(9, 9, **{**SIZES, **changes})
    model.build()
    model.built = True
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(0.5 * rng.normal(size=weight.shape))
    return model


CONTRACTS = {
    "bahdanau": {"cell": "lstm", "readout": "tanh", "tie_embeddings": True, **DEEP},
    "concat": {"attention": "luong", "score": "concat", "input_feeding": True},
    "dot": {"attention": "luong", "dropout": 0.5},
    "general": {"attention": "luong", "score": "general", "bidirectional": False},
    "none": {"attention": "none", "reverse_source": True, "share_embeddings": True},
}
# Formulas check the others on JAX, which compiles a contract for half a minute.
QUICK = ("concat",) if keras.backend.backend() == "jax" else CONTRACTS


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(changes, marks=() if name in QUICK else pytest.mark.slow, id=name)
        for name, changes in CONTRACTS.items()
    ],
)
def test_keeps_the_model_contract(changes):
    keras.utils.set_random_seed(0)
    config = {"source_vocabulary_size": 9, "target_vocabulary_size": 9, **SIZES}
    check_model(RecurrentSeq2Seq, {**config, **changes}, INPUTS)


@slow_on_jax
def test_vocabularies_may_differ():
    model = RecurrentSeq2Seq(7, 11, **SIZES)
    assert tuple(model(INPUTS).shape) == (2, 3, 11)


MESSY = np.array(
    [
        [4, 5, 6, 7, 8, 3],
        [4, 8, 3, 0, 0, 0],
        [0, 0, 0, 4, 8, 3],
        [0, 4, 0, 8, 3, 0],
        [0, 0, 3, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ],
    "int32",
)


@slow_on_jax
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {
            "attention": "luong",
            "cell": "lstm",
            "bidirectional": False,
            "reverse_source": True,
        },
    ],
    ids=["bahdanau", "reversed luong"],
)
def test_padding_may_stand_anywhere(changes):
    model = make(**changes)
    target_ids = np.repeat([[2, 5, 4]], len(MESSY), axis=0)
    inputs = {"source_ids": MESSY, "target_ids": target_ids}
    logits, scores = teacher_forced(model, inputs)
    assert np.isfinite(logits).all()
    assert not (scores * (MESSY == 0)[:, None]).any()
    for row, ids in enumerate(MESSY[:-1]):
        words = ids[ids > 0]
        # Keras warns of a softmax over one position.
        alone = np.pad(words, (0, 1 if len(words) == 1 else 0))[None]
        expected, looked = teacher_forced(
            model, {"source_ids": alone, "target_ids": target_ids[:1]}
        )
        np.testing.assert_allclose(logits[row], expected[0], rtol=1e-4, atol=1e-5)
        looked = looked[0, :, : len(words)]
        np.testing.assert_allclose(scores[row][:, ids > 0], looked, atol=1e-5)
    np.testing.assert_allclose(logits[2], logits[1], rtol=1e-4, atol=1e-5)


@slow_on_jax
@pytest.mark.parametrize("reverse", [False, True])
def test_fused_kernels_could_read_it_whatever_the_padding(reverse):
    """They need real words first, in each row at least one."""
    model = make(reverse_source=reverse, num_layers=2)
    masks = []
    for layer in model.encoder.layers:
        call = layer.call

        def spy(features, mask=None, call=call, **kwargs):
            masks.append(to_numpy(mask))
            return call(features, mask=mask, **kwargs)

        layer.call = spy
    model.encode({"source_ids": MESSY})
    assert len(masks) == 2
    for mask in masks:
        lengths = np.maximum((MESSY > 0).sum(axis=1), 1)
        np.testing.assert_array_equal(mask, np.arange(6) < lengths[:, None])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_reversing_the_source_is_reversing_its_words(bidirectional):
    plain = make(bidirectional=bidirectional)
    reverse = make(bidirectional=bidirectional, reverse_source=True)
    copy_weights(plain, reverse)
    words = INPUTS["source_ids"][:1]
    logits, scores = teacher_forced(
        plain, {"source_ids": words[:, ::-1], "target_ids": INPUTS["target_ids"][:1]}
    )
    found = teacher_forced(reverse, {**INPUTS, "source_ids": np.pad(
        INPUTS["source_ids"], ((0, 0), (0, 2))
    )})  # fmt: skip
    np.testing.assert_allclose(found[0][:1], logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[1][:1, :, 3::-1], scores, rtol=1e-4, atol=1e-6)
    assert np.abs(found[0] - teacher_forced(plain, INPUTS)[0]).max() > 0.01


@slow_on_jax
def test_without_attention_the_state_is_all_that_is_known():
    model = make(attention=None)
    logits, scores = teacher_forced(model, INPUTS)
    assert scores.shape == (2, 3, 4) and not scores.any()

    others = {"source_ids": INPUTS["source_ids"][:, ::-1] % 8 + 1}
    memory, state = model.encode(INPUTS)
    other_memory, other_state = model.encode(others)
    token_ids = INPUTS["target_ids"][:, 0]
    step, _ = model.step(token_ids, state, other_memory)
    np.testing.assert_allclose(step, logits[:, 0], rtol=1e-4, atol=1e-5)
    step, _ = model.step(token_ids, other_state, memory)
    assert np.abs(to_numpy(step) - logits[:, 0]).max() > 0.01


@slow_on_jax
@pytest.mark.parametrize(
    "changes",
    [
        {"attention": "luong", "score": "general", "cell": "lstm", **DEEP},
        {"attention": None, **DEEP},
    ],
    ids=["luong", "none"],
)
def test_the_whole_recurrence_at_once_equals_its_steps(changes):
    model = make(**changes, dropout=0.5)
    memory, state = model.encode(INPUTS)
    tokens = np.random.default_rng(1).normal(size=(2, 3, 4)).astype("float32")
    for masks in (None, model._draw_masks(2, True)):
        once = model.decoder.unroll(tokens, state, memory, masks)
        steps = model.decoder.scan(tokens, state, memory, masks)
        for one, other in zip(once, steps, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@slow_on_jax
def test_target_embeddings_may_be_the_output_weights():
    plain, tied = make(), make(tie_embeddings=True)
    shared = make(tie_embeddings=True, share_embeddings=True)
    # A table less, and the bias of the logits.
    assert plain.count_params() - tied.count_params() == 9 * 4 + 9
    assert tied.count_params() - shared.count_params() == 9 * 4
    tied.target_embedding.embeddings.assign(np.zeros((9, 4)))
    np.testing.assert_array_equal(tied(INPUTS), np.zeros((2, 3, 9)))


def count_parameters(vocabulary_size, embedding_dim, units, **_):
    """Of one layer, Bahdanau's attention, GRUs, maxout; from the paper's appendix."""
    words, e, n = vocabulary_size, embedding_dim, units

    def gru(inputs, units):  # two biases: the reset gate comes after the matrix
        return 3 * (inputs * units + units * units + 2 * units)

    encoder = 2 * gru(e, n // 2) + n * n + n
    attention = 2 * n * n + n
    readout = (2 * n + e) * 2 * e + 2 * e
    decoder = attention + gru(e + n, n) + readout + e * words + words
    return 2 * words * e + encoder + decoder


@slow_on_jax
@pytest.mark.parametrize("preset", ["tiny", "small"])
def test_presets_have_the_parameters_that_the_formula_counts(preset):
    model = RecurrentSeq2Seq(50, 50, **PRESETS[preset])
    model.build()
    assert model.count_params() == count_parameters(50, **PRESETS[preset])


@pytest.mark.slow
def test_base_has_the_parameters_that_the_formula_counts():
    model = RecurrentSeq2Seq(50, 50, **PRESETS["base"])
    model.build()
    assert model.count_params() == count_parameters(50, **PRESETS["base"])


def test_base_has_this_many_parameters_with_thirty_thousand_words():
    # The vocabulary of the paper; 55.8 million are word vectors and output weights.
    assert count_parameters(30_000, **PRESETS["base"]) == 73_314_040


@pytest.mark.slow
def test_big_is_four_layers_of_a_thousand():
    model = RecurrentSeq2Seq(50, 50, **PRESETS["big"])
    model.build()
    layer = 4 * (2000 * 1000 + 1000)
    embeddings = 2 * 50 * 1000
    decoder = 4 * layer + 4 * 1000 * 1000  # the attentional vector fed back
    rest = 1000 * 1000 + 2001 * 1000 + 1001 * 50
    assert model.count_params() == embeddings + 4 * layer + decoder + rest


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"attention": "soft"},
            'must be one of .bahdanau., .luong., None ."none" in a',
        ),
        ({"input_feeding": True}, "which only attention=\"luong\" has.*'bahdanau'"),
        ({"attention": None, "input_feeding": True}, "attention=None"),
        ({"score": "dot"}, "score='dot' with attention='bahdanau'. Leave score out"),
        ({"attention": "luong", "score": "bilinear"}, "'general'.*'bilinear'"),
        ({"attention": "luong", "readout": "maxout"}, "readout must be 'tanh' with"),
        ({"readout": "relu"}, "readout must be 'maxout' or 'tanh'.*'relu'"),
        ({"dropout": 1.0}, "at least 0 and below 1; received 1.0"),
        ({"share_embeddings": True}, "source_vocabulary_size=9.*Train a shared"),
        (
            {"attention": "luong", "tie_embeddings": True},
            "units=6, embedding_dim=4. Make them equal",
        ),
        ({"units": 7}, "units must be even.*units=7. Take 8, or bidirectional=False"),
        ({"cell": "qrnn"}, "one of 'gru', 'lstm', 'rnn'; received cell='qrnn'"),
        ({"num_layers": 0}, "num_layers must be positive; received 0"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        RecurrentSeq2Seq(9, 10, **{**SIZES, **changes})


def test_what_can_be_is_not():
    one_way = RecurrentSeq2Seq(9, 10, embedding_dim=4, units=7, bidirectional=False)
    assert one_way.bridges == []
    luong = {"attention": "luong", "readout": "tanh", "tie_embeddings": True}
    assert RecurrentSeq2Seq(9, 10, embedding_dim=4, units=4, **luong).attends
    assert not RecurrentSeq2Seq(9, 10, **SIZES, attention="none").attends
