"""Languages and corpus go the same way, or the error says what to set."""

import pytest

from keras_attention.data.corpora import shipped_corpora
from keras_attention.data.text.direction import (
    check_direction,
    corpus_languages,
    fill_languages,
)


def test_every_shipped_corpus_says_its_languages():
    expected = [("en", "de"), ("en", "zh"), ("en", "es")]
    assert list(map(corpus_languages, shipped_corpora())) == expected


@pytest.mark.parametrize(
    ("path", "languages"),
    [
        ("news.en-de.tsv.gz", ("en", "de")),
        ("deep/er.de-fr/news.fr-de.txt", ("fr", "de")),
        ("help.en-zh-CN.tsv", ("en", "zh-CN")),
        ("help.pt_BR-en.tsv.gz", ("pt_BR", "en")),
        ("news.de-en.jsonl", ("", "")),  # There, keys choose the sides.
        ("news.en-de.de", ("", "")),
        ("data.test-set.tsv", ("", "")),
        ("en-de.tsv", ("", "")),
        ("sort", ("", "")),
        ("-", ("", "")),
        ("", ("", "")),
    ],
)
def test_files_say_their_languages_in_their_names(path, languages):
    assert corpus_languages(path) == languages
    assert corpus_languages(path, swap=True) == languages[::-1]


@pytest.mark.parametrize(
    ("corpus", "source", "target", "swap"),
    [
        ("help-en-de", "en", "de", False),
        ("help-en-de", "de", "en", True),
        ("help-en-de", "", "", True),
        ("help-en-de", "", "de", False),
        ("help-en-zh", "en-GB", "zh-CN", False),
        ("help-en-zh", "EN", "zh_TW", False),
        ("news.en-zh-CN.tsv.gz", "zh", "en", True),
        ("pairs.tsv", "fr", "nl", False),
        ("reverse", "fr", "nl", True),
    ],
)
def test_languages_that_agree_with_the_corpus_pass(corpus, source, target, swap):
    check_direction(corpus, source, target, swap)


@pytest.mark.parametrize(
    ("corpus", "source", "target", "swap", "message"),
    [
        (
            "help-en-de",
            "de",
            "en",
            False,
            "data.corpus 'help-en-de' goes from en to de, and the recipe says from de "
            "to en: set data.swap=true, or exchange data.source_language and "
            "data.target_language",
        ),
        (
            "x/news.en-de.tsv.gz",
            "en",
            "de-AT",
            True,
            "data.corpus 'x/news.en-de.tsv.gz' with data.swap=true goes from de to en, "
            "and the recipe says from en to de-AT: leave data.swap out, or exchange "
            "data.source_language and data.target_language",
        ),
        (
            "help-en-de",
            "",
            "en",
            False,
            "data.corpus 'help-en-de' goes from en to de, and the recipe says to en: "
            'set data.swap=true, or set data.source_language="en" and '
            'data.target_language="de"',
        ),
        (
            "bible-en-es",
            "es",
            "es",
            False,
            "data.corpus 'bible-en-es' goes from en to es, and the recipe says from es "
            'to es: set data.source_language="en" and data.target_language="es"',
        ),
        (
            "help-en-de",
            "en",
            "fr",
            True,
            "data.corpus 'help-en-de' has the languages de and en; received "
            "data.target_language='fr': set it to one of them, or choose another "
            "corpus",
        ),
    ],
)
def test_languages_that_contradict_it_raise_with_what_to_set(
    corpus, source, target, swap, message
):
    with pytest.raises(ValueError) as error:
        check_direction(corpus, source, target, swap)
    assert str(error.value) == message


def test_empty_languages_are_filled_in_from_the_name():
    assert fill_languages("help-en-zh", "", "") == ("en", "zh")
    assert fill_languages("help-en-zh", "", "zh-CN") == ("en", "zh-CN")
    assert fill_languages("help-en-zh", "", "", swap=True) == ("zh", "en")
    assert fill_languages("pairs.tsv", "", "nl") == ("", "nl")
