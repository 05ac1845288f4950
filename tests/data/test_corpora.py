"""The shipped corpora load without a skipped line, and their builder reads pages."""

import importlib.util
from pathlib import Path

import pytest

from keras_attention.data.corpora import FOLDER, corpus_path, shipped_corpora
from keras_attention.data.translations import SkipReport, read_pairs

TOOL = Path(__file__).parents[2] / "tools" / "build_corpora.py"


@pytest.mark.parametrize(
    "name, count", [("help-en-de", 42_981), ("help-en-zh", 29_739)]
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


def test_an_unknown_name_is_answered_with_the_known_ones():
    assert shipped_corpora() == ["help-en-de", "help-en-zh", "bible-en-es"]
    with pytest.raises(ValueError, match=r"help-en-de, .*mean 'help-en-de'\?"):
        corpus_path("help-en-dee")


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("build_corpora", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
