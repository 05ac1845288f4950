"""Quantised models are exported as they are: integers, and the same outputs."""

import keras
import numpy as np
import pytest

from keras_attention.export import export
from keras_attention.tasks.translator import Translator
from tests.translators import TEXTS

tf = pytest.importorskip("tensorflow")
support = pytest.importorskip("tests.export.support")
pytestmark = [
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's"
    ),
    # Keras warns of each layer that has nothing to quantise.
    pytest.mark.filterwarnings("ignore:.*quanti.*:UserWarning"),
]


@pytest.mark.parametrize(
    ("family", "mode"),
    [
        ("translator", "int8"),
        pytest.param("translator", "int4", marks=pytest.mark.slow),
        pytest.param("recurrent_translator", "int8", marks=pytest.mark.slow),
    ],
)
def test_gives_what_it_gives_in_process(family, mode, request, tmp_path):
    request.getfixturevalue(family).save(tmp_path / "bundle")
    translator = Translator.load(tmp_path / "bundle")
    translator.model.quantize(mode)
    version = export(translator, tmp_path / "saved_models", mode, warmup=False)
    support.check_ops(version)
    found = support.outputs_of(
        tf.saved_model.load(version), "serving_default", text=TEXTS[:2]
    )
    expected = translator.translate(TEXTS[:2])
    assert list(found["text"]) == [one.text for one in expected]
    np.testing.assert_allclose(
        found["score"], [one.score for one in expected], rtol=1e-3
    )
    weights = (version / "variables" / "variables.data-00000-of-00001").stat().st_size
    floats = sum(np.prod(weight.shape) for weight in translator.model.weights) * 4
    assert weights < floats  # integers are not saved as floats
