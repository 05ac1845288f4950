"""A folder of CTranslate2 is served as a SavedModel of the same translator is."""

import dataclasses
import json

import numpy as np
import pytest

from keras_attention.export.ctranslate2_served import loader
from keras_attention.serving.client.client import Client
from keras_attention.serving.models.loading import load_model
from keras_attention.serving.options import BatchingParameters, LoadOptions
from keras_attention.serving.server import Server
from keras_attention.serving.wire.errors import ServingError
from keras_attention.tasks.translator import Translator
from tests.conversion.support import imported_multilingual

LOAD = LoadOptions(loaders=(loader(),))
TEXTS = ["Save the file.", "", "Click OK."]


@pytest.fixture(scope="module")
def folder(translator, tmp_path_factory):
    return translator.to_ctranslate2(tmp_path_factory.mktemp("tiny") / "3")


@pytest.fixture(scope="module")
def wanted(folder):
    engine = Translator.load(folder, engine="ctranslate2")
    return engine.translate(TEXTS, return_attention=True)


@pytest.fixture(scope="module")
def model(folder):
    model = load_model(folder, LOAD)
    yield model
    model.close()


def as_bytes(texts):
    return [text.encode() for text in texts]


def test_the_default_signature(model, wanted):
    found = model.run("", {"text": np.array(as_bytes(TEXTS), object)})
    assert found["text"].tolist() == as_bytes(t.text for t in wanted)
    np.testing.assert_allclose(found["score"], [t.score for t in wanted], rtol=1e-6)
    assert found["n_best_text"].shape == found["n_best_score"].shape == (3, 2)
    both = as_bytes(each.text for each in wanted[0].hypotheses)
    assert found["n_best_text"][0].tolist() == both
    assert found["n_best_text"][1].tolist() == [b"", b""]
    assert found["n_best_score"][1].tolist() == [0.0, 0.0]


def test_attention_is_padded(model, wanted):
    found = model.run("attend", {"text": np.array(as_bytes(TEXTS), object)})
    for row, translation in enumerate(wanted):
        tokens = as_bytes(translation.tokens)
        assert [t for t in found["target_tokens"][row] if t] == tokens
        rows, columns = len(tokens), len(translation.source_tokens)
        scores = found["attention_scores"][row]
        assert not scores[rows:].any() and not scores[:, columns:].any()
        if rows:
            np.testing.assert_allclose(
                scores[:rows, :columns], translation.attention, atol=1e-6
            )


def test_no_texts_and_wrong_ones(model):
    nothing = model.run("attend", {"text": np.empty(0, object)})
    assert nothing["text"].shape == (0,)
    assert nothing["attention_scores"].shape == (0, 0, 0)
    with pytest.raises(ServingError, match="text must have one axis; received the sh"):
        model.run("greedy", {"text": np.array([[b"a"]], object)})


def test_requests_run_together_in_batches(folder, wanted):
    options = dataclasses.replace(LOAD, batching=BatchingParameters())
    model = load_model(folder, options)
    found = model.run("", {"text": np.array(as_bytes(TEXTS[:1]), object)})
    assert found["text"].tolist() == as_bytes([wanted[0].text])
    model.close()


def test_over_rest_and_grpc(folder, wanted):
    paths = {"tiny": folder.parent}
    with Server(paths, grpc_port=0, rest_port=0, load=LOAD) as server:
        rest_url = f"http://127.0.0.1:{server.rest_port}"
        for arguments in ({}, {"grpc_address": f"127.0.0.1:{server.grpc_port}"}):
            with Client(rest_url, *arguments.values()) as client:
                found = client.translate(TEXTS, "tiny")
                assert [each.text for each in found] == [t.text for t in wanted]
                assert {"attend", "greedy"} < client.metadata("tiny")[1].keys()


def test_a_model_of_several_languages(tmp_path):
    translator = imported_multilingual("m2m100")
    folder = translator.to_ctranslate2(tmp_path / "1")
    facts = json.loads((folder / "keras_attention.json").read_text("utf-8"))
    facts["decoding"]["no_repeat_ngram"] = 0
    (folder / "keras_attention.json").write_text(json.dumps(facts), "utf-8")
    model = load_model(folder, LOAD)
    inputs = {"text": [b"OK"], "source_language": [b""], "target_language": [b"fr"]}
    inputs = {name: np.array(value, object) for name, value in inputs.items()}
    engine = Translator.load(folder, engine="ctranslate2")
    (wanted,) = engine.translate(["OK"], target_language="fr")
    assert model.run("", inputs)["text"].tolist() == as_bytes([wanted.text])
    inputs["target_language"] = np.array([b"xx"], object)
    with pytest.raises(ServingError, match="target_language must be one of"):
        model.run("", inputs)
    model.close()


def test_what_cannot_be_loaded(translator, tmp_path):
    folder = translator.to_ctranslate2(tmp_path / "1")
    with pytest.raises(ServingError, match="saved_model.pb|SavedModel"):
        load_model(folder)
    with pytest.raises(ServingError, match="quantization='float16' cannot be comp"):
        load_model(folder, LoadOptions(loaders=(loader("float16"),)))
    (folder / "model.bin").write_bytes(b"")
    with pytest.raises(ServingError, match="cannot load .*1: .*is damaged"):
        load_model(folder, LOAD)
