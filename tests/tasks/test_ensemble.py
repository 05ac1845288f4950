"""A list of bundles is loaded as one task, whose models decode together."""

import keras
import numpy as np
import pytest

from keras_attention import tasks
from keras_attention.special_tokens import END_ID, START_ID
from keras_attention.tasks.captioner import Captioner
from keras_attention.tasks.ensemble import ensemble_of
from keras_attention.tasks.translator import Translator
from tests.captioners import make_captioner, pixels
from tests.support import slow_on_jax
from tests.translators import TEXTS, make_translator, recurrent

SOME = [TEXTS[0], TEXTS[2]]


@pytest.fixture(scope="module")
def others():
    """Translators of two families with the same tokenizer."""
    return [make_translator(seed=1), make_translator(seed=2, family=recurrent)]


def test_a_bundle_twice_says_what_it_says_once(translator, tmp_path):
    path = tmp_path / "bundle"
    translator.save(path)
    for load in (Translator.load, tasks.load):
        together = load([path, path])
        assert together.options == translator.options
    for found, expected in zip(
        together.translate(SOME, return_attention=True),
        translator.translate(SOME, return_attention=True),
        strict=True,
    ):
        assert found.text == expected.text
        assert found.score == pytest.approx(expected.score, rel=1e-3)
        np.testing.assert_allclose(found.attention, expected.attention, atol=1e-4)
    with pytest.raises(ValueError, match="not saved as one model"):
        together.save(tmp_path / "one")
    assert not (tmp_path / "one").exists()


def test_models_of_two_families_agree_on_a_translation(others):
    others[1].max_source_length = 20
    together = ensemble_of(others, ["a", "b"])
    assert together.max_source_length == 20
    (found,) = together.translate([TEXTS[2]])
    forced = [task.force_decode([TEXTS[2]], [found.text])[0] for task in others]
    (scored,) = together.force_decode([TEXTS[2]], [found.text])
    assert found.score == pytest.approx(scored.score, rel=1e-4)
    # No mean of M probabilities is less than an M-th of the largest.
    best = max(each.hypotheses[0].log_prob for each in forced)
    least = best - len(found.tokens) * np.log(2)
    assert scored.hypotheses[0].log_prob > least


def test_captioners_caption_together():
    one = make_captioner(seed=0)
    together = ensemble_of([one, one], ["a", "b"])
    image = pixels(40, 60)
    (found,), (expected,) = (task.caption([image]) for task in (together, one))
    assert found.text == expected.text
    assert isinstance(together, Captioner)


def test_what_differs_is_named(others):
    other = make_translator(shared=False)
    with pytest.raises(ValueError, match="same source_tokenizer: here has .*and there"):
        ensemble_of([others[0], other], ["here", "there"])
    other = make_translator(seed=3)
    other.target_language = "fr"
    with pytest.raises(ValueError, match="target_language: a has 'de', and b has 'fr'"):
        ensemble_of([others[0], other], ["a", "b"])


def test_a_language_that_some_do_not_name_is_that_of_the_others(translator):
    def named(source, target):
        tokenizer = translator.source_tokenizer
        return Translator(
            translator.model,
            tokenizer,
            source_language=source,
            target_language=target,
        )

    some = [named("", ""), named("en", ""), named("en", "de")]
    together = ensemble_of(some, ["a", "b", "c"])
    assert (together.source_language, together.target_language) == ("en", "de")
    assert ensemble_of(some[:1] * 2, ["a", "a"]).source_language == ""
    message = "source_language: b has 'en', and d has 'fr'"
    with pytest.raises(ValueError, match=message):
        ensemble_of([*some, named("fr", "de")], ["a", "b", "c", "d"])


@slow_on_jax
def test_a_pool_and_constraints_are_scored_as_the_model_does(others):
    together = ensemble_of(others, ["a", "b"])
    tokenizer, phrase = together.target_tokenizer, "(Datei)"
    options = {"beam_rule": "pool", "length_penalty": 0.0, "max_length_offset": 12}
    (free,) = together.translate([TEXTS[2]], **options)
    (found,) = together.translate([TEXTS[2]], constraints=[phrase], **options)
    assert phrase not in free.text
    assert all(phrase in hypothesis.text for hypothesis in found.hypotheses)
    (source_ids,) = tokenizer.encode([TEXTS[2]])
    for translation in (free, found):
        ids = tokenizer.tokens_to_ids(translation.tokens)
        assert ids[-1] == END_ID
        fed = {
            "source_ids": [[*source_ids, END_ID]],
            "target_ids": [[START_ID, *ids[:-1]]],
        }
        logits = together.model({name: np.array(each) for name, each in fed.items()})
        log_probs = np.asarray(keras.ops.log_softmax(logits))[0]
        expected = log_probs[np.arange(len(ids)), ids].sum()
        assert translation.score == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("load", [Translator.load, tasks.load])
def test_no_bundle_is_refused(load):
    with pytest.raises(ValueError, match="received an empty list"):
        load([])
