"""CTranslate2 says what Keras says, and refuses what it would say otherwise."""

import copy

import numpy as np
import pytest

from keras_attention.decoding import programs
from keras_attention.decoding.options import DecodingOptions
from keras_attention.models.transformer import Transformer
from keras_attention.special_tokens import PAD_ID, START_ID, UNKNOWN_ID
from keras_attention.tasks.ctranslate2_folder import of_translator
from keras_attention.tasks.ctranslate2_search import normaliser
from keras_attention.tasks.ctranslate2_translator import CTranslate2Translator
from keras_attention.tasks.translator import Translator
from tests.conversion.support import imported_multilingual
from tests.support import slow_on_jax
from tests.translators import TEXTS, disturb

# Nothing in them is cut.
SHORT = [text for text in TEXTS if len(text) < 60]
PREFIXES = {"prefixes": ["Wählen"] * len(SHORT)}
POOL = {"beam_rule": "pool", "early_stopping": True}


def odd_one(*vocabulary_sizes, **options):
    """What few models are, each of it in one."""
    return Transformer(
        *vocabulary_sizes,
        num_layers=1,
        num_decoder_layers=2,
        model_dim=15,
        num_heads=3,
        feed_forward_dim=18,
        activation="gelu",
        alignment_layer=0,
        epsilon=0.01,
        output_bias=True,
        max_wavelength=100.0,
        position_offset=2,
        dropout=0.0,
        **options,
    )


def engine_of(translator, quantization=None):
    return CTranslate2Translator(**of_translator(translator, quantization))


@pytest.fixture(scope="module")
def engine(translator):
    return engine_of(translator)


@pytest.fixture(scope="module")
def odd(translator):
    tokenizer = translator.source_tokenizer
    model = odd_one(*[tokenizer.vocabulary_size] * 2)
    model.build()
    model.built = True
    disturb(model, slice(4, 260), 0.5, 0)
    # Beams are compared by probabilities of what may be said: all, but for this.
    bias = np.copy(np.asarray(model.logit_bias))
    bias[[PAD_ID, UNKNOWN_ID, START_ID]] = -40
    model.logit_bias.assign(bias)
    return Translator(model, tokenizer)


@pytest.fixture(scope="module")
def odd_engine(odd):
    return engine_of(odd)


@pytest.fixture
def eager(monkeypatch):
    """To compile a search takes longer than to do it once."""
    monkeypatch.setattr(programs, "compiled", lambda model, function: function)


def fresh(translator):
    """The same, without the programs that it has compiled."""
    translator = copy.copy(translator)
    translator._decoder = None
    return translator


def assert_same(found, wanted, within=2e-4):
    for one, other in zip(found, wanted, strict=True):
        assert one.source_tokens == other.source_tokens
        assert len(one.hypotheses) == len(other.hypotheses)
        for ours, theirs in zip(one.hypotheses, other.hypotheses, strict=True):
            assert (ours.text, ours.tokens) == (theirs.text, theirs.tokens)
            assert ours.score == pytest.approx(theirs.score, rel=1e-5, abs=within)
            assert ours.log_prob == pytest.approx(theirs.log_prob, rel=1e-5, abs=within)
            assert ours.alignment == theirs.alignment
            if theirs.attention is None:
                assert ours.attention is None
            else:
                np.testing.assert_allclose(ours.attention, theirs.attention, atol=1e-4)


@slow_on_jax
@pytest.mark.parametrize(
    "options",
    [
        {"beam": 1, "min_length": 5, "no_repeat_ngram": 1, "unknown": "copy"},
        {"beam": 4, "n_best": 4, **POOL, "length_penalty": 1.0, "force_end": False},
        {"beam": 2, "n_best": 2, **POOL, **PREFIXES, "score_forced": False},
    ],
    ids=["greedy", "beam", "prefixes"],
)
@pytest.mark.usefixtures("eager")
def test_whatever_a_transformer_has(odd, odd_engine, options):
    # Padding is masked; what its embedding is must not matter.
    table = np.asarray(odd.model.source_embedding.embeddings)
    assert np.abs(table[0]).max() > 0.1
    options = {"return_attention": True, "max_length": 6, **options}
    found = odd_engine.translate(SHORT, **options)
    assert_same(found, fresh(odd).translate(SHORT, **options), 1e-3)


@slow_on_jax
@pytest.mark.usefixtures("eager")
def test_norms_before_sublayers_and_one_table(translator, engine):
    options = {"beam": 1, "return_attention": True, "max_length": 6}
    found = engine.translate(SHORT, **options)
    assert_same(found, fresh(translator).translate(SHORT, **options))


def test_what_others_said(odd, odd_engine):
    targets = ["Wählen Sie OK.", "", "Speichern", "Datei"][: len(SHORT)]
    texts = SHORT[: len(targets)]
    found = odd_engine.force_decode(texts, targets)
    assert_same(found, odd.force_decode(texts, targets))


@slow_on_jax
@pytest.mark.usefixtures("eager")
def test_a_model_of_several_languages():
    translator = imported_multilingual("m2m100")
    options = {"beam": 2, "no_repeat_ngram": 0, "max_length": 5}
    texts = ["Press OK.", "Save"]
    languages = {"source_language": "de", "target_language": ["en", "fr"]}
    found = engine_of(translator).translate(texts, **options, **languages)
    wanted = fresh(translator).translate(texts, **options, **languages)
    # It leaves PAD and its like out of the softmax.
    assert_same(found, wanted, within=0.02)


@pytest.mark.parametrize("force_end", [True, False])
def test_each_text_has_the_limit_that_it_has_alone(engine, force_end):
    texts = ["Save", "Save the file.", SHORT[0], "OK"]
    options = {"beam": 3, "n_best": 3, "max_length_offset": 0, "force_end": force_end}
    options |= {"max_length_ratio": 1.0, "max_length": 256}
    together = engine.translate(texts, **options)
    for text, translation in zip(texts, together, strict=True):
        (alone,) = engine.translate([text], **options)
        said = [each.tokens for each in translation.hypotheses]
        assert said == [each.tokens for each in alone.hypotheses]
        assert max(map(len, said)) <= len(translation.source_tokens)


def test_hypotheses_at_their_limit_are_made_to_end(engine):
    found = engine.translate(SHORT[:1], beam=3, n_best=3, max_length=4)[0]
    assert all(each.tokens[-1] == "</s>" for each in found.hypotheses)
    assert max(len(each.tokens) for each in found.hypotheses) == 4
    (one,) = engine.translate(SHORT[:1], max_length=1)
    assert one.tokens == ["</s>"]
    (forced,) = engine.force_decode(SHORT[:1], "")
    assert one.score == pytest.approx(forced.score)


def test_a_bundle_and_its_folder_load_alike(bundle, translator, tmp_path):
    found = Translator.load(bundle, engine="ctranslate2")
    folder = translator.to_ctranslate2(tmp_path / "ct2")
    again = Translator.load(folder, engine="ctranslate2")
    for name in ("options", "source_language", "languages", "training", "metrics"):
        assert getattr(again, name) == getattr(translator, name)
    texts = [t.tokens for t in found.translate(SHORT)]
    assert [t.tokens for t in again.translate(SHORT)] == texts
    with pytest.raises(ValueError, match='engine="ctranslate2" loads'):
        Translator.load(folder)


@pytest.mark.parametrize("quantization", ["int8_bfloat16", "int16", "bfloat16"])
def test_weights_of_fewer_bits(translator, engine, quantization, tmp_path):
    folder = translator.to_ctranslate2(tmp_path / "ct2", quantization)
    plain = translator.to_ctranslate2(tmp_path / "plain")
    sizes = [(path / "model.bin").stat().st_size for path in (folder, plain)]
    assert sizes[0] < 0.75 * sizes[1]
    few = Translator.load(folder, engine="ctranslate2")
    texts = [t for t in SHORT if t.strip()]
    targets = [t.text for t in engine.translate(texts, beam=1)]
    found, wanted = (task.force_decode(texts, targets) for task in (few, engine))
    for one, other in zip(found, wanted, strict=True):
        assert one.score == pytest.approx(other.score, rel=0.3, abs=1)
        assert one.score != other.score


@pytest.mark.parametrize(
    "options, why",
    [
        ({"temperature": 1.0}, "does not do temperature=1.0"),
        ({"coverage_penalty": 0.2}, "does not do coverage_penalty=0.2"),
        ({"constraints": ["OK"]}, "does not do constraints; use the default engine"),
        ({"avoid": ["OK"]}, "does not do avoid"),
        ({"beam_rule": "shrink"}, "does not do beam_rule='shrink'"),
        ({"beam_rule": "pool", "early_stopping": "never"}, "early_stopping='never'"),
        ({"no_repeat_ngram": 2}, "no_repeat_ngram=2 with beam > 1"),
        ({"min_length": 4}, "min_length=4 with beam > 1"),
        ({"n_best": 9, "beam": 2}, "n_best=9 hypotheses cannot come out of beam=2"),
    ],
)
def test_options_that_would_mean_something_else(engine, options, why):
    for call in (engine.translate, lambda _, **o: engine.check_arguments(**o)):
        with pytest.raises(ValueError, match=why):
            call(["Save"], **options)


def test_positions_end_somewhere(translator, tmp_path):
    folder = translator.to_ctranslate2(tmp_path / "ct2")
    found = Translator.load(folder, engine="ctranslate2")
    options = {"max_length": 600, "max_length_offset": 600}
    with pytest.raises(ValueError, match="max_length must be at most 512"):
        found.translate(["Save"], **options)
    (folder / "source.spm").unlink()
    with pytest.raises(ValueError, match="lacks source.spm"):
        Translator.load(folder, engine="ctranslate2")


@pytest.mark.parametrize(
    "arguments, why",
    [
        ({"engine": "onnx"}, "engine must be keras or ctranslate2; received 'onnx'"),
        ({"quantization": "int8"}, 'quantization is of engine="ctranslate2"'),
        ({"engine": "ctranslate2", "dtype": "float16"}, "dtype is of Keras's layers"),
        (
            {"engine": "ctranslate2", "quantization": "int4"},
            "quantization must be one of float32, int8, .*; received 'int4'",
        ),
        (
            {"engine": "ctranslate2", "quantization": "float16"},
            "'float16' cannot be computed on this machine, which knows .*int8",
        ),
    ],
)
def test_loading_refuses_what_makes_no_sense(bundle, arguments, why):
    with pytest.raises(ValueError, match=why):
        Translator.load(bundle, **arguments)


def test_an_ensemble_is_refused(bundle):
    with pytest.raises(ValueError, match="runs one model, and no ensemble"):
        Translator.load([bundle, bundle], engine="ctranslate2")


def test_it_has_no_weights_to_save(engine, tmp_path):
    with pytest.raises(ValueError, match="copy its folder"):
        engine.save(tmp_path / "bundle")
    with pytest.raises(ValueError, match="is a CTranslate2Model"):
        engine.to_ctranslate2(tmp_path / "again")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("rule", ["shrink", "pool"])
def test_limits_and_penalties_are_those_of_keras(rule):
    from keras_attention.decoding.ranking import Ranking

    options = DecodingOptions(
        beam_rule=rule, length_penalty=0.7, max_length_ratio=1.3, max_length_offset=3
    )
    ids = np.array([[5, 6, 7, 3, 0], [5, 6, 7, 8, 3]])
    limits = np.asarray(options.length_limits({"source_ids": ids}))
    assert [options.length_limit(n) for n in (4, 5)] == limits.tolist()
    scores = Ranking(options, ids > 0).score(np.full((2, 1), -3.0), np.array(9), ())
    assert -3 / normaliser(options, 9) == pytest.approx(float(scores[0, 0]), rel=1e-5)
