"""`Translator` translates in order, whatever the batch, and keeps the sources."""

import json

import numpy as np
import pytest

from keras_attention.data.text.alignments import parse_alignment
from keras_attention.decoding.options import DecodingOptions
from keras_attention.decoding.ranking import length_normaliser
from keras_attention.tasks.translator import Translator, pad_to_bucket
from tests.data.test_unknown_words import KINDS, train
from tests.support import slow_on_jax
from tests.translators import (
    OPTIONS,
    TEXTS,
    make_recurrent_translator,
    make_unknowing,
)

CUT = "ignore:.*were cut:UserWarning"  # two of the texts are too long


@pytest.fixture(scope="module")
def translations(translator):
    with pytest.warns(UserWarning, match="2 of 7 texts have more than 39 tokens and"):
        return translator.translate(TEXTS, return_attention=True)


def test_order_is_kept(translations, translator):
    assert [translation.source for translation in translations] == list(TEXTS)
    again = translator.translate(TEXTS[3:1:-1], return_attention=True)
    assert [str(t) for t in again] == [translations[3].text, translations[2].text]
    assert again[0].text != again[1].text


def test_one_string_will_do(translations, translator):
    (alone,) = translator.translate(TEXTS[2], return_attention=True)
    assert alone.text == translations[2].text


def test_nothing_gives_nothing(translator):
    assert translator.translate([]) == []


@pytest.mark.parametrize("index", [1, 4])
def test_an_empty_text_has_an_empty_translation(translations, index):
    empty = translations[index]
    assert (empty.text, empty.score, empty.tokens) == ("", 0.0, [])
    assert empty.source_tokens == []
    assert len(empty.hypotheses) == 1
    assert not empty.truncated


def test_only_empty_texts(translator):
    assert [t.text for t in translator.translate(["", " \n"])] == ["", ""]


def test_a_long_text_is_cut_and_says_so(translations):
    assert [t.truncated for t in translations] == [False] * 5 + [True] * 2
    for long in translations[5:]:
        assert len(long.source_tokens) == 40
        assert long.source_tokens[-1] == "</s>"


def test_a_text_that_just_fits_is_not_cut(translator, recwarn):
    tokenizer = translator.source_tokenizer
    text = " ".join(["Save"] * 60)
    count = next(n for n in range(60) if len(tokenizer.encode([text[: 5 * n]])[0]) > 39)
    fits = text[: 5 * (count - 1)].strip()
    (translation,) = translator.translate([fits], return_attention=True)
    assert len(translation.source_tokens) <= 40
    assert not translation.truncated
    assert not recwarn.list


def test_the_best_comes_first(translations):
    for translation in translations:
        scores = [hypothesis.score for hypothesis in translation.hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert translation.score == scores[0]
    assert {len(t.hypotheses) for t in translations if t.text} == {2}


def test_scores_are_penalised_log_probabilities(translations):
    for hypothesis in translations[0].hypotheses:
        length = len(hypothesis.tokens)
        penalty = float(length_normaliser(length, OPTIONS.length_penalty))
        expected = hypothesis.log_prob / penalty
        assert hypothesis.score == pytest.approx(expected, rel=1e-5)
        assert hypothesis.log_prob < 0


def test_attention_has_a_row_for_each_token_and_each_row_sums_to_one(translations):
    for translation in translations:
        for hypothesis in translation.hypotheses if translation.text else []:
            shape = (len(hypothesis.tokens), len(translation.source_tokens))
            assert hypothesis.attention.shape == shape
            np.testing.assert_allclose(hypothesis.attention.sum(axis=1), 1, rtol=1e-5)
            assert np.all(hypothesis.attention >= 0)


def test_tokens_spell_the_text(translations, translator):
    for hypothesis in translations[0].hypotheses:
        assert hypothesis.tokens[-1] == "</s>"
        spelt = "".join(hypothesis.tokens[:-1]).replace("▁", " ").strip()
        assert spelt == hypothesis.text


@pytest.mark.filterwarnings(CUT)
@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_batch_changes_nothing(translations, translator, batch_size):
    done = []
    alone = translator.translate(
        TEXTS, return_attention=True, batch_size=batch_size, progress=done.append
    )
    assert done == sorted(done)
    assert done[-1] == len(TEXTS)
    for one, other in zip(alone, translations, strict=True):
        assert [h.text for h in one.hypotheses] == [h.text for h in other.hypotheses]
        for a, b in zip(one.hypotheses, other.hypotheses, strict=True):
            assert a.score == pytest.approx(b.score, rel=1e-4)
            if a.attention is not None:
                np.testing.assert_allclose(a.attention, b.attention, atol=1e-4)


def test_attention_is_there_only_if_asked_for(translator):
    (translation,) = translator.translate([TEXTS[0]], beam=1)
    assert translation.attention is None
    assert len(translation.hypotheses) == 1


def test_a_translation_begins_with_its_prefix(translator):
    prefixes = ["Die Datei", ""]
    first, second = translator.translate(
        [TEXTS[0]] * 2, prefixes=prefixes, return_attention=True
    )
    assert all(h.text.startswith("Die Datei") for h in first.hypotheses)
    (free,) = translator.translate([TEXTS[0]], return_attention=True)
    assert second.text == free.text
    assert not second.text.startswith("Die Datei")


def sampled(translator, **options):
    options = {"temperature": 1.5, "n_best": 3, **options}
    return [
        [h.text for h in translation.hypotheses]
        for translation in translator.translate([TEXTS[0], TEXTS[2]], **options)
    ]


def test_samples_depend_on_their_seed_and_on_no_batch(translator):
    first = sampled(translator, seed=1)
    assert [len(texts) for texts in first] == [3, 3]
    assert sampled(translator, seed=1, batch_size=1) == first
    assert sampled(translator, seed=2) != first


def test_n_best_widens_the_beam(translator):
    changed = translator.decoding_options(None, 5, {})
    assert (changed.beam, changed.n_best) == (5, 5)
    assert translator.decoding_options(None, 1, {}).beam == 3
    assert translator.decoding_options(None, None, {}) == OPTIONS
    # One hypothesis cannot be the best two.
    assert translator.decoding_options(1, None, {}).n_best == 1
    assert translator.decoding_options(8, None, {"length_penalty": 1.0}).n_best == 2
    assert translator.decoding_options(None, 9, {"temperature": 1.0}).beam == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 2, "n_best": 3}, "n_best=3 hypotheses cannot come out of beam=2"),
        ({"beams": 2}, "unknown decoding option 'beams'; did you mean 'beam'"),
        ({"top_p": 0.5}, "need.* temperature > 0"),
        ({"beam": "4"}, r"beam must be a whole number; received '4' \(str\)"),
        ({"n_best": 2.5}, "n_best must be a whole number; received 2.5"),
        ({"temperature": "1", "n_best": 2}, "temperature must be a finite number"),
        ({"length_penalty": np.nan}, "length_penalty must be a finite number"),
        ({"batch_size": -1}, "batch_size must be at least 1; received -1"),
        ({"batch_size": 0}, "batch_size must be at least 1; received 0"),
        ({"batch_size": "8"}, "batch_size must be a whole number"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"prefixes": ["a"]}, "one prefix for each text .* 2 texts and 1 prefixes"),
    ],
)
def test_wrong_options_are_refused(translator, options, message):
    with pytest.raises(ValueError, match=message):
        translator.translate(["a", "b"], **options)


def test_a_batch_size_is_checked_where_texts_are_forced_too(translator):
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        translator.force_decode(["a"], ["b"], batch_size=0)


def test_numbers_of_numpy_are_numbers(translator):
    plain = translator.translate(TEXTS[0], beam=2, batch_size=4)
    numpy = translator.translate(TEXTS[0], beam=np.int64(2), batch_size=np.int32(4))
    assert numpy[0].text == plain[0].text


@slow_on_jax
def test_without_limits_a_text_ends_where_the_model_ends_it(translator):
    text, none = TEXTS[2], np.inf
    options = {"beam": 1, "no_repeat_ngram": 1}
    ended = translator.translate(text, max_length=512, max_length_ratio=512, **options)
    limits = dict.fromkeys(["max_length_ratio", "max_length_offset"], none)
    for changes in (limits, {**limits, "max_length": 2**31 - 1}):
        if "max_length" not in changes:
            changes = {**changes, "max_length": 512}
        (free,) = translator.translate(text, **options, **changes)
        assert free.tokens == ended[0].tokens
        assert free.tokens[-1] == "</s>" and len(free.tokens) < 512


NOTHING = ["", "  ", "\u200d", "\u2060\ufe0f", "\x00\x1f", "\u202e"]


@pytest.mark.parametrize("kind", ["spaces", "identity", "unigram"])
def test_what_nobody_can_read_is_not_translated(translator, kind):
    tokenizer = train(**KINDS[kind])
    task = make_recurrent_translator(tokenizer, "bahdanau")
    found = task.translate(NOTHING)
    assert [t.text for t in found] == [""] * len(NOTHING)
    assert [t.source_tokens for t in found] == [[]] * len(NOTHING)
    # Around words spaces stay what they are.
    (spaced,) = task.translate("  open  the\u200d file  ", beam=1, max_length=4)
    assert len(spaced.source_tokens) > 3


def test_progress_counts_empty_texts_too(translator):
    for texts in (["", ""], ["", "Save", " "], []):
        done = []
        translator.translate(texts, progress=done.append, batch_size=1)
        assert done == sorted(done)
        assert done[-1:] == ([len(texts)] if texts else [])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a", None], r"texts\[1\] is of type NoneType: None"),
        ([b"a"], r"texts\[0\] is of type bytes: b'a'"),
        ([["a"]], r"texts\[0\] is of type list"),
    ],
)
def test_only_strings_are_texts(translator, texts, message):
    with pytest.raises(ValueError, match=message):
        translator.translate(texts)


def test_json_holds_it_all(translations):
    loaded = json.loads(json.dumps([t.as_dict() for t in translations]))
    first = loaded[0]
    assert first["source"] == TEXTS[0]
    assert first["text"] == first["n_best"][0]["text"] == translations[0].text
    assert np.shape(first["n_best"][1]["attention"]) == (
        len(first["n_best"][1]["tokens"]),
        len(first["source_tokens"]),
    )
    assert loaded[1]["n_best"] == [
        {
            "text": "",
            "score": 0.0,
            "log_prob": 0.0,
            "tokens": [],
            "attention": None,
            "alignment": None,
        }
    ]
    assert [item["truncated"] for item in loaded] == [False] * 5 + [True] * 2


def test_self_attention_shows_each_layer_and_head(translator):
    tokens, scores = translator.self_attention(TEXTS[0])
    assert tokens[-1] == "</s>"
    assert scores.shape == (1, 2, len(tokens), len(tokens))
    np.testing.assert_allclose(scores.sum(axis=-1), 1, rtol=1e-5)
    with pytest.raises(ValueError, match="nothing to attend to in an empty text"):
        translator.self_attention(" ")


def test_a_model_without_self_attention_says_so(translator):
    without = Translator(object(), translator.source_tokenizer)
    with pytest.raises(ValueError, match="a object has no self attention to show"):
        without.self_attention("a")


@pytest.mark.parametrize(
    ("longest", "width"), [(1, 8), (8, 8), (9, 16), (100, 112), (128, 128), (129, 160)]
)
def test_lengths_are_padded_to_one_of_few(longest, width):
    padded = pad_to_bucket([[7] * longest, [5]], 4)
    assert padded.shape == (4, width)
    assert padded.dtype == np.int32
    assert padded.sum() == 7 * longest + 5


def test_the_alignment_links_the_words_of_both_texts(translations):
    for translation in translations:
        num_words = len(translation.source.split())
        for hypothesis in translation.hypotheses if translation.text else []:
            source, target = zip(*hypothesis.alignment, strict=True)
            assert set(target) == set(range(len(hypothesis.text.split())))
            assert max(source) < num_words
    written = translations[0].as_dict()["n_best"][0]["alignment"]
    assert parse_alignment(written) == translations[0].alignment


@pytest.mark.filterwarnings(CUT)
def test_a_given_translation_is_read_as_it_is(translator):
    targets = [f"Wählen {i} 中文" + " und so weiter" * i for i in range(len(TEXTS))]
    forced = translator.force_decode(TEXTS, targets, batch_size=3)
    for text, target, translation in zip(TEXTS, targets, forced, strict=True):
        (ids,) = translator.target_tokenizer.encode([target])
        assert (translation.source, translation.text) == (text, target)
        assert translation.tokens == translator.target_tokenizer.ids_to_tokens(
            [*ids, 3]
        )
        shape = (len(ids) + 1, len(translation.source_tokens))
        assert translation.attention.shape == shape
        (alone,) = translator.force_decode(text, target)
        assert alone.score == pytest.approx(translation.score, rel=1e-4)
        np.testing.assert_allclose(alone.attention, translation.attention, atol=1e-4)
        words = {word for _, word in alone.alignment}
        assert words == (set(range(len(target.split()))) if text.strip() else set())


def test_forcing_needs_pairs(translator):
    with pytest.raises(ValueError, match="2 texts and 1 targets"):
        translator.force_decode(["a", "b"], ["c"])
    with pytest.raises(ValueError, match=r"targets\[0\] is of type NoneType"):
        translator.force_decode(["a"], [None])
    assert translator.force_decode([], []) == []


def test_nothing_can_be_forced_too(translator):
    (translation,) = translator.force_decode("", "")
    assert translation.tokens == translation.source_tokens == ["</s>"]
    assert translation.attention.tolist() == [[1.0]]
    assert translation.alignment == set()


UNKNOWN = ["Click 狐狸 to open dialog.", "Save", ""]


@pytest.fixture(scope="module")
def unknowing():
    return make_unknowing()


def test_unknown_words_are_not_written_unless_allowed(unknowing):
    for options in ({}, {"beam": 1}, {"temperature": 1.0, "n_best": 4}):
        for unknown in ("forbid", "allow", "copy"):
            found = unknowing.translate(UNKNOWN, unknown=unknown, **options)
            hypotheses = [h for t in found for h in t.hypotheses]
            assert any("<unk>" in h.tokens for h in hypotheses) == (unknown != "forbid")
            for hypothesis in hypotheses:
                written = "<unk>" in hypothesis.tokens and unknown == "allow"
                assert ("⁇" in hypothesis.text) == written
                assert hypothesis.attention is hypothesis.alignment is None
    assert DecodingOptions().unknown == "forbid"


def test_the_word_copied_is_the_one_attended_to(unknowing):
    found = unknowing.translate(UNKNOWN[:1], unknown="copy", return_attention=True)
    starts = [subword.startswith("▁") for subword in found[0].source_tokens[:-1]]
    numbers = np.cumsum(starts) - 1  # the word of each subword
    words, copied = UNKNOWN[0].rstrip(".").split(), 0
    for hypothesis in found[0].hypotheses:
        for token, looked in zip(hypothesis.tokens, hypothesis.attention, strict=True):
            if token == "<unk>":
                word = np.bincount(numbers, looked[:-1]).argmax()
                assert words[word] in hypothesis.text
                copied += 1
        # The alignment counts the words of the text as it is.
        places = [target for _, target in hypothesis.alignment]
        assert max(places) == len(hypothesis.text.split()) - 1
    assert copied


def test_a_given_target_may_hold_unknown_words(unknowing):
    target = "Öffnen 狐狸"
    (forced,) = unknowing.force_decode(UNKNOWN[:1], [target])
    assert forced.text == target and "<unk>" in forced.tokens
    assert np.isfinite(forced.score)


def test_a_prefix_with_unknown_words_is_said_as_it_was_given(unknowing):
    (found,) = unknowing.translate(UNKNOWN[:1], prefixes=["Die 狐狸"])
    assert found.text.startswith("Die 狐狸") and "⁇" not in found.text


def test_copying_needs_attention(translator):
    blind = make_recurrent_translator(translator.source_tokenizer, None)
    with pytest.raises(ValueError, match='unknown="copy" .* no attention: take "fo'):
        blind.translate(["a"], unknown="copy")
    with pytest.raises(ValueError, match="has no attention"):
        Translator(
            blind.model, blind.source_tokenizer, options=OPTIONS.replace(unknown="copy")
        )


def test_with_bytes_nothing_is_unknown(translator):
    texts = [TEXTS[0], TEXTS[3]]
    for unknown in ("allow", "copy"):
        other = translator.translate(texts, unknown=unknown)
        assert "<unk>" in str(other) or [t.text for t in other] == [
            t.text for t in translator.translate(texts)
        ]
