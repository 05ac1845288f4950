"""Scores agree with sacreBLEU and with BLEU's formula."""

import json
import math

import pytest
import sacrebleu

from keras_attention.conversion.m2m100_vocabulary import M2M100_LANGUAGES
from keras_attention.evaluation import translation
from keras_attention.evaluation.translation import (
    by_source_length,
    exact_match,
    score,
    tokenize_for,
)

HYPOTHESES = ["the cat sat on the mat .", "He reads a Book"]
REFERENCES = ["the cat sat on a mat.", "he reads a good book"]


def test_agrees_with_sacrebleu():
    scores = score(HYPOTHESES, REFERENCES)
    assert scores.bleu == sacrebleu.corpus_bleu(HYPOTHESES, [REFERENCES]).score
    assert scores.chrf == sacrebleu.corpus_chrf(HYPOTHESES, [REFERENCES]).score


def test_agrees_with_the_formula():
    # 5 of 5, 3 of 4, 1 of 3 and none of 2 n-grams are found.
    scores = score(["a b x c d"], ["a b c d e x c d"])
    assert scores.hypothesis_length == 5
    assert scores.reference_length == 8
    assert scores.brevity_penalty == pytest.approx(math.exp(1 - 8 / 5))
    precisions = [5 / 5, 3 / 4, 1 / 3, 1 / (2 * 2)]  # the last one is smoothed
    mean = math.exp(sum(map(math.log, precisions)) / 4)
    assert scores.bleu == pytest.approx(100 * scores.brevity_penalty * mean)


def test_the_same_is_perfect_and_nothing_is_zero():
    assert score(REFERENCES, REFERENCES).bleu == pytest.approx(100)
    nothing = score(["", ""], REFERENCES)
    assert nothing.bleu == nothing.chrf == nothing.brevity_penalty == 0


def test_chinese_needs_its_tokenizer():
    hypotheses, references = ["他在读一本好书。"], ["他正在读一本好书。"]
    chinese = score(hypotheses, references, tokenize=tokenize_for("zh-CN"))
    assert "tok:zh" in chinese.bleu_signature
    assert chinese.bleu > 60 > 1 > score(hypotheses, references).bleu


def test_lowercase_is_said_in_the_signature():
    scores = score(["A B C D"], ["a b c d"], lowercase=True)
    assert scores.bleu == pytest.approx(100)
    assert "case:lc" in scores.bleu_signature
    assert "case:lc" in scores.chrf_signature


def test_scores_are_written_and_printed():
    scores = score(HYPOTHESES, REFERENCES)
    assert json.loads(json.dumps(scores.as_dict())) == scores.as_dict()
    assert f"BLEU {scores.bleu:.2f} (nrefs:1|" in str(scores)


@pytest.mark.parametrize(
    ("language", "tokenize"),
    [
        ("de", "13a"),
        ("pt_BR", "13a"),
        ("zh", "zh"),
        ("zh-Hant-TW", "zh"),
        ("th", "char"),
        ("deu_Latn", "13a"),
        ("zho_Hans", "zh"),
        ("yue_Hant", "zh"),
        ("cmn", "zh"),
        ("cmn_Latn", "13a"),
        ("mya_Mymr", "char"),
        ("shn_Mymr", "char"),
        ("dzo_Tibt", "char"),
        ("", "13a"),
    ],
)
def test_languages_find_their_tokenizer(language, tokenize):
    assert tokenize_for(language) == tokenize


@pytest.mark.parametrize(
    ("languages", "installed", "otherwise"),
    [
        (("ja", "jpn", "jpn_Jpan"), "ja-mecab", "char"),
        (("ko", "kor", "kor_Hang"), "ko-mecab", "13a"),
    ],
)
def test_mecab_cuts_words_where_it_is_installed(
    monkeypatch, languages, installed, otherwise
):
    for found, tokenize in ((True, installed), (False, otherwise)):
        monkeypatch.setattr(translation, "find_spec", lambda _, found=found: found)
        assert {tokenize_for(language) for language in languages} == {tokenize}


def test_of_a_hundred_languages_seven_have_tokenizers_of_their_own():
    languages = M2M100_LANGUAGES["m2m100"]
    assert len(languages) == 100
    others = {each for each in languages if tokenize_for(each) != "13a"}
    assert others - {"ko"} == {"ja", "km", "lo", "my", "th", "zh"}


def test_japanese_never_asks_for_what_is_not_installed():
    assert score(["猫がいる"], ["猫がいる"], tokenize_for("ja")).bleu > 99


def test_exact_match_counts_whole_sentences():
    assert exact_match(["a", "b", "c", "d"], ["a", "b", "c", "e"]) == 0.75


def test_short_and_long_sources_are_scored_apart():
    sources = ["w " * count for count in (1, 10, 11, 60)]
    hypotheses = ["a b c d", "a b c d", "a b c d", "x"]
    references = ["a b c d"] * 4
    buckets = by_source_length(sources, hypotheses, references, boundaries=(10, 20))
    assert [bucket[:3] for bucket in buckets] == [
        (0, 10, 2),
        (11, 20, 1),
        (21, None, 1),
    ]
    assert buckets[0].scores == score(hypotheses[:2], references[:2])
    assert buckets[2].scores.bleu == 0


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        (["a"], ["a", "b"], "1 hypotheses and 2 references"),
        ([], [], "at least one"),
        ("ab", ["a", "b"], "not one str"),
    ],
)
@pytest.mark.parametrize("function", [score, exact_match])
def test_errors_name_what_came(function, hypotheses, references, message):
    with pytest.raises(ValueError, match=message):
        function(hypotheses, references)


def test_unknown_choices_are_refused():
    with pytest.raises(ValueError, match=r"13a.*received '14a'"):
        score(["a"], ["a"], tokenize="14a")
    with pytest.raises(ValueError, match="must rise"):
        by_source_length(["a"], ["a"], ["a"], boundaries=(20, 10))
    with pytest.raises(ValueError, match="2 sources and 1 references"):
        by_source_length(["a", "b"], ["a"], ["a"])
