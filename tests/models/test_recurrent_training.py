"""In training: dropout of whole sentences, and words of the model's own."""

import keras
import numpy as np
import pytest

from keras_attention.layers.scheduled_sampling import ScheduledSampling
from keras_attention.models.recurrent import RecurrentSeq2Seq
from tests.models.test_recurrent import INPUTS, make
from tests.support import slow_on_jax, to_numpy

WORDS = {
    "source_ids": INPUTS["source_ids"],
    "target_ids": np.array([[2, 5, 4, 8, 6], [2, 7, 6, 0, 0]], "int32"),
}
LUONG = {"attention": "luong", "cell": "lstm", "num_layers": 2, "input_feeding": True}


def watch(owner, name, seen):
    """Keeps what a method is given, its `self` aside, and what it returns."""
    method = getattr(owner, name)

    def spy(*arguments):
        seen[name] = arguments, method(*arguments)
        return seen[name][1]

    setattr(owner, name, spy)


@slow_on_jax
@pytest.mark.parametrize("changes", [{}, LUONG], ids=["bahdanau", "luong"])
def test_dropout_is_one_mask_for_all_steps_of_a_sentence(changes):
    model = make(dropout=0.5, **changes)
    seen = {}
    watch(model.decoder, "unroll", seen)
    logits = to_numpy(model(WORDS, training=True))
    (tokens, state, memory, masks), _ = seen["unroll"]
    right = to_numpy(model.target_embedding(WORDS["target_ids"]))
    np.testing.assert_allclose(tokens, right * to_numpy(masks.tokens)[:, None])
    readout = to_numpy(masks.readout)[:, 0]
    for t in range(5):
        features, state = model.decoder.advance(tokens[:, t], state, memory, masks)
        vector = model.decoder.readout(features) * readout
        expected = model.logits_dense(vector)
        np.testing.assert_allclose(logits[:, t], expected, rtol=1e-4, atol=1e-4)
    assert np.abs(logits - to_numpy(model(WORDS))).max() > 0.1


@slow_on_jax
def test_each_sentence_has_masks_of_its_own():
    model = make(dropout=0.25, num_layers=2)
    masks = [to_numpy(x) for x in keras.tree.flatten(model._draw_masks(64, True))]
    assert [mask.shape[-1] for mask in masks] == [4, 6, 6, 4]
    for mask in masks:
        rows = mask.reshape(64, -1)
        kept = rows > 0
        np.testing.assert_allclose(rows[kept], 1 / 0.75, rtol=1e-6)
        assert 0.6 < kept.mean() < 0.9 and len(np.unique(kept, axis=0)) > 8
    assert make()._draw_masks(64, True) is None
    assert model._draw_masks(64, False) is None


@slow_on_jax
def test_dropout_acts_in_training_only():
    model = make(dropout=0.5)
    np.testing.assert_array_equal(model(WORDS), model(WORDS, training=False))


def sampling(least, **changes):
    """A model that always sees right words (`least` 1), or never (0)."""
    model = RecurrentSeq2Seq(9, 9, **{"embedding_dim": 4, "units": 6, **changes})
    model.scheduled_sampling = ScheduledSampling("linear", 1, least)
    model.build()
    model.built = True
    plain = make(**changes)
    for weight, original in zip(model.weights, plain.weights, strict=True):
        weight.assign(original)
    model.scheduled_sampling.num_batches.assign(10.0)
    return model, plain


def count(model):
    return float(to_numpy(model.scheduled_sampling.num_batches)) - 10


def test_shown_right_words_only_it_is_teacher_forcing():
    model, plain = sampling(least=1.0)
    expected = to_numpy(plain(WORDS))
    np.testing.assert_allclose(model(WORDS, training=True), expected, atol=1e-5)
    assert count(model) == 1


@slow_on_jax
def test_out_of_training_it_is_not_there():
    model, plain = sampling(least=0.0)
    np.testing.assert_array_equal(model(WORDS), plain(WORDS))
    np.testing.assert_array_equal(model(WORDS, training=False), plain(WORDS))
    assert count(model) == 0


def free_running(model):
    """What a model says that is always fed its likeliest word, padding aside."""
    memory, state = model.encode(WORDS)
    columns = [WORDS["target_ids"][:, 0]]
    for right in WORDS["target_ids"].T[1:]:
        column = keras.ops.convert_to_tensor(columns[-1], "int32")
        logits, state = model.step(column, state, memory)
        own = to_numpy(logits).argmax(axis=-1)
        columns.append(np.where(right == 0, 0, own))
    return np.stack(columns, axis=1)


def sharpen(model):
    """Leaves nothing to chance: the likeliest word is the only one."""
    for weight in model.logits_dense.weights:
        weight.assign(1e4 * to_numpy(weight))


@pytest.mark.parametrize(
    "changes",
    [{}, {**LUONG, "bidirectional": False}, {"attention": None}],
    ids=["bahdanau", "luong", "none"],
)
def test_shown_none_it_goes_on_from_what_it_said(changes):
    model, plain = sampling(least=0.0, **changes)
    for twin in (model, plain):
        sharpen(twin)
    own = free_running(plain)
    assert (own != WORDS["target_ids"]).any()
    seen = {}
    watch(model, "_mix_in_own_words", seen)
    logits = model(WORDS, training=True)
    np.testing.assert_array_equal(seen["_mix_in_own_words"][1], own)
    expected = to_numpy(plain({**WORDS, "target_ids": own}))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-3)


def test_with_dropout_its_words_are_those_of_the_dropped_model():
    """Both passes see the same masks."""
    model, _ = sampling(least=0.0, dropout=0.5)
    sharpen(model)
    seen = {}
    watch(model, "_mix_in_own_words", seen)
    logits = to_numpy(model(WORDS, training=True))
    own = to_numpy(seen["_mix_in_own_words"][1])
    said = logits.argmax(axis=-1)[:, :-1]
    right = WORDS["target_ids"][:, 1:]
    np.testing.assert_array_equal(own[:, 1:], np.where(right == 0, 0, said))


def test_every_weight_learns_from_words_of_its_own():
    model, _ = sampling(least=0.5, dropout=0.1)
    before = [to_numpy(weight) for weight in model.trainable_variables]
    eager = keras.backend.backend() == "tensorflow"
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, run_eagerly=eager)
    labels = WORDS["target_ids"][:, ::-1]
    model.train_on_batch(WORDS, labels)
    assert count(model) == 1
    model.test_on_batch(WORDS, labels)
    assert count(model) == 1
    for weight, old in zip(model.trainable_variables, before, strict=True):
        new = to_numpy(weight)
        assert np.isfinite(new).all() and (new != old).any(), weight.path
