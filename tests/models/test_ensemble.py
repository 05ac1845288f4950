"""An ensemble writes what its models find probable on average."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_attention.decoding.options import DecodingOptions
from keras_attention.decoding.search import Decoder
from keras_attention.models.ensemble import Ensemble
from keras_attention.models.recurrent import RecurrentSeq2Seq
from keras_attention.models.transformer import Transformer
from tests.model_support import steps, teacher_forced
from tests.support import to_numpy

INPUTS = {
    "source_ids": np.array([[4, 5, 6, 3], [6, 3, 0, 0]], "int32"),
    "target_ids": np.array([[2, 5, 4], [2, 7, 6]], "int32"),
}
OPTIONS = DecodingOptions(beam=3, n_best=2, max_length=6)


def transformer(seed):
    keras.utils.set_random_seed(seed)
    return built(Transformer(9, 9, 1, 8, 2, 12, dropout=0.0))


def recurrent(seed, **options):
    keras.utils.set_random_seed(seed)
    return built(RecurrentSeq2Seq(9, 9, embedding_dim=8, units=8, **options))


def built(model):
    model.build()
    model.built = True
    for weight in model.weights:
        weight.assign(2 * np.asarray(weight))
    return model


@pytest.fixture(scope="module")
def members():
    return [transformer(0), recurrent(1), recurrent(2, attention=None)]


def test_probabilities_and_attention_are_means(members):
    ensemble = Ensemble(members)
    log_probs, scores = teacher_forced(ensemble, INPUTS)
    found = [teacher_forced(model, INPUTS) for model in members]
    probabilities = [to_numpy(ops.softmax(logits)) for logits, _ in found]
    np.testing.assert_allclose(
        np.exp(log_probs), np.mean(probabilities, axis=0), rtol=1e-4, atol=1e-6
    )
    # The model without attention has no say in where the others attend.
    expected = np.mean([found[0][1], found[1][1]], axis=0)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-6)


def test_stepping_equals_teacher_forcing(members):
    ensemble = Ensemble(members)
    for found, expected in zip(
        steps(ensemble, INPUTS), teacher_forced(ensemble, INPUTS), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_equal_models_together_search_as_one_alone(members):
    source = {"source_ids": INPUTS["source_ids"]}
    alone = Decoder(members[0])(source, OPTIONS, return_attention_scores=True)
    together = Decoder(Ensemble([members[0]] * 2))(
        source, OPTIONS, return_attention_scores=True
    )
    np.testing.assert_array_equal(together.token_ids, alone.token_ids)
    np.testing.assert_allclose(together.scores, alone.scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        together.attention_scores, alone.attention_scores, rtol=1e-4, atol=1e-5
    )


def test_a_search_over_different_models_is_scored_by_their_mean(members):
    """The score of what a beam found is that of teacher forcing."""
    ensemble = Ensemble(members)
    source = {"source_ids": INPUTS["source_ids"]}
    plain = OPTIONS.replace(length_penalty=0.0)
    found = Decoder(ensemble)(source, plain)
    for row in range(2):
        ids = found.token_ids[row, 0][: found.lengths[row, 0]]
        target_ids = np.array([[2, *ids[:-1]]] * 2, "int32")
        log_probs, _ = teacher_forced(ensemble, {**source, "target_ids": target_ids})
        expected = log_probs[row][np.arange(len(ids)), ids].sum()
        np.testing.assert_allclose(found.log_probs[row, 0], expected, rtol=1e-3)


def test_weights_are_those_of_the_models(members):
    ensemble = Ensemble(members)
    expected = sum(model.count_params() for model in members)
    assert ensemble.count_params() == expected


@pytest.mark.parametrize(
    ("sizes", "received"), [((), "no model"), ((9, 11), r"\[9, 11\]")]
)
def test_what_cannot_write_together_is_refused(sizes, received):
    models = [Transformer(9, size, 1, 8, 2, 12) for size in sizes]
    with pytest.raises(ValueError, match=f"write one vocabulary; received.*{received}"):
        Ensemble(models)


def test_it_is_not_saved_as_one_model(members):
    with pytest.raises(ValueError, match="keep the bundles.*or export it"):
        Ensemble(members).get_config()
