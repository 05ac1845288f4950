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


def test_what_is_saved_is_all_its_models():
    members = [make_translator(seed=1), make_translator(seed=2, family=recurrent)]
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
