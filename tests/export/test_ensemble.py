"""A served ensemble says what it says in process."""

import keras
import numpy as np
import pytest

from keras_attention.export import export
from keras_attention.tasks.ensemble import ensemble_of
from tests.translators import TEXTS, make_translator, recurrent

tf = pytest.importorskip("tensorflow")
support = pytest.importorskip("tests.export.support")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's"
)


def test_it_is_exported_with_all_its_models(tmp_path):
    members = [make_translator(seed=1), make_translator(seed=2, family=recurrent)]
    together = ensemble_of(members, ["a", "b"])
    path = export(together, tmp_path, "both", warmup=False)
    loaded = tf.saved_model.load(str(path))
    texts = list(TEXTS[:3])
    outputs = support.answers(loaded, "attend", text=texts)
    expected = together.translate(texts, n_best=1, return_attention=True)
    for i, translation in enumerate(expected):
        assert outputs["text"][i] == translation.text
        if translation.text:
            scores = outputs["attention_scores"][i]
            rows, columns = translation.attention.shape
            np.testing.assert_allclose(
                scores[:rows, :columns], translation.attention, atol=1e-4
            )
