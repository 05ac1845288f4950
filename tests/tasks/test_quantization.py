"""A task's model may be quantised at any time, and its bundle holds that."""

import json

import numpy as np
import pytest

from keras_attention.tasks.captioner import Captioner
from keras_attention.tasks.translator import Translator
from tests.captioners import encoded_images
from tests.support import MODULE_SLOW_ON_JAX, slow_on_jax
from tests.translators import TEXTS

# Keras warns of each layer that has nothing to quantise.
pytestmark = [
    *MODULE_SLOW_ON_JAX,
    pytest.mark.filterwarnings("ignore:.*quanti.*:UserWarning"),
]


def told(translator):
    """Texts and scores of translating, and of forcing a translation."""
    found = translator.translate(TEXTS[:2], beam=2)
    found += translator.force_decode(TEXTS[:2], TEXTS[:2])
    return [hypothesis for one in found for hypothesis in one.hypotheses]


@slow_on_jax
def test_what_was_compiled_before_is_not_used_afterwards(bundle):
    used, fresh = Translator.load(bundle), Translator.load(bundle)
    before = [hypothesis.score for hypothesis in told(used)]
    for translator in (used, fresh):
        translator.model.quantize("int8")
    actual, expected = told(used), told(fresh)
    assert [h.text for h in actual] == [h.text for h in expected]
    scores = [h.score for h in expected]
    np.testing.assert_allclose([h.score for h in actual], scores, rtol=1e-5)
    assert not np.allclose(scores, before, rtol=1e-5)
    # Forced, the text is the same, and the score means what it meant.
    np.testing.assert_allclose(scores[-2:], before[-2:], rtol=0.1)


@slow_on_jax
@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_a_quantised_translator_comes_back(bundle, tmp_path, mode):
    translator = Translator.load(bundle)
    translator.model.quantize(mode)
    translator.save(tmp_path / mode)
    loaded = Translator.load(tmp_path / mode)
    before, after = told(translator), told(loaded)
    assert [h.text for h in after] == [h.text for h in before]
    scores = [h.score for h in before]
    np.testing.assert_allclose([h.score for h in after], scores, rtol=1e-4)
    config = json.loads((tmp_path / mode / "config.json").read_text())
    assert "target_embedding" in config["model"]["config"]["quantization"]
    weights = loaded.model.weights
    assert sum(weight.dtype == "int8" for weight in weights) > 10

    lower = Translator.load(tmp_path / mode, dtype="mixed_bfloat16")
    np.testing.assert_allclose(
        [h.score for h in told(lower)][-2:], scores[-2:], rtol=0.1
    )


@slow_on_jax
def test_a_quantised_captioner_comes_back(captioner_bundle, tmp_path):
    captioner = Captioner.load(captioner_bundle)
    captioner.model.quantize("int8")
    (before,) = captioner.caption(encoded_images()[:1])
    captioner.save(tmp_path / "int8")
    (after,) = Captioner.load(tmp_path / "int8").caption(encoded_images()[:1])
    assert after.text == before.text
    np.testing.assert_allclose(after.score, before.score, rtol=1e-4)
