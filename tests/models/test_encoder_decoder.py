"""What families inherit of the contract."""

from typing import Any, NamedTuple

import keras
import numpy as np
import pytest

from keras_attention.layers.guided_alignment import alignment_loss
from keras_attention.models import families
from keras_attention.models.encoder_decoder import EncoderDecoder
from keras_attention.models.recurrent import RecurrentSeq2Seq
from keras_attention.models.transformer import Transformer
from tests.model_support import teacher_forced
from tests.support import slow_on_jax


class State(NamedTuple):
    cells: Any  # a tuple of (N, …)
    attention_scores: Any  # (N, S)


def state():
    rows = np.arange(2, dtype="float32")[:, None]
    return State((rows, 10 * rows), 100 * np.ones((1, 3), "float32") * rows)


def test_states_are_repeated_row_by_row():
    repeated = EncoderDecoder().repeat_state(state(), 3)
    np.testing.assert_array_equal(repeated.cells[1][:, 0], [0, 0, 0, 10, 10, 10])
    assert tuple(repeated.attention_scores.shape) == (6, 3)


def test_states_are_gathered_leaf_by_leaf():
    gathered = EncoderDecoder().gather_state(state(), np.array([1, 1], "int32"))
    np.testing.assert_array_equal(gathered.cells[0][:, 0], [1, 1])
    np.testing.assert_array_equal(gathered.attention_scores, 100 * np.ones((2, 3)))


def test_a_family_must_say_how_it_encodes_and_steps():
    with pytest.raises(NotImplementedError):
        EncoderDecoder().encode({})
    with pytest.raises(NotImplementedError):
        EncoderDecoder().step(None, None, None)


FAMILIES = {
    "transformer": lambda: Transformer(
        9, 9, num_layers=2, model_dim=8, num_heads=2, feed_forward_dim=8, dropout=0.0
    ),
    "bahdanau": lambda: RecurrentSeq2Seq(9, 9, embedding_dim=4, units=6),
    "luong": lambda: RecurrentSeq2Seq(
        9, 9, attention="luong", embedding_dim=4, units=6
    ),
}


def guided_batch():
    """Inputs with alignments of which a row is empty, and labels."""
    inputs = {
        "source_ids": np.array([[4, 5, 6, 3], [6, 3, 0, 0]], "int32"),
        "target_ids": np.array([[2, 5, 4], [2, 7, 6]], "int32"),
    }
    alignments = np.zeros((2, 3, 4), "float32")
    alignments[0, 0, [1, 2]] = 0.5
    alignments[0, 2, 3] = alignments[1, 0, 0] = alignments[1, 2, 1] = 1
    return {**inputs, "alignments": alignments}, np.array([[5, 4, 3], [7, 6, 3]])


@pytest.mark.parametrize("family", FAMILIES)
def test_guided_alignment_adds_its_loss_in_training_only(family):
    keras.utils.set_random_seed(0)
    model = FAMILIES[family]()
    inputs, labels = guided_batch()
    _, scores = teacher_forced(model, inputs)
    weights = (inputs["target_ids"] != 0).astype("float32")
    expected = float(alignment_loss(inputs["alignments"], scores, weights))
    assert expected > 0.5

    model.guided_alignment = 0.7
    model.compile(
        keras.optimizers.SGD(0.0),  # the weights stay as they are
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=keras.backend.backend() == "tensorflow",
    )
    plain = model.test_on_batch(inputs, labels)
    model.reset_metrics()
    loss, added = model.train_on_batch(inputs, labels)
    assert float(loss - plain) == pytest.approx(0.7 * expected, rel=1e-4)
    assert float(added) == pytest.approx(0.7 * expected, rel=1e-4)
    del inputs["alignments"]
    model.reset_metrics()
    loss, added = model.train_on_batch(inputs, labels)
    assert float(loss) == pytest.approx(plain, rel=1e-5)
    assert added == 0


@slow_on_jax
@pytest.mark.parametrize("family", FAMILIES)
def test_guided_attention_moves_to_where_it_is_drawn(family):
    keras.utils.set_random_seed(0)
    model = FAMILIES[family]()
    model.guided_alignment = 1.0
    inputs, labels = guided_batch()
    _, before = teacher_forced(model, inputs)
    model.compile(
        keras.optimizers.Adam(0.05),
        # Nothing but the alignments is learned from.
        lambda labels, logits: 0.0 * keras.ops.sum(logits),
        run_eagerly=keras.backend.backend() == "tensorflow",
    )
    for _ in range(16):
        model.train_on_batch(inputs, labels)
    _, after = teacher_forced(model, inputs)
    losses = [float(alignment_loss(inputs["alignments"], x)) for x in (before, after)]
    assert losses[1] < 0.9 * losses[0]


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("family", families.FAMILIES["translation"])
def test_parameters_of_the_parts_add_up(family, share):
    model_class, presets = families.FAMILIES["translation"][family]
    model = model_class(9, 9, share_embeddings=share, **presets["tiny"])
    model.build()
    model.built = True
    counts = model.parameter_counts()
    assert sum(counts.values()) == model.count_params()
    assert ("source_embedding" in counts) is not share


@pytest.mark.parametrize("family", families.FAMILIES["captioning"])
def test_parameters_of_captioners_add_up(family):
    model_class, presets = families.FAMILIES["captioning"][family]
    model = model_class(9, **presets["tiny"])
    model.build()
    model.built = True
    counts = model.parameter_counts()
    assert sum(counts.values()) == model.count_params()
    assert counts["regions"] > 0


def test_weights_files_name_embeddings_as_the_first_bundles_do(tmp_path):
    h5py = pytest.importorskip("h5py")
    model = Transformer(9, 9, 1, 8, 2, 8)
    model.build()
    model.save_weights(tmp_path / "model.weights.h5")
    names = ("embedding", "embedding_1")
    with h5py.File(tmp_path / "model.weights.h5") as file:
        shapes = [file[f"layers/{name}/vars/0"].shape for name in names]
    assert shapes == [(9, 8), (9, 8)]
