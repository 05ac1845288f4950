"""A graph finds, chooses and places the words to copy as Python does."""

import keras
import numpy as np
import pytest

from keras_attention.data import unknown_words
from keras_attention.export import export
from keras_attention.special_tokens import END_ID, PAD_ID, UNKNOWN_ID
from tests.data.test_unknown_words import KINDS, TEXTS, train
from tests.translators import make_unknowing

tf = pytest.importorskip("tensorflow")
support = pytest.importorskip("tests.export.support")
pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="SavedModels are TensorFlow's"
)

SOURCES = [
    "Click 狐狸 to open the dialog.",
    "",
    "狐",
    "Save (“🦊🦊”), 中文.",
    "   ",
    "\u200d\ufe0f \x00",
    "The table\u3000holds 狐狸; choose one and press Enter " + 9 * "and 狐 ",
]
TEXT = [text for text in TEXTS if "\ud800" not in text]


def decoded(strings):
    return np.vectorize(lambda b: b.decode(), otypes=[object])(strings.numpy())


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request):
    return train(**KINDS[request.param])


def graph_words(tokenizer, texts, count=99):
    from keras_attention.export.copying import source_words
    from keras_attention.export.graph_text import graph_tokenizer

    found = graph_tokenizer(tokenizer).tokenize_with_offsets(texts)
    return source_words(tf.constant(texts), *(part[:, :count] for part in found))


@pytest.mark.parametrize("count", [99, 3])
def test_words_are_those_of_python(tokenizer, count):
    numbers, words = graph_words(tokenizer, TEXT, count)
    for row, text in enumerate(TEXT):
        expected = unknown_words.source_words(tokenizer, text, count)
        assert numbers[row].numpy().tolist() == expected.numbers.tolist()
        found = decoded(words[row]).tolist()
        assert found[: len(expected.words)] == expected.words
        assert not any(found[len(expected.words) :])


def test_choices_and_texts_are_those_of_python(tokenizer):
    from keras_attention.export.copying import CopyingTexts, attended_copies
    from keras_attention.export.graph_text import graph_tokenizer

    rng = np.random.default_rng(0)
    source_ids = tokenizer.encode(TEXT)
    shape = (len(TEXT), 2, 9)
    scores = rng.random((*shape, max(map(len, source_ids)) + 1)).astype("float32")
    ids = rng.integers(4, tokenizer.vocabulary_size, shape)
    ids = np.where(rng.random(shape) < 0.4, UNKNOWN_ID, ids)
    ids[0, 0], ids[1, 1, 3:] = END_ID, [END_ID] + 5 * [PAD_ID]
    ids = ids.astype("int32")

    copies = attended_copies(tf.constant(scores), graph_words(tokenizer, TEXT))
    texts_of = CopyingTexts(
        graph_tokenizer(tokenizer),
        tokenizer.unknown_surface,
        tokenizer.unknown_takes_space,
    )
    texts = decoded(texts_of(tf.constant(ids), copies))
    for row, text in enumerate(TEXT):
        source = unknown_words.source_words(tokenizer, text, 99)
        for slot in range(2):
            said = ids[row, slot].tolist()
            chosen = unknown_words.attended_copies(said, scores[row, slot], source)
            expected, _ = unknown_words.decode_with(tokenizer, said, chosen)
            assert texts[row, slot] == expected


@pytest.fixture(scope="module")
def unknowing():
    return make_unknowing()


@pytest.mark.filterwarnings("ignore:.*were cut:UserWarning")
@pytest.mark.parametrize(
    "unknown",
    [
        "copy",
        pytest.param("allow", marks=pytest.mark.slow),
        pytest.param("forbid", marks=pytest.mark.slow),
    ],
)
def test_every_signature_says_what_is_said_in_process(tmp_path, unknowing, unknown):
    options = unknowing.options.replace(unknown=unknown)
    version = export(unknowing, tmp_path, "tiny", options=options, warmup=False)
    assert "SentencepieceOp" in support.check_ops(version)
    loaded = tf.saved_model.load(str(version))
    translations = unknowing.translate(SOURCES, unknown=unknown, return_attention=True)
    greedy = unknowing.translate(SOURCES, unknown=unknown, beam=1)

    default = support.outputs_of(loaded, "serving_default", text=SOURCES)
    attend = support.outputs_of(loaded, "attend", text=SOURCES)
    said = support.outputs_of(loaded, "greedy", text=SOURCES)["text"].tolist()
    assert said == [translation.text for translation in greedy]
    unknowns = 0
    for i, translation in enumerate(translations):
        texts = [hypothesis.text for hypothesis in translation.hypotheses]
        assert default["n_best_text"][i].tolist()[: len(texts)] == texts
        assert default["text"][i] == attend["text"][i] == translation.text
        tokens = translation.tokens
        assert attend["target_tokens"][i].tolist()[: len(tokens)] == tokens
        unknowns += tokens.count("<unk>")
        assert ("⁇" in translation.text) == (unknown == "allow" and "<unk>" in tokens)
        if unknown == "copy" and "<unk>" in tokens:
            words = unknown_words.source_words(
                unknowing.source_tokenizer, SOURCES[i], unknowing.max_source_length - 1
            ).words
            assert any(word and word in translation.text for word in words)
    assert (unknowns > 0) == (unknown != "forbid")
    empty = support.outputs_of(loaded, "attend", text=[])
    assert empty["text"].shape == (0,)
    bytes_ = tf.constant([b"\xff\xfe a", b"a\x00b\xe4", b"\xff"])
    for text in loaded.signatures["greedy"](text=bytes_)["text"].numpy():
        assert isinstance(text.decode(errors="replace"), str)
