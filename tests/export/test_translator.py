"""An export gives what the task in process gives, over REST and gRPC, anywhere."""

import json
import shutil
import time

import keras
import numpy as np
import pytest

from keras_attention.cli import main
from keras_attention.decoding.options import DecodingOptions
from keras_attention.export import export, next_version
from keras_attention.export.translator import served_translator
from keras_attention.serving.client.client import Client
from keras_attention.serving.models.warmup import read_warmup, run_warmup
from keras_attention.serving.server import Server
from tests.translators import OPTIONS, TEXTS, make_translator

tf = pytest.importorskip("tensorflow")
support = pytest.importorskip("tests.export.support")
pytestmark = [
    pytest.mark.skipif(
        keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's"
    ),
    pytest.mark.filterwarnings("ignore:.*were cut:UserWarning"),
]

STRINGS, FLOATS = tf.string, tf.float32
OUTPUTS = {
    "serving_default": {
        "text": (STRINGS, 1),
        "score": (FLOATS, 1),
        "n_best_text": (STRINGS, 2),
        "n_best_score": (FLOATS, 2),
    },
    "greedy": {"text": (STRINGS, 1), "score": (FLOATS, 1)},
    "attend": {
        "text": (STRINGS, 1),
        "score": (FLOATS, 1),
        "source_tokens": (STRINGS, 2),
        "target_tokens": (STRINGS, 2),
        "attention_scores": (FLOATS, 3),
    },
}


# A Transformer with one tokenizer; a recurrent model with two.
NAMES = ("shared", "recurrent")


@pytest.fixture(scope="module")
def translators(translator, recurrent_translator):
    return {"shared": translator, "recurrent": recurrent_translator}


@pytest.fixture(scope="module")
def saved_models(translators, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models")
    for name, translator in translators.items():
        assert export(translator, folder, name) == folder / name / "1"
    return folder


@pytest.fixture(scope="module")
def server(saved_models):
    models = {name: saved_models / name for name in NAMES}
    with Server(models, grpc_port=0, rest_port=0, poll_seconds=0.1) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    rest_url = f"http://127.0.0.1:{server.rest_port}"
    with Client(rest_url, f"127.0.0.1:{server.grpc_port}") as client:
        yield client


@pytest.fixture(scope="module")
def modules(saved_models):
    return {n: tf.saved_model.load(str(saved_models / n / "1")) for n in NAMES}


@pytest.fixture
def loaded(modules):
    return modules["shared"]


def test_signatures_take_texts_and_give_what_is_promised(loaded):
    assert support.signature_shapes(loaded) == OUTPUTS
    for signature in loaded.signatures.values():
        _, inputs = signature.structured_input_signature
        assert list(inputs) == ["text"]
        assert inputs["text"].dtype == STRINGS
        assert inputs["text"].shape.as_list() == [None]
    best = loaded.signatures["serving_default"].structured_outputs["n_best_text"]
    assert best.shape.as_list() == [None, OPTIONS.n_best]


def test_a_version_holds_no_graph_without_a_signature(saved_models):
    functions = support.functions(saved_models / "shared" / "1")
    assert any("_attend_" in name for name in functions)
    assert not any("_constrained_" in name for name in functions)


def outputs_of(loaded, name):
    return support.outputs_of(loaded, name, text=TEXTS)


@pytest.fixture(scope="module")
def in_process(translators):
    return {
        name: translator.translate(TEXTS, return_attention=True)
        for name, translator in translators.items()
    }


@pytest.mark.parametrize("name", NAMES)
class TestParity:
    """In process, as a SavedModel, over REST and over gRPC.

    Both models are served by one process, each with tokenizers of its own.
    """

    def test_n_best(self, client, modules, in_process, name):
        outputs = outputs_of(modules[name], "serving_default")
        rest, grpc = (
            client.translate(list(TEXTS), name, transport=transport)
            for transport in ("rest", "grpc")
        )
        for i, translation in enumerate(in_process[name]):
            found = [(h.text, h.score) for h in translation.hypotheses]
            found += [("", 0.0)] * (2 - len(found))  # of empty texts
            saved = list(
                zip(outputs["n_best_text"][i], outputs["n_best_score"][i], strict=True)
            )
            for served in (saved, rest[i].n_best, grpc[i].n_best):
                assert [text for text, _ in served] == [text for text, _ in found]
                scores = [score for _, score in served]
                np.testing.assert_allclose(scores, [s for _, s in found], rtol=1e-4)
            for served in (rest[i], grpc[i]):
                assert served.text == outputs["text"][i] == translation.text
                assert served.score == pytest.approx(translation.score, rel=1e-4)
                assert served.score == pytest.approx(outputs["score"][i], rel=1e-6)

    def test_attention(self, client, modules, in_process, name):
        outputs = outputs_of(modules[name], "attend")
        rest, grpc = (
            client.translate(list(TEXTS), name, transport=transport, attention=True)
            for transport in ("rest", "grpc")
        )
        for i, translation in enumerate(in_process[name]):
            for served in (rest[i], grpc[i]):
                assert served.text == outputs["text"][i] == translation.text
                assert served.source_tokens == translation.source_tokens
                assert served.target_tokens == translation.tokens
                assert served.score == pytest.approx(translation.score, rel=1e-4)
                attention = translation.attention
                if attention is None:
                    attention = np.zeros((0, 0))
                np.testing.assert_allclose(
                    served.attention_scores, attention, atol=1e-4
                )
                height, width = attention.shape
                scores = outputs["attention_scores"][i]
                np.testing.assert_allclose(
                    served.attention_scores, scores[:height, :width], atol=1e-6
                )
                assert not scores[height:].any()
                assert not scores[:, width:].any()

    def test_greedy(self, client, modules, translators, name):
        greedy = translators[name].translate(TEXTS, beam=1)
        found = [outputs_of(modules[name], "greedy")]
        found += [
            client.predict(name, {"text": list(TEXTS)}, "greedy", transport=transport)
            for transport in ("rest", "grpc")
        ]
        for outputs in found:
            assert list(outputs["text"]) == [t.text for t in greedy]
            scores = [t.score for t in greedy]
            np.testing.assert_allclose(outputs["score"], scores, rtol=1e-4)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_batch_of_none_is_no_error(loaded, name):
    outputs = loaded.signatures[name](text=tf.constant([], tf.string))
    assert {key: value.shape[0] for key, value in outputs.items()} == dict.fromkeys(
        OUTPUTS[name], 0
    )


def test_bytes_that_are_no_text_are_translated(loaded):
    outputs = loaded.signatures["attend"](text=tf.constant([b"\xff\xfe", b"a\x00b"]))
    assert all(isinstance(text.decode(), str) for text in outputs["text"].numpy())


@pytest.mark.parametrize("name", NAMES)
def test_every_op_is_one_that_the_official_image_links(saved_models, name):
    assert "SentencepieceTokenizeOp" in support.check_ops(saved_models / name / "1")


def test_weights_are_saved_once(saved_models, translators):
    support.check_saved_once(saved_models / "shared" / "1", translators["shared"].model)


def test_warm_up_requests_are_there_and_run(saved_models, monkeypatch):
    version = saved_models / "shared" / "1"
    requests = [log.predict_log.request for log in read_warmup(version)]
    assert {request.model_spec.signature_name for request in requests} == set(OUTPUTS)
    assert all(list(request.inputs) == ["text"] for request in requests)

    ran = []

    def spy(model, num_iterations=1):
        ran.append(run_warmup(model, num_iterations))
        return ran[-1]

    monkeypatch.setattr("keras_attention.serving.models.warmup.run_warmup", spy)
    with Server({"shared": saved_models / "shared"}, grpc_port=None, rest_port=0):
        assert ran == [len(requests)]


def test_versions_count_up(tmp_path):
    assert next_version(tmp_path / "none") == 1
    for name in ("1", "9", "10", ".11-half", "notes"):
        (tmp_path / name).mkdir()
    assert next_version(tmp_path) == 11


def test_a_version_that_is_there_is_left_alone(saved_models, translators):
    before = (saved_models / "shared" / "1" / "saved_model.pb").stat()
    with pytest.raises(FileExistsError, match="shared/1 exists already and is left"):
        export(translators["shared"], saved_models, "shared", version=1)
    after = (saved_models / "shared" / "1" / "saved_model.pb").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_an_interrupted_export_leaves_nothing(tmp_path, translator, monkeypatch):
    seen = []

    def interrupted(module, path, signatures):
        tf.io.write_file(f"{path}/saved_model.pb", b"half")
        seen.extend(child.name for child in (tmp_path / "tiny").iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(tf.saved_model, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(translator, tmp_path, "tiny")
    assert len(seen) == 1
    assert not seen[0].isdecimal()  # a server that looked then saw no version
    assert list((tmp_path / "tiny").iterdir()) == []


def test_the_pool_of_a_graph_is_that_of_translate(translator):
    options = {"beam_rule": "pool", "early_stopping": True, "score_forced": False}
    graph, _ = served_translator(translator, translator.options.replace(**options))
    answers = graph.serving_default(tf.constant(TEXTS))
    translations = translator.translate(TEXTS, n_best=2, **options)
    said = [text.decode() for text in answers["text"].numpy()]
    assert said == [translation.text for translation in translations]
    for scores, translation in zip(
        answers["n_best_score"].numpy(), translations, strict=True
    ):
        if translation.text:
            expected = [hypothesis.score for hypothesis in translation.hypotheses]
            np.testing.assert_allclose(scores, expected, rtol=1e-4)


def test_what_samples_is_not_exported(tmp_path, translator):
    options = DecodingOptions(temperature=1.0)
    with pytest.raises(ValueError, match="cannot sample; export with temperature=0"):
        export(translator, tmp_path, "tiny", options=options)
    assert not (tmp_path / "tiny").exists()


def test_another_backend_is_told_how(tmp_path, translator, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ValueError, match="export with KERAS_BACKEND=tensorflow"):
        export(translator, tmp_path, "tiny")


def test_a_server_takes_over_a_new_version(
    saved_models, client, translators, tmp_path, capsys
):
    """Exported by the command line from a bundle, while requests go on."""
    other = make_translator(seed=1)
    other.save(tmp_path / "bundle")
    text = TEXTS[0]
    expected = other.translate([text])[0].text
    assert client.translate([text], "shared")[0].text != expected

    command = ["export", str(tmp_path / "bundle"), "--out", str(saved_models)]
    assert main([*command, "--name", "shared"]) == 0
    version = saved_models / "shared" / "2"
    printed = capsys.readouterr().out
    assert f"SavedModel: {version}" in printed
    assert f"try: keras-attention serve {version.parent}" in printed
    assert "import tensorflow_text" in printed.splitlines()[-1]

    deadline = time.monotonic() + 60
    while client.translate([text], "shared")[0].text != expected:
        assert time.monotonic() < deadline, "version 2 never responded"
        time.sleep(0.05)
    assert client.status("shared")[0].version == 2
    # Taken away, the server goes back to what is left.
    shutil.rmtree(version)
    while client.translate([text], "shared")[0].text == expected:
        assert time.monotonic() < deadline, "version 1 never came back"
        time.sleep(0.05)


def test_json_over_http_is_what_the_documents_say(server):
    """As any program would call it, without this package's client."""
    import httpx

    url = f"http://127.0.0.1:{server.rest_port}/v1/models/shared:predict"
    response = httpx.post(url, content=json.dumps({"instances": [TEXTS[0]]})).json()
    (prediction,) = response["predictions"]
    assert set(prediction) == set(OUTPUTS["serving_default"])
    assert prediction["n_best_text"][0] == prediction["text"]
