"""M2M-100 and NLLB imported say what transformers have them say."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_attention import Translator
from keras_attention.conversion.m2m100_vocabulary import SPM, read_multilingual
from keras_attention.conversion.marian_config import parsed, read_config
from keras_attention.conversion.marian_tokenizers import read_proto
from keras_attention.serving import ServingError
from keras_attention.serving.wire.errors import Code
from keras_attention.tasks.languages import ARGUMENTS
from tests.conversion.support import MULTILINGUAL as CHECKPOINTS
from tests.conversion.support import expected_multilingual as expected
from tests.conversion.support import imported_multilingual as imported
from tests.conversion.support import padded

NAMES = ("m2m100", "nllb")
PAGE = Path(__file__).resolve().parents[2] / "docs/import.md"
both = pytest.mark.parametrize("transport", ["rest", "grpc"])
on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's"
)


def our_ids(name, ids):
    """Their ids in our numbers; what decoding starts with is a copy of the end."""
    folder = CHECKPOINTS / name
    config = read_config(folder, "m2m_100")
    found = read_multilingual(folder, config, read_proto(folder / SPM))
    ours = {int(row): i for i, row in enumerate(found.vocabulary.rows) if i != 2}
    return [ours[i] for i in ids]


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_theirs(name):
    fed = expected(name)["fed"]
    sources = [our_ids(name, ids) for ids in expected(name)["ids"][: len(fed)]]
    targets = [[2, *our_ids(name, row[1:])] for row in fed]
    found = imported(name).model(
        {"source_ids": padded(sources), "target_ids": padded(targets)}
    )
    with np.load(CHECKPOINTS / name / "expected.npz") as arrays:
        wanted = arrays["logits"]
    columns = our_ids(name, range(wanted.shape[-1]))
    np.testing.assert_allclose(np.asarray(found)[..., columns], wanted, atol=1e-4)


def test_positions_are_counted_from_the_id_of_padding():
    raw = read_config(CHECKPOINTS / "m2m100", "m2m_100").raw
    offsets = [
        parsed({**raw, "pad_token_id": i}, "m2m_100").position_offset for i in (1, 4)
    ]
    assert offsets == [2, 5]


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_cut_into_their_ids(name):
    translator = imported(name)
    found = translator.source_tokenizer.encode(expected(name)["texts"])
    ((code,),) = translator.language_ids.source_ids(None, 1)
    wanted = [our_ids(name, ids) for ids in expected(name)["ids"]]
    assert [[code, *ids, 3] for ids in found] == wanted


@pytest.mark.parametrize("name", NAMES)
def test_translations_are_theirs(name):
    beam = max(imported(name).options.beam, 4)
    found = imported(name).translate(expected(name)["texts"], beam=beam)
    assert [translation.text for translation in found] == expected(name)["beam"]


def test_greedy_translations_are_theirs():
    name = "m2m100"
    found = imported(name).translate(expected(name)["texts"], beam=1)
    assert [translation.text for translation in found] == expected(name)["greedy"]


def test_languages_are_chosen_for_each_call():
    translator = imported("m2m100")
    (translation,) = translator.translate(
        "Press OK.", source_language="fr", target_language="cs", return_attention=True
    )
    assert translation.source_tokens[0] == "__fr__"
    assert translation.tokens[0] == "__cs__"
    shape = (len(translation.tokens), len(translation.source_tokens))
    assert translation.attention.shape == shape
    assert all(word < 2 for word, _ in translation.alignment)
    assert "__" not in translation.text


def test_each_text_has_its_languages():
    translator = imported("m2m100")
    texts = ["Press OK.", "", "Save the file.", "OK"]
    said = {
        "source_language": ["fr", "en", "", "fr"],
        "target_language": ["cs", "de", "fr", ""],
    }
    prefixes = ["", "", "te", ""]
    found = translator.translate(texts, beam=2, prefixes=prefixes, **said)
    forced = translator.force_decode(texts, ["a", "b", "te", "c"], **said)
    for i, text in enumerate(texts):
        one = {name: given[i] or None for name, given in said.items()}
        (alone,) = translator.translate(text, beam=2, prefixes=prefixes[i], **one)
        assert (found[i].text, found[i].tokens) == (alone.text, alone.tokens)
        (alone,) = translator.force_decode(text, ["a", "b", "te", "c"][i], **one)
        assert forced[i].tokens == alone.tokens
        assert forced[i].source_tokens == alone.source_tokens
    assert [each.tokens[0] for each in forced] == [
        "__cs__",
        "__de__",
        "__fr__",
        "__de__",
    ]
    with pytest.raises(ValueError, match="one for each text; received 2 for 4"):
        translator.translate(texts, target_language=["de", "fr"])
    with pytest.raises(ValueError, match="target_language must be one of .*'xx'"):
        translator.force_decode(texts, texts, target_language=["de", "xx", "", ""])


def test_what_the_page_sends_is_what_exports_take():
    text = PAGE.read_text("utf-8")
    sent = re.findall(r"curl \S+/models/(\S+):predict -d '([^']*)'", text)
    sent = {name: json.loads(body)["inputs"] for name, body in sent}
    assert {name: set(inputs) for name, inputs in sent.items()} == {
        "opus-en-de": {"text"},
        "m2m100": {"text", *ARGUMENTS},
    }
    for side, name in enumerate(ARGUMENTS):
        (language,) = sent["m2m100"][name]
        assert language in imported("m2m100").language_ids.ids_by_name(side)


def test_a_code_in_a_text_is_text():
    (ids,) = imported("m2m100").source_tokenizer.encode(["__de__ OK"])
    assert imported("m2m100").language_ids.target_ids(None, 1)[0][0] not in ids


def test_unknown_languages_are_named():
    with pytest.raises(ValueError, match="target_language must be one of af, am, .*xx"):
        imported("m2m100").translate("OK", target_language="xx")
    translator = Translator.from_m2m100(CHECKPOINTS / "nllb")
    assert translator.source_language == "eng_Latn"
    with pytest.raises(
        ValueError,
        match="target_language must be one of ace_Arab, .*; received none, and this",
    ):
        translator.translate("OK")
    with pytest.raises(ValueError, match="source_language must be one of .*'English'"):
        Translator.from_m2m100(CHECKPOINTS / "nllb", source_language="English")


def test_a_bundle_keeps_its_languages(tmp_path):
    imported("nllb").save(tmp_path / "bundle")
    card = (tmp_path / "bundle" / "README.md").read_text("utf-8")
    assert card.startswith("# translator: 5 languages\n")
    assert '(["…"], source_language="eng_Latn", target_language="deu_Latn")' in card
    assert "Trained elsewhere, on data that its makers name" in card
    loaded = Translator.load(tmp_path / "bundle")
    assert loaded.languages == imported("nllb").languages
    assert loaded.source_tokenizer == imported("nllb").source_tokenizer
    text = expected("nllb")["texts"][3]
    ours, theirs = loaded.force_decode(text, "OK"), imported("nllb")
    theirs = theirs.force_decode(text, "OK", target_language="deu_Latn")
    assert ours[0].tokens[0] == "deu_Latn"
    assert ours[0].score == pytest.approx(theirs[0].score, abs=1e-5)


def test_forced_prefixes_follow_the_language():
    (translation,) = imported("m2m100").translate("OK", prefixes=["te"], beam=1)
    assert translation.tokens[0] == "__de__"
    assert translation.text.startswith("te")


def test_empty_texts_are_empty():
    assert imported("m2m100").translate(["", " "], beam=1)[0].text == ""


def test_long_texts_are_cut_behind_their_language():
    with pytest.warns(UserWarning, match="more than 62 tokens"):
        (found,) = imported("m2m100").force_decode("z " * 80, "z")
    assert len(found.source_tokens) == 64
    assert found.source_tokens[0] == "__en__"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A client of a server of two signatures: one gives attention, one takes words."""
    import tensorflow as tf

    from keras_attention.export import resources_of
    from keras_attention.export.translator import served_translator
    from tests.export import support

    translator = imported("m2m100")
    module, warmup = served_translator(translator, translator.options)
    assert warmup[0]["target_language"].tolist() == ["de"]
    path = tmp_path_factory.mktemp("saved_models") / "m2m100" / "1"
    signatures = {"serving_default": module.attend, "constrained": module.constrained}
    tf.saved_model.save(resources_of(module), str(path), signatures=signatures)
    with support.served(path) as served:
        yield served


@on_tensorflow
@both
def test_what_is_served_takes_languages(served, transport):
    client, _ = served
    texts = [*expected("m2m100")["texts"], "", " "]
    pairs = len(texts) // 2
    languages = ["de", "fr"] * pairs
    said = {"source_language": ["en", ""] * pairs, "target_language": languages}
    wanted = imported("m2m100").translate(texts)
    french = imported("m2m100").translate(texts, target_language="fr")
    wanted[1::2] = french[1::2]
    found = client.translate(texts, "m2m100", transport, **said)
    for here, there, name in zip(wanted, found, languages, strict=True):
        assert there.text == here.text
        assert there.score == pytest.approx(here.score, rel=1e-4)
        codes = ["__en__", f"__{name}__"] if here.source.strip() else []
        assert there.source_tokens[:1] + there.target_tokens[:1] == codes
    assert found[-2].text == found[-1].text == ""
    avoiding = client.translate(
        texts, "m2m100", transport, signature_name="constrained", **said
    )
    assert [each.text for each in avoiding] == [each.text for each in found]


@on_tensorflow
def test_what_is_served_takes_words_beside_languages(served):
    texts = ["Press OK.", "", "Save the file.", "OK"]
    said = {
        "source_language": ["en", "fr", "", "en"],
        "target_language": ["fr", "", "de", "fr"],
    }
    words = {
        "constraints": [["Datei"], [], ["(a)", "OK"], []],
        "avoid": [[], [], ["b"], ["z"]],
    }
    wanted = imported("m2m100").translate(texts, **said, **words)
    found = served[0].translate(texts, "m2m100", "rest", **said, **words)
    for here, there in zip(wanted, found, strict=True):
        assert there.text == here.text
        assert there.score == pytest.approx(here.score, rel=1e-4)
    assert "Datei" in found[0].text
    assert "(a)" in found[2].text and "OK" in found[2].text
    assert "z" not in found[3].text.split()


@on_tensorflow
@both
def test_languages_that_a_served_model_lacks_are_named(served, transport):
    said = {"target_language": ["de", "xx", "de"]}
    with pytest.raises(ServingError, match="must be one of .*xx") as caught:
        served[0].translate(["OK"] * 3, "m2m100", transport, **said)
    assert caught.value.code is Code.INVALID_ARGUMENT


@on_tensorflow
def test_the_line_of_curl_in_the_docs_translates(served):
    from tests.serving.support import with_httpx

    page = PAGE.read_text("utf-8")
    (line,) = re.findall(r"^ {4}curl \S+/m2m100:.*?'$", page, re.M | re.S)
    text = with_httpx(line.strip().replace("http://127.0.0.1:8501", served[1]))
    (translation,) = imported("m2m100").translate("OK")
    assert json.loads(text)["outputs"]["text"] == [translation.text]
