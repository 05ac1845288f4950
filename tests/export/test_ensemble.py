"""A served ensemble says what it says in process."""

import keras
import numpy as np
import pytest

from keras_attention.export.translator import served_translator
from keras_attention.tasks.ensemble import ensemble_of
from tests.translators import TEXTS, make_translator, recurrent

tf = pytest.importorskip("tensorflow")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's"
)


@pytest.fixture(scope="module")
def members():
    return [make_translator(seed=1), make_translator(seed=2, family=recurrent)]


def test_what_is_saved_is_all_its_models(members):
    together = ensemble_of(members, ["a", "b"])
    module, _ = served_translator(together, together.options)
    assert len(module.variables_) == sum(len(m.model.weights) for m in members)
    texts = list(TEXTS[:3])
    outputs = {k: v.numpy() for k, v in module.attend(tf.constant(texts)).items()}
    expected = together.translate(texts, n_best=1, return_attention=True)
    for i, translation in enumerate(expected):
        assert outputs["text"][i].decode() == translation.text
        if translation.text:
            scores = outputs["attention_scores"][i]
            rows, columns = translation.attention.shape
            np.testing.assert_allclose(
                scores[:rows, :columns], translation.attention, atol=1e-4
            )


def test_what_is_constrained_is_as_in_process(members):
    together = ensemble_of(members, ["a", "b"])
    options = together.options.replace(max_length=24, max_length_ratio=4.0)
    module, _ = served_translator(together, options)
    texts = [TEXTS[2], TEXTS[0]]
    words = {"constraints": [["(Datei)"], ["Text"]], "avoid": [["b"], ["a"]]}
    found = module.constrained(tf.constant(texts), *map(tf.constant, words.values()))
    expected = together.translate(texts, **words, max_length=24, max_length_ratio=4.0)
    for i, translation in enumerate(expected):
        assert words["constraints"][i][0] in translation.text
        read = [text.decode() for text in found["n_best_text"][i].numpy()]
        assert read == [each.text for each in translation.hypotheses]
        assert found["score"][i].numpy() == pytest.approx(translation.score, rel=1e-3)
