"""The shipped corpora load without a skipped line, and their builders read sources."""

import importlib
from pathlib import Path

import pytest

from keras_attention.data.corpora import FOLDER, corpus_path, shipped_corpora
from keras_attention.data.text.translations import SkipReport, read_pairs

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.mark.parametrize(
    "name, count",
    [("help-en-de", 42_981), ("help-en-zh", 29_739), ("bible-en-es", 30_472)],
)
def test_every_line_is_one_good_pair(name, count):
    report = SkipReport()
    pairs = list(read_pairs(corpus_path(name), report=report))
    assert report.summary() == f"{count:,} pairs used, 0 lines skipped"
    assert len({pair[1:] for pair in pairs}) == count
    assert all(pair.source != pair.target for pair in pairs)
    assert f"{count:,}" in (FOLDER / "README.md").read_text("utf-8")


def test_the_licence_lies_beside_them():
    assert "Mozilla Public License" in (FOLDER / "LICENSE.MPL-2.0").read_text("utf-8")


def test_the_bible_has_long_sentences():
    lengths = [
        len(pair.source.split()) for pair in read_pairs(corpus_path("bible-en-es"))
    ]
    assert sum(length > 30 for length in lengths) > 0.25 * len(lengths)


def test_an_unknown_name_raises_with_the_known_ones():
    assert shipped_corpora() == ["help-en-de", "help-en-zh", "bible-en-es"]
    with pytest.raises(ValueError, match=r"help-en-de, .*mean 'help-en-de'\?"):
        corpus_path("help-en-dee")


def tool_named(name, monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module(name)


@pytest.fixture
def tool(monkeypatch):
    return tool_named("build_corpora", monkeypatch)


@pytest.fixture
def bible_tool(monkeypatch):
    return tool_named("build_bible_corpus", monkeypatch)


def test_paragraphs_are_found_by_identifier_without_hidden_words(tool):
    page = """<p id="par_id0">menu</p><div id="DisplayArea">
    <h1 id="hd_id1" dir="auto"><a name="x"></a>A &amp;
    B</h1><p id="par_id2">Press <span hidden="true" id="MAC2">Command</span><span
    id="DEF2">Ctrl</span>+A.</p><p>without</p><p id="par_id3"> </p>"""
    assert tool.paragraphs(page) == {"hd_id1": "A & B", "par_id2": "Press Ctrl+A."}


def test_sentences_are_paired_where_both_sides_have_as_many(tool):
    english = {1: "One. Two!", 2: "Three. Four.", 3: "=SUM(A1)", 4: "Five"}
    german = {1: "Eins. Zwei!", 2: "Drei und vier.", 3: "=SUM(A1)", 5: "Sechs"}
    assert tool.sentence_pairs(english, german, "de") == [
        ("One.", "Eins."),
        ("Two!", "Zwei!"),
    ]
    chinese = {1: "一。二！"}
    assert tool.sentence_pairs(english, chinese, "zh")[0] == ("One.", "一。")


def test_verses_lose_notes_and_markup_and_no_space(bible_tool):
    verse = """<speaker>Friends</speaker> <l level="1" sID="g1"/><w
    lemma="strong:H0430">God</w><note placement="foot">1:1 Elohim</note><w>created</w>,
    <q who="Jesus">“Allow &amp; <w>see</w>.”</q>Then<transChange>the</transChange>(
    earth) .<l eID="g1"/> <chapter eID="Gen.1"/><title>Glossary</title>"""
    text = "God created, “Allow & see.” Then the (earth)."
    assert bible_tool.plain_text(verse) == text


def test_verses_are_paired_where_both_sides_number_alike(bible_tool):
    english = {
        ("Genesis", 1, 1): "In the beginning",
        ("Genesis", 1, 2): "Now the earth",
        ("Genesis", 1, 3): "Bunni",
        ("Genesis", 1, 4): "and much more than the other says",
        ("Jonah", 2, 1): "Then Jonah prayed",
        ("Genesis", 2, 1): "In the beginning",
    }
    spanish = {
        ("Genesis", 1, 1): "En el principio",
        ("Genesis", 1, 2): "",
        ("Genesis", 1, 3): "Bunni",
        ("Genesis", 1, 4): "y más",
        ("Jonah", 2, 1): "Mas Jehová había",
        ("Genesis", 2, 1): "En el principio",
        ("Genesis", 9, 9): "Sin compañera",
    }
    pairs = bible_tool.verse_pairs(english, spanish)
    assert pairs == [("In the beginning", "En el principio")]
