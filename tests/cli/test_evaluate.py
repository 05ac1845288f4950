"""evaluate on the command line."""

import json
import re

import pytest

from keras_attention.data.text.alignments import GoldAlignment
from keras_attention.evaluation.alignments import measure_attention, toy_gold
from tests.cli.support import run
from tests.translators import TEXTS

SOURCES = [TEXTS[0], TEXTS[2]]


def pairs_file(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text(f"{TEXTS[0]}\tDatei\nno tab\n{TEXTS[2]}\tSpeichern\n")
    return path


def test_evaluate_gives_scores_with_signatures(loaded, translator, tmp_path, capsys):
    output = tmp_path / "out.txt"
    argv = ["evaluate", "bundle", str(pairs_file(tmp_path)), "--output", str(output)]
    code, out, err = run(argv, capsys)
    assert code == 0
    assert "BLEU 0.00 (nrefs:1|" in out
    assert "chrF " in out
    assert "(nrefs:1|case:mixed|eff:yes|nc:6" in out
    assert "copying the source: BLEU 0.0, chrF " in out
    assert "1" in err and "skip" in err  # the line without a tab
    first, last = [t.text for t in translator.translate([TEXTS[0], TEXTS[2]])]
    # As many lines as the corpus has.
    assert output.read_text(encoding="utf-8").splitlines() == [first, "", last]


def test_evaluate_gives_json(loaded, tmp_path, capsys):
    argv = ["evaluate", "bundle", str(pairs_file(tmp_path)), "--json", "--beam", "3"]
    code, out, _ = run(argv, capsys)
    assert code == 0
    scores = json.loads(out)
    assert scores["sentences"] == 2
    assert scores["bleu_signature"].startswith("nrefs:1|case:mixed")
    assert {"bleu", "chrf", "chrf_signature", "brevity_penalty"} <= set(scores)
    assert scores["copying_the_source"]["bleu"] == 0


def test_evaluate_measures_attention(loaded, translator, tmp_path, capsys):
    argv = ["evaluate", "bundle", str(pairs_file(tmp_path)), "--json"]
    code, out, _ = run([*argv, "--attention"], capsys)
    assert code == 0
    expected = measure_attention(translator, SOURCES, ["Datei", "Speichern"])
    measures = json.loads(out)["attention"]
    assert measures["entropy"] == pytest.approx(expected.entropy, rel=1e-4)
    assert measures["uncovered"] == expected.uncovered
    assert measures["error_rate"] is None
    code, out, _ = run([*argv[:-1], "--attention"], capsys)
    assert out.splitlines()[-1] == str(expected)


def test_evaluate_compares_attention_with_gold(loaded, translator, tmp_path, capsys):
    gold = tmp_path / "gold.txt"
    gold.write_text("0-0 3p0\n9-9\n0-0\n")  # The second line's pair is skipped.
    argv = ["evaluate", "bundle", str(pairs_file(tmp_path)), "--alignments", str(gold)]
    code, out, _ = run([*argv, "--json"], capsys)
    assert code == 0
    links = [GoldAlignment({(0, 0)}, {(0, 0), (3, 0)}), {(0, 0)}]
    expected = measure_attention(translator, SOURCES, ["Datei", "Speichern"], links)
    measures = json.loads(out)["attention"]
    assert measures == pytest.approx(expected.as_dict(), rel=1e-4)
    assert measures["error_rate"] is not None
    code, out, _ = run(argv, capsys)
    assert code == 0
    assert out.splitlines()[-2:] == str(expected).splitlines()
    assert out.splitlines()[-2].startswith(f"AER {expected.error_rate:.3f} (precision ")


def test_a_toy_task_brings_its_gold(loaded, translator, tmp_path, capsys):
    path = tmp_path / "toy.tsv"
    path.write_text("c a b\tb a c\nd e\te d\n")
    argv = ["evaluate", "bundle", str(path), "--json", "--alignments", "reverse"]
    code, out, _ = run(argv, capsys)
    assert code == 0
    sides = ["c a b", "d e"], ["b a c", "e d"]
    expected = measure_attention(translator, *sides, toy_gold("reverse", sides[0]))
    measures = json.loads(out)["attention"]
    assert measures == pytest.approx(expected.as_dict(), rel=1e-4)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("0-0\n\n", "gold.txt ends after line 2, the corpus goes on"),
        ("0-0\n\n0:0\n", "error: line 3 of .*gold.txt: expected links such as"),
        ("7-0\n\n\n", "error: line 1 of .*gold.txt: the link 7-0 goes beyond the 7 w"),
    ],
)
def test_gold_that_does_not_fit(loaded, tmp_path, capsys, lines, message):
    gold = tmp_path / "gold.txt"
    gold.write_text(lines)
    argv = ["evaluate", "bundle", str(pairs_file(tmp_path)), "--alignments", str(gold)]
    code, out, err = run(argv, capsys)
    assert (code, out) == (1, "")
    assert re.search(message, err)


def test_without_attention_there_is_nothing_to_measure(blind, tmp_path, capsys):
    argv = ["evaluate", "bundle", str(pairs_file(tmp_path)), "--attention"]
    code, out, err = run(argv, capsys)
    assert (code, out) == (1, "")
    assert "error: a RecurrentSeq2Seq with attention=None has no attention to me" in err


@pytest.mark.parametrize(
    ("name", "message"),
    [("none/out.txt", "there is no folder "), (".", " is a folder; give a file")],
)
def test_a_place_that_cannot_be_written_is_refused_first(
    tmp_path, capsys, name, message
):
    argv = ["evaluate", "nowhere", "none.tsv", "--output", str(tmp_path / name)]
    code, out, err = run(argv, capsys)
    assert (code, out) == (1, "")
    assert message in err
