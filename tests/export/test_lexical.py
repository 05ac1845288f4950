"""The signature `constrained` gives what the task in process gives, as it is served."""

import keras
import numpy as np
import pytest

from keras_attention.data.text.spelling import spelling
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.export import export
from keras_attention.export.graph_text import graph_tokenizer
from keras_attention.export.lexical import lexical_constraints
from keras_attention.export.translator import served_translator
from keras_attention.serving import ServingError
from keras_attention.serving.models.warmup import read_warmup
from keras_attention.serving.wire.errors import Code
from keras_attention.tasks.lexical import Lexicon
from keras_attention.tasks.translator import Translator
from tests.captioners import encoded_images
from tests.translators import OPTIONS

tf = pytest.importorskip("tensorflow")
support = pytest.importorskip("tests.export.support")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's"
)
both = pytest.mark.parametrize("transport", ["rest", "grpc"])

TEXTS = ["Click the button.", "", "Save", "Choose a table."]
CONSTRAINTS = [["Datei", ""], ["Text", ""], ["", ""], ["die", "Klicken Sie"]]
AVOID = [["a"], [""], ["Save"], ["b"]]
LONGER = OPTIONS.replace(max_length=24, max_length_ratio=3.0)


def given(words):
    return [[word for word in row if word] for row in words]


@pytest.fixture(scope="module")
def version(translator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved_models")
    return export(translator, folder, "tiny", options=LONGER, constrained=True)


@pytest.fixture(scope="module")
def client(version):
    with support.served(version) as (client, _):
        yield client


@pytest.fixture(scope="module")
def expected(translator):
    return translator.translate(
        TEXTS,
        constraints=given(CONSTRAINTS),
        avoid=given(AVOID),
        max_length=24,
        max_length_ratio=3.0,
    )


@both
def test_translations_are_those_in_process(client, expected, transport):
    words = {"constraints": given(CONSTRAINTS), "avoid": given(AVOID)}
    found = client.translate(TEXTS, "tiny", transport, **words)
    assert [each.text for each in found] == [each.text for each in expected]
    scores = [each.score for each in expected]
    np.testing.assert_allclose([each.score for each in found], scores, rtol=1e-4)
    assert [len(each.n_best) for each in found] == [2] * 4
    assert "Klicken Sie" in found[3].text


@both
def test_words_may_be_padded_anywhere(client, expected, transport):
    inputs = {"text": TEXTS, "constraints": CONSTRAINTS, "avoid": AVOID}
    outputs = client.predict("tiny", inputs, "constrained", transport=transport)
    assert outputs["text"].tolist() == [each.text for each in expected]
    assert outputs["n_best_text"].shape == (4, 2)


def test_ops_are_those_that_the_official_image_links(version):
    support.check_ops(version)


@both
def test_what_cannot_be_is_refused_with_a_reason(client, transport):
    with pytest.raises(ServingError, match="leave room for the end token") as caught:
        client.translate("Save", "tiny", transport, constraints=["Datei " * 30])
    assert caught.value.code is Code.INVALID_ARGUMENT


@both
@pytest.mark.parametrize("name", ["constraints", "avoid"])
def test_what_the_tokenizer_makes_nothing_of_is_refused(client, transport, name):
    message = f"{name} must be words, of which the tokenizer makes tokens; received"
    with pytest.raises(ServingError, match=message) as caught:
        client.translate("Save", "tiny", transport, **{name: ["Datei", "\u2581"]})
    assert caught.value.code is Code.INVALID_ARGUMENT


def test_what_constraints_cannot_be_searched_with_is_not_exported(tmp_path, translator):
    options = OPTIONS.replace(coverage_penalty=0.2)
    message = (
        r"constrained=True \(--constrained\): constraints .* "
        "received coverage_penalty=0.2"
    )
    with pytest.raises(ValueError, match=message):
        export(translator, tmp_path / "out", "tiny", options=options, constrained=True)
    assert not (tmp_path / "out").exists()


def test_the_token_of_the_language_takes_room(translator, monkeypatch):
    tokenizer = translator.target_tokenizer
    found = Translator(
        translator.model,
        tokenizer,
        source_language="en",
        target_language="de",
        languages={"en": "n", "de": "e"},
    )
    (ids,) = Lexicon(tokenizer, 1, ["Datei"], None).constraints[0]
    monkeypatch.setattr(
        "keras_attention.decoding.search.search", lambda *_, **__: 1 / 0
    )
    said = [tf.constant([text]) for text in ("Save the file.", "en", "de")]
    for room, error in ((1, tf.errors.InvalidArgumentError), (2, ZeroDivisionError)):
        options = OPTIONS.replace(max_length=len(ids) + room, max_length_ratio=9.0)
        module, _ = served_translator(found, options)
        lexical = lexical_constraints(
            module.target,
            tokenizer.vocabulary_size,
            tf.constant([["Datei"]]),
            tf.constant([[""]]),
        )
        with pytest.raises(error):
            module.run(said, options, lexical=lexical)


def test_warm_up_has_words_too(version):
    requests = [log.predict_log.request for log in read_warmup(version)]
    inputs = [set(r.inputs) for r in requests if "constraints" in r.inputs]
    assert inputs == [{"text", "constraints", "avoid"}] * 2


def test_a_batch_of_none_is_no_error(client):
    none = np.zeros([0, 0], object)
    inputs = {"text": [], "constraints": none, "avoid": none}
    outputs = client.predict("tiny", inputs, "constrained", transport="grpc")
    assert {len(array) for array in outputs.values()} == {0}


@pytest.mark.slow
def test_captions_are_those_in_process(captioner, tmp_path):
    options = captioner.options.replace(max_length=14)
    version = export(captioner, tmp_path, "tiny", options=options, constrained=True)
    images = encoded_images()[:2]
    words = {"constraints": [["small house"], []], "avoid": [["a"], ["red"]]}
    expected = captioner.caption(images, max_length=14, **words)
    with support.served(version) as (client, _):
        for transport in ("rest", "grpc"):
            found = client.caption(images, "tiny", transport, **words)
            assert [each.text for each in found] == [each.text for each in expected]
            scores = [each.score for each in expected]
            found_scores = [each.score for each in found]
            np.testing.assert_allclose(found_scores, scores, rtol=1e-3)


LINES = [
    "请打开文件。",
    "文件 已保存",
    "文件",
    "在 LibreOffice 中打开“文件”菜单(文件)",
    "ファイルを開いてください。",
    "ファイル メニュー",
    "テスト",
    "เปิดไฟล์ และ บันทึกไฟล์",
    "ไฟล์",
    "ဖိုင် ဖွင့်ပါ",
    "Öffnen Sie die Datei (Text).",
    "Klicken Sie auf »Datei«, dann auf OK.",
    "Open the file, and save it.",
]
PHRASES = [
    *LINES,
    *(word for line in LINES for word in line.split()),
    *"文 件 打开 中 开文 「文件」 ﾃｽﾄ ＯＫ ไฟ บันทึก ဖိုင် を ( ). -文 Ω 狐狸 文件1".split(),
    *("\u3000文件", " 文件 ", "1 文件"),
]


@pytest.mark.parametrize(
    "size, arguments",
    [
        (400, {}),
        (400, {"model_type": "bpe"}),
        (130, {"byte_fallback": False}),
        (110, {"byte_fallback": False, "model_type": "char"}),
        (40, {"byte_fallback": False, "model_type": "word"}),
    ],
    ids=str,
)
def test_the_graph_cuts_phrases_as_python_does(size, arguments):
    tokenizer = Tokenizer.train(LINES * 3, size, **arguments)
    known = []
    for phrase in dict.fromkeys(PHRASES):
        try:
            known.append((phrase, Lexicon(tokenizer, 1, [phrase], None)))
        except ValueError as error:
            assert "of which it lacks some" in str(error)
    phrases, lexicons = zip(*known, strict=True)
    found = lexical_constraints(
        graph_tokenizer(tokenizer),
        tokenizer.vocabulary_size,
        tf.constant([phrases]),
        tf.constant([[""]]),
    )
    for name in ("constraints", "alternatives"):
        rows = getattr(found, name)[0].numpy()
        expected = [getattr(lexicon, name)[0][0] for lexicon in lexicons]
        assert [[i for i in row if i] for row in rows[:-1]] == expected
        assert not rows[-1].any()


def test_the_graph_spells_tokens_as_python_does(translator):
    from keras_attention.export.lexical import _spelling

    tokenizer = translator.target_tokenizer
    found = _spelling(graph_tokenizer(tokenizer), tokenizer.vocabulary_size).numpy()
    expected = spelling(tokenizer)
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found, expected)
