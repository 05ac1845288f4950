"""Translations and captions contain what they must, and no word that they may not."""

import re

import numpy as np
import pytest

from keras_attention.data.corpora import corpus_path
from keras_attention.data.text.spelling import spelled, spelling
from keras_attention.data.text.translations import read_pairs
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.tasks.lexical import Lexicon
from keras_attention.tasks.translator import Translator
from tests.captioners import encoded_images
from tests.translators import TEXTS

SHORT = [TEXTS[0], TEXTS[2], "Choose a table and press Enter."]


def has_word(text, word):
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def words_of(text):
    return [word for word in re.findall(r"\w+", text) if len(word) > 1]


def test_translations_contain_their_own_constraints(translator):
    constraints = [["Datei"], [], ["Klicken Sie", "Text"]]
    options = {"max_length_ratio": 3.0, "max_length": 24}
    found = translator.translate(SHORT, constraints=constraints, **options)
    for translation, phrases in zip(found, constraints, strict=True):
        for hypothesis in translation.hypotheses:
            assert all(has_word(hypothesis.text, phrase) for phrase in phrases)
    # One by one they are the same, and what has none is searched as without.
    for i, text in enumerate(SHORT):
        (alone,) = translator.translate(
            text, constraints=constraints[i] or None, **options
        )
        assert alone.text == found[i].text
        assert alone.score == pytest.approx(found[i].score, rel=1e-4)


@pytest.mark.parametrize("options", [{}, {"temperature": 1.0, "n_best": 4}], ids=str)
def test_translations_avoid_words_of_theirs(translator, options):
    before = translator.translate(SHORT, **options)
    texts = [" ".join(h.text for h in t.hypotheses) for t in before]
    avoid = [sorted(set(words_of(text))) for text in texts]
    assert any(avoid)
    after = translator.translate(SHORT, avoid=avoid, **options)
    for translation, words in zip(after, avoid, strict=True):
        for hypothesis in translation.hypotheses:
            assert not any(has_word(hypothesis.text, word) for word in words)


@pytest.mark.parametrize("name", ["constraints", "avoid"])
def test_what_a_tokenizer_makes_nothing_of_is_refused(translator, name):
    assert translator.target_tokenizer.encode(["\u2581"]) == [[]]
    with pytest.raises(ValueError, match=f"{name} must be words; .* makes no tokens"):
        translator.translate(SHORT[0], **{name: ["\u2581"]})


def test_captions_contain_and_avoid(captioner):
    images = encoded_images()[:3]
    (before, *_) = captioner.caption(images)
    avoid = words_of(before.text)
    constraints = [["small house"], [], ["green"]]
    found = captioner.caption(
        images, constraints=constraints, avoid=avoid, batch_size=2, max_length=16
    )
    for i, (caption, phrases) in enumerate(zip(found, constraints, strict=True)):
        assert caption.name == str(i)
        assert all(has_word(caption.text, phrase) for phrase in phrases)
        assert not any(
            has_word(caption.text, word)
            for word in avoid
            if word not in " ".join(phrases).split()
        )


def test_tokens_are_spelt_as_they_read(translator):
    tokenizer = translator.target_tokenizer
    table = spelling(tokenizer)
    assert table.shape[0] == tokenizer.vocabulary_size
    assert not table[:4].any()
    (ids,) = tokenizer.encode(["Klicken Sie."])
    characters = np.concatenate([table[i][table[i] > 0] for i in ids])
    assert "".join(map(chr, characters // 2)) == " Klicken Sie."
    assert spelled("ä-文") == [2 * ord("ä") + 1, 2 * ord("-"), 2 * ord("文")]


@pytest.mark.parametrize(
    "words, message",
    [
        ({"constraints": [["Datei"]]}, "one list for each; received 1 lists for 3"),
        ({"avoid": ["Datei", " "]}, "avoid must be words; received ' '"),
        ({"avoid": [["Datei"], [3], []]}, r"avoid\[1\]\[0\] is of type int"),
        (
            {"constraints": ["Klicken Sie auf Text"], "max_length": 5},
            r"constraints\[\d\] have \d+ tokens with the end token, and this output "
            "may have 5; raise max_length",
        ),
        (
            {"constraints": ["Datei"], "temperature": 1.0},
            "search, and sampling is none",
        ),
        ({"constraints": ["Datei"], "coverage_penalty": 0.2}, "without a coverage"),
        ({"avoid": 3}, "avoid must be a list of words; received a int: 3"),
        ({"constraints": ["Datei", 3, "Text"]}, r"constraints\[1\] must be strings"),
        ({"prefixes": "abc"}, "3 texts and 1 prefixes"),
        ({"prefixes": ["a", 3, "b"]}, r"prefixes\[1\] is of type int"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(translator, words, message):
    with pytest.raises(ValueError, match=message):
        translator.translate(SHORT, **words)


@pytest.mark.parametrize(
    "words, message",
    [
        ({"prefixes": ["a", "b", "c"]}, "2 images and 3 prefixes"),
        ({"constraints": [[], ["Ω"]]}, "received 'Ω', of which it lacks some"),
        ({"constraints": [[], ["red dog"]], "max_length": 2}, r"constraints\[1\] have"),
        ({"constraints": [[], ["dog"]], "temperature": 1.0}, "temperature=1.0"),
        ({"constraints": [[], ["dog"]], "coverage_penalty": 0.2}, "coverage_penalty="),
        ({"constraints": [[], ["dog"]], "beam": 0}, "beam must be at least 1"),
    ],
    ids=str,
)
def test_images_are_neither_read_nor_decoded_before_all_is_checked(
    captioner, monkeypatch, words, message
):
    monkeypatch.setattr(captioner, "_inputs", lambda _: pytest.fail("read"))
    monkeypatch.setattr(captioner, "decode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(ValueError, match=message):
        captioner.caption(encoded_images()[:2], batch_size=1, **words)


def test_texts_are_not_tokenised_before_all_is_checked(translator, monkeypatch):
    monkeypatch.setattr(translator, "_source_ids", lambda *_: pytest.fail("tokenised"))
    for penalty in ({"temperature": 1.0}, {"coverage_penalty": 0.2}):
        with pytest.raises(ValueError, match=f"constraints .*{next(iter(penalty))}="):
            translator.translate(SHORT, constraints=["Datei"], **penalty)


def test_each_image_has_a_name_if_any_has(captioner):
    inputs = captioner._inputs(encoded_images()[:2])
    with pytest.raises(ValueError, match="2 images and 1 names"):
        captioner.caption_inputs(inputs, names=["a"])


def test_constraints_leave_room_for_the_token_of_the_language(translator):
    found = of_languages(translator)
    (ids,) = Lexicon(found.target_tokenizer, 1, ["Datei"], None).constraints[0]
    limits = {"max_length_ratio": 9.0, "max_length": len(ids) + 2}
    for translation in found.translate(SHORT, constraints=["Datei"], **limits):
        assert translation.tokens[0] == "e"
        assert has_word(translation.text, "Datei")
    limits["max_length"] -= 1
    for check in (lambda **more: found.translate(SHORT, **more), found.check_arguments):
        with pytest.raises(ValueError, match="and that of the language, .* may have"):
            check(constraints=["Datei"], **limits)


def test_one_list_for_all_is_tokenised_once(translator, monkeypatch):
    encode, encoded = Tokenizer.encode, []

    def record(self, texts, *options):
        encoded.extend(texts)
        return encode(self, texts, *options)

    monkeypatch.setattr(Tokenizer, "encode", record)
    words = ["Datei", "Text"]
    lexicon = Lexicon(translator.target_tokenizer, 50, words, [words] * 50)
    assert encoded == words * 2
    assert len(lexicon.constraints) == len(lexicon.avoid) == 50
    assert lexicon.constraints[0] == lexicon.constraints[-1]


@pytest.fixture(scope="module")
def chinese():
    """A tokenizer with subwords of several characters, some at the beginning alone."""
    pairs = list(read_pairs(corpus_path("help-en-zh")))[:2000]
    return Tokenizer.train([pair.target for pair in pairs], 3500)


def test_what_is_written_without_spaces_counts_with_and_without(chinese):
    phrases = ["文件", "打开文件", "(文件)", "LibreOffice"]
    lexicon = Lexicon(chinese, 1, phrases, None)
    ways = [
        [chinese.ids_to_tokens(ids) for ids in one[0]]
        for one in (lexicon.constraints, lexicon.alternatives)
    ]
    assert ways == [
        [["文件"], ["打开", "文件"], ["(", "文件", ")"], ["▁LibreOffice"]],
        [["▁文件"], [], ["▁(", "文件", ")"], []],
    ]
    (sentence,) = chinese.encode(["请打开文件。"])
    assert lexicon.constraints[0][0][0] in sentence
    found = lexicon.arrays([0], 2)
    assert found.constraints.shape == found.alternatives.shape == (2, 4, 4)
    assert found.alternatives[0, :, 0].astype(bool).tolist() == [True, False] * 2


def test_no_way_to_write_it_is_made_up_where_the_vocabulary_has_one():
    lines = ["文件 件 件件", "文件 件", "件 文件"]
    tokenizer = Tokenizer.train(lines, 7, model_type="word", byte_fallback=False)
    lexicon = Lexicon(tokenizer, 1, ["文件"], None)
    assert tokenizer.ids_to_tokens(lexicon.constraints[0][0]) == ["▁文件"]
    assert lexicon.alternatives == [[[]]]
    assert isinstance(lexicon.arrays([0], 1).alternatives, tuple)


def test_the_shorter_way_needs_room(chinese):
    lexicon = Lexicon(chinese, 1, ["文件"], None)
    lexicon.alternatives[0][0] *= 3
    lexicon.check_lengths([0], [2])
    lexicon.constraints[0][0] *= 4
    lexicon.check_lengths([0], [4])
    with pytest.raises(ValueError, match="have 4 tokens with the end token"):
        lexicon.check_lengths([0], [3])


def of_languages(translator):
    """It, with two subwords that stand for languages."""
    return Translator(
        translator.model,
        translator.source_tokenizer,
        options=translator.options,
        source_language="en",
        target_language="de",
        languages={"en": "n", "de": "e"},
    )


def test_what_the_vocabulary_cannot_write_is_refused(captioner):
    with pytest.raises(ValueError, match="received 'Ω', of which it lacks some"):
        Lexicon(captioner.tokenizer, 1, ["Ω"], None)
    assert Lexicon(captioner.tokenizer, 1, None, ["Ω"]).arrays([0], 1) is not None
