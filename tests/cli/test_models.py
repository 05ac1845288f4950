"""translate, evaluate and attend on the command line."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from keras_attention.cli import main, models
from tests.translators import TEXTS

LINES = [TEXTS[0], "", TEXTS[2]]


@pytest.fixture
def loaded(monkeypatch, translator):
    """Commands find the session's translator, whose programs are compiled."""
    monkeypatch.setattr(models, "_load", lambda bundle: translator)


def type_in(monkeypatch, data, is_terminal=False):
    class Input(io.BytesIO):
        def isatty(self):
            return is_terminal

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(Input(data), encoding="utf-8"))


def run(argv, capsys):
    code = main(argv)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_lines_in_lines_out(bundle, translator, monkeypatch, capsys):
    """The whole way, with a bundle from disk."""
    type_in(monkeypatch, "\n".join(LINES).encode() + b"\r\n")
    code, out, err = run(["translate", str(bundle)], capsys)
    assert (code, err) == (0, "")
    texts = [t.text for t in translator.translate(LINES, return_attention=True)]
    assert out == "".join(f"{text}\n" for text in texts)
    assert out.splitlines()[1] == ""


def test_json_lines_hold_n_best_scores_and_alignments(
    loaded, translator, monkeypatch, capsys
):
    type_in(monkeypatch, "\n".join(LINES).encode())
    code, out, _ = run(["translate", "bundle", "--json", "--n-best", "2"], capsys)
    assert code == 0
    found = [json.loads(line) for line in out.splitlines()]
    expected = translator.translate(LINES, n_best=2, return_attention=True)
    assert [item["text"] for item in found] == [t.text for t in expected]
    best = found[0]["n_best"][1]
    assert best["score"] == pytest.approx(expected[0].hypotheses[1].score, rel=1e-4)
    np.testing.assert_allclose(
        best["attention"], expected[0].hypotheses[1].attention, atol=1e-4
    )


def test_n_best_gives_scored_lines(loaded, monkeypatch, capsys):
    type_in(monkeypatch, TEXTS[0].encode())
    code, out, _ = run(["translate", "bundle", "--n-best", "2"], capsys)
    scores = [float(line.split("\t")[0]) for line in out.splitlines()]
    assert code == 0
    assert len(scores) == 2
    assert scores[0] >= scores[1]


def test_files_are_read_in_their_order(loaded, translator, tmp_path, capsys):
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    paths[0].write_bytes(b"\xef\xbb\xbf" + TEXTS[2].encode())  # no line end, a BOM
    paths[1].write_text(f"{TEXTS[0]}\n{TEXTS[0]}\n", encoding="utf-8")
    code, out, _ = run(["translate", "bundle", *map(str, paths)], capsys)
    texts = [TEXTS[2], TEXTS[0], TEXTS[0]]
    assert code == 0
    assert out.splitlines() == [t.text for t in translator.translate(texts)]


def test_bytes_that_are_no_utf8_are_an_error_with_their_line(
    loaded, monkeypatch, capsys
):
    type_in(monkeypatch, b"good\nba\xffd\n")
    code, out, err = run(["translate", "bundle"], capsys)
    assert (code, out) == (1, "")
    assert err.startswith("error: line 2 of standard input is not UTF-8")


def test_a_long_line_is_named_where_it_stands(loaded, tmp_path, capsys):
    path = tmp_path / "long.txt"
    path.write_text("\n" * 2 + "a" * 200 + "\n")
    code, out, err = run(["translate", "bundle", str(path)], capsys)
    assert code == 0
    assert out.count("\n") == 3
    assert err.startswith(f"warning: line 3 of {path} has more than 39 tokens and was")


def test_what_is_said_stays_on_its_line():
    assert models._one_line("a\nb\r\nc\u2028d") == "a b c d"


class Recorder:
    """A translator that only remembers what it was asked."""

    max_source_length = 9

    def __init__(self):
        self.asked = []

    def translate(self, texts, **options):
        self.asked.append((texts, options))
        return []


@pytest.fixture
def recorder(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(models, "_load", lambda bundle: recorder)
    # `zip(…, strict=True)` would miss the translations that it does not give.
    monkeypatch.setattr(models, "zip", lambda *_, **__: [], raising=False)
    return recorder


def test_options_reach_the_search(recorder, monkeypatch, capsys):
    type_in(monkeypatch, b"a\n")
    options = (
        "--beam 5 --length-penalty 1 --min-length 2 --max-length 7 --no-repeat-ngram 3 "
        "--temperature 0.5 --top-k 4 --top-p 0.9 --seed 6 --prefix Da --batch-size 2"
    )
    assert main(["translate", "bundle", *options.split()]) == 0
    assert recorder.asked == [
        (
            ["a"],
            {
                "beam": 5,
                "n_best": None,
                "return_attention": False,
                "prefixes": ["Da"],
                "batch_size": 2,
                "seed": 6,
                "length_penalty": 1.0,
                "min_length": 2,
                "max_length": 7,
                "no_repeat_ngram": 3,
                "temperature": 0.5,
                "top_k": 4,
                "top_p": 0.9,
            },
        )
    ]


@pytest.mark.parametrize(
    ("is_terminal", "batch_size", "sizes"),
    [(False, 2, [32, 8]), (False, 1, [1] * 40), (True, 2, [1] * 40)],
)
def test_a_stream_is_answered_while_it_flows(
    recorder, monkeypatch, is_terminal, batch_size, sizes
):
    type_in(monkeypatch, b"a\n" * 40, is_terminal)
    assert main(["translate", "bundle", "--batch-size", str(batch_size)]) == 0
    assert [len(texts) for texts, _ in recorder.asked] == sizes


def test_files_fill_batches_at_a_terminal_too(recorder, monkeypatch, tmp_path):
    type_in(monkeypatch, b"", is_terminal=True)
    path = tmp_path / "a.txt"
    path.write_text("a\n" * 40)
    assert main(["translate", "bundle", str(path), "--batch-size", "2"]) == 0
    assert [len(texts) for texts, _ in recorder.asked] == [32, 8]


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
    texts = [t.text for t in translator.translate([TEXTS[0], TEXTS[2]])]
    assert output.read_text(encoding="utf-8").splitlines() == texts


def test_evaluate_gives_json(loaded, tmp_path, capsys):
    argv = ["evaluate", "bundle", str(pairs_file(tmp_path)), "--json", "--beam", "3"]
    code, out, _ = run(argv, capsys)
    assert code == 0
    scores = json.loads(out)
    assert scores["sentences"] == 2
    assert scores["bleu_signature"].startswith("nrefs:1|case:mixed")
    assert {"bleu", "chrf", "chrf_signature", "brevity_penalty"} <= set(scores)
    assert scores["copying_the_source"]["bleu"] == 0


def test_attend_draws_a_heat_map(loaded, translator, tmp_path, capsys):
    path = tmp_path / "a.png"
    code, out, _ = run(["attend", "bundle", TEXTS[0], "-o", str(path)], capsys)
    assert code == 0
    text = translator.translate([TEXTS[0]], return_attention=True)[0].text
    assert out == f"{text}\nheat map: {path}\n"
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert min(image.size) > 100


def test_attend_draws_the_encoder(loaded, tmp_path, capsys):
    path = tmp_path / "a.png"
    argv = ["attend", "bundle", TEXTS[2], "-o", str(path), "--encoder"]
    assert run([*argv, "1"], capsys)[0] == 0
    assert path.exists()
    code, _, err = run([*argv, "2"], capsys)
    assert code == 1
    assert err == (
        "error: --encoder goes up to 1, the model's encoder layers; received 2\n"
    )


@pytest.mark.parametrize(
    "command", [["translate"], ["attend", "text"], ["export"]], ids=lambda argv: argv[0]
)
def test_a_bundle_that_is_not_there(command, tmp_path, monkeypatch, capsys):
    type_in(monkeypatch, b"")
    argv = [command[0], str(tmp_path / "none"), *command[1:]]
    code, out, err = run(argv, capsys)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: there is no bundle at {tmp_path / 'none'}: a bundle")


def test_export_refuses_what_the_search_cannot_give(loaded, tmp_path, capsys):
    argv = ["export", "bundle", "--out", str(tmp_path), "--n-best", "9"]
    code, _, err = run(argv, capsys)
    assert code == 1
    assert "n_best=9 hypotheses cannot come out of beam=3" in err
    assert not list(tmp_path.iterdir())
