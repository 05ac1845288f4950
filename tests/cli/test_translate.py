"""translate on the command line."""

import gzip
import json
import subprocess
import sys

import numpy as np
import pytest

from keras_attention.cli import bundles, main, translate
from tests.cli.support import run, type_in
from tests.translators import TEXTS

LINES = [TEXTS[0], "", TEXTS[2]]


def test_a_captioner_translates_nothing(captioner_bundle, monkeypatch, capsys):
    type_in(monkeypatch, b"Save")
    code, out, err = run(["translate", str(captioner_bundle)], capsys)
    assert (code, out) == (1, "")
    wanted = (
        f"is a bundle for captioning: try keras-attention caption {captioner_bundle}"
    )
    assert wanted in err


WITHOUT_KERAS = """
import sys
from keras_attention.cli import main
assert main(["translate", sys.argv[1]]) == 1
assert not {"tensorflow", "keras", "jax"} & set(sys.modules)
"""


def test_what_a_bundle_is_for_is_known_without_keras(captioner_bundle):
    command = [sys.executable, "-c", WITHOUT_KERAS, str(captioner_bundle)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


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
    expected = [translation.in_characters() for translation in expected]
    assert [item["text"] for item in found] == [t.text for t in expected]
    best = found[0]["n_best"][1]
    assert best["score"] == pytest.approx(expected[0].hypotheses[1].score, rel=1e-4)
    np.testing.assert_allclose(
        best["attention"], expected[0].hypotheses[1].attention, atol=1e-4
    )
    assert best["tokens"] == expected[0].hypotheses[1].tokens
    links = expected[0].hypotheses[1].alignment
    assert best["alignment"] == " ".join(f"{s}-{t}" for s, t in sorted(links))


def test_without_attention_json_has_none(blind, monkeypatch, capsys):
    type_in(monkeypatch, LINES[0].encode())
    code, out, _ = run(["translate", "bundle", "--json"], capsys)
    assert code == 0
    for hypothesis in json.loads(out)["n_best"]:
        assert hypothesis["attention"] is hypothesis["alignment"] is None


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


def expected_texts(translator, texts):
    return [bundles.one_line(t.text) for t in translator.translate(texts)]


BAD_LINES = {
    "first": b"\xff\xfe no text\n",  # as UTF-16 begins, and none
    "cut": "Größe".encode()[:3] + b"\n",
    "surrogate": b"\xed\xa0\x80\r\n",
    "last": b"caf\xe9",
}


@pytest.mark.parametrize("bad", BAD_LINES.values(), ids=BAD_LINES)
@pytest.mark.parametrize("place", [1, 2, 3])
def test_an_empty_line_stands_for_one_that_is_not_utf8(
    loaded, translator, monkeypatch, capsys, bad, place
):
    good = [TEXTS[0], TEXTS[2]]
    lines = [f"{text}\n".encode() for text in good]
    lines.insert(place - 1, bad if place == 3 else bad.rstrip() + b"\n")
    type_in(monkeypatch, b"".join(lines))
    code, out, err = run(["translate", "bundle"], capsys)
    expected = expected_texts(translator, good)
    expected.insert(place - 1, "")
    assert (code, out) == (1, "".join(f"{text}\n" for text in expected))
    assert err.startswith(f"error: line {place} of standard input is not UTF-8: byte ")
    assert err.count("\n") == 1


def test_json_says_why_a_line_is_empty(loaded, monkeypatch, capsys):
    type_in(monkeypatch, b"ba\xffd\n\n" + LINES[0].encode() + b"\n")
    code, out, _ = run(["translate", "bundle", "--json", "--n-best", "2"], capsys)
    assert code == 1
    bad, empty, good = [json.loads(line) for line in out.splitlines()]
    assert bad.pop("error") == (
        "line 1 of standard input is not UTF-8: byte 3 of it is 0xff, invalid start "
        "byte"
    )
    assert bad == empty
    assert "error" not in good
    assert good["text"]


def test_n_best_gives_as_many_lines_for_each(loaded, monkeypatch, capsys):
    type_in(monkeypatch, b"\xff\n" + LINES[0].encode() + b"\n\n")
    code, out, _ = run(["translate", "bundle", "--n-best", "3"], capsys)
    assert code == 1
    rows = [line.split("\t") for line in out.split("\n")[:-1]]
    assert rows[:3] == rows[6:] == [["0.0000", ""], ["-inf", ""], ["-inf", ""]]
    assert len(rows) == 9
    scores = [float(score) for score, _ in rows[3:6]]
    assert sorted(scores, reverse=True) == scores


@pytest.mark.parametrize("mark", "\r \0 \f \x1c \x85 \u2028".split(" "))
def test_only_a_line_feed_ends_a_line(loaded, monkeypatch, capsys, mark):
    type_in(monkeypatch, f"Save{mark}Save\n{mark}\n \t\nSave".encode())
    code, out, err = run(["translate", "bundle"], capsys)
    assert (code, err) == (0, "")
    assert out.count("\n") == 4
    assert len(out.splitlines()) == 4


def test_a_line_without_end_is_read_over(loaded, translator, monkeypatch, capsys):
    monkeypatch.setattr("keras_attention.data.text.lines.MAX_LINE_BYTES", 1000)
    type_in(monkeypatch, b"Save\n" + b"a" * 5000 + b"\nSave\n")
    code, out, err = run(["translate", "bundle"], capsys)
    (text,) = expected_texts(translator, ["Save"])
    assert (code, out) == (1, f"{text}\n\n{text}\n")
    assert err.startswith("error: line 2 of standard input has more than 1,000 bytes")


def test_what_comes_before_a_damaged_file_is_translated(
    loaded, translator, tmp_path, capsys
):
    paths = [tmp_path / "a.txt", tmp_path / "b.gz"]
    paths[0].write_text("Save\n")
    # Noise, so that the last bytes are missing in the middle of it.
    noise = np.random.default_rng(0).integers(97, 123, 60_000, "uint8").tobytes()
    paths[1].write_bytes(gzip.compress(b"Save\n" + noise)[:-20_000])
    code, out, err = run(["translate", "bundle", *map(str, paths)], capsys)
    (text,) = expected_texts(translator, ["Save"])
    assert (code, out) == (1, f"{text}\n" * 2)
    assert err.startswith(f"error: {paths[1]}: the gzip data are damaged after line 1")


def test_utf16_is_an_error(loaded, tmp_path, capsys):
    path = tmp_path / "a.txt"
    path.write_text("中文\n中文\n", encoding="utf-16-le")
    path.write_bytes(b"\xff\xfe" + path.read_bytes())
    code, out, err = run(["translate", "bundle", str(path)], capsys)
    assert (code, out) == (1, "")
    assert "expected UTF-8; received UTF-16" in err


@pytest.mark.parametrize(
    ("name", "message"), [("none.txt", "there is no file "), ("", " is a folder; ")]
)
def test_files_are_looked_for_before_anything_is_loaded(
    tmp_path, capsys, name, message
):
    (tmp_path / "a.txt").write_text("Save\n")
    argv = ["translate", str(tmp_path / "nowhere"), str(tmp_path / "a.txt")]
    code, out, err = run([*argv, str(tmp_path / name)], capsys)
    assert (code, out) == (1, "")
    assert message in err


def test_a_long_line_is_named_where_it_stands(loaded, tmp_path, capsys):
    path = tmp_path / "long.txt"
    path.write_text("\n" * 2 + "a" * 200 + "\n")
    code, out, err = run(["translate", "bundle", str(path)], capsys)
    assert code == 0
    assert out.count("\n") == 3
    assert err.startswith(f"warning: line 3 of {path} has more than 39 tokens and was")


def test_what_is_said_stays_on_its_line():
    assert bundles.one_line("a\nb\r\nc\u2028d") == "a b c d"


class Recorder:
    """A translator that only records its calls."""

    task = "translation"
    max_source_length = 9

    def __init__(self):
        self.calls = []

    def check_arguments(self, **options):
        """All are right."""

    def translate(self, texts, **options):
        self.calls.append((texts, options))
        return []


@pytest.fixture
def recorder(monkeypatch, load):
    recorder = Recorder()
    load(recorder)
    # `zip(…, strict=True)` would miss the translations that it does not give.
    monkeypatch.setattr(translate, "zip", lambda *_, **__: [], raising=False)
    return recorder


def test_options_reach_the_search(recorder, monkeypatch, capsys):
    type_in(monkeypatch, b"a\n")
    options = (
        "--beam 5 --length-penalty 1 --min-length 2 --max-length 7 --no-repeat-ngram 3 "
        "--temperature 0.5 --top-k 4 --top-p 0.9 --unknown copy --seed 6 "
        "--prefix Da --batch-size 2 --constraint b --avoid c --avoid d"
    )
    assert main(["translate", "bundle", *options.split()]) == 0
    assert recorder.calls == [
        (
            ["a"],
            {
                "beam": 5,
                "return_attention": False,
                "prefixes": ["Da"],
                "constraints": ["b"],
                "avoid": ["c", "d"],
                "batch_size": 2,
                "seed": 6,
                "length_penalty": 1.0,
                "min_length": 2,
                "max_length": 7,
                "no_repeat_ngram": 3,
                "temperature": 0.5,
                "top_k": 4,
                "top_p": 0.9,
                "unknown": "copy",
            },
        )
    ]


def test_words_are_refused_before_a_line_is_read(loaded, monkeypatch, capsys):
    monkeypatch.setattr(translate.lines, "read", lambda _: pytest.fail("read"))
    for options, message in {
        "--constraint Datei --temperature 1": "temperature=1.0: leave it at 0",
        "--constraint Datei --max-length 1": "tokens with the end token",
        "--avoid \u2581": "avoid must be words",
    }.items():
        code, out, err = run(["translate", "bundle", *options.split()], capsys)
        assert (code, out) == (1, "")
        assert message in err


@pytest.mark.parametrize("batch_size", [1, 8])
def test_a_line_without_room_for_its_constraint_takes_no_other_with_it(
    loaded, translator, monkeypatch, capsys, batch_size
):
    """Short sources have short limits."""
    options = translator.options.replace(max_length_ratio=0.7, max_length_offset=0)
    monkeypatch.setattr(translator, "options", options)
    long = "Click the button to open the dialog."
    type_in(monkeypatch, f"{long}\nOK\n\n{long}\n".encode())
    argv = ["translate", "bundle", "--batch-size", str(batch_size)]
    code, out, err = run([*argv, "--constraint", "Klicken Sie"], capsys)
    first, second, third, fourth = out.splitlines()
    assert (code, second, third) == (1, "", "")
    assert first == fourth and "Klicken Sie" in first
    (message,) = err.splitlines()
    assert "line 2 of standard input is not translated: constraints[0] have" in message
    assert message.endswith("; an empty line stands for it")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            "--length-penalty nan",
            "length_penalty must be a finite number; rec",
        ),
        ("--beam 99999", "beam must be at most 10000; received 99999"),
        ("--unknown never", "unknown must be one of forbid, allow, copy; received"),
        ("--top-p 2", "top_p must be at most 1; received 2.0"),
    ],
)
@pytest.mark.parametrize("command", ["translate", "caption"])
def test_options_are_refused_before_a_bundle_is_read(command, option, message, capsys):
    code, out, err = run([command, "no-bundle", *option.split(), __file__], capsys)
    assert (code, out) == (1, "")
    assert message in err


@pytest.mark.parametrize(
    ("is_terminal", "batch_size", "sizes"),
    [(False, 2, [32, 8]), (False, 1, [1] * 40), (True, 2, [1] * 40)],
)
def test_a_stream_is_translated_while_it_flows(
    recorder, monkeypatch, is_terminal, batch_size, sizes
):
    type_in(monkeypatch, b"a\n" * 40, is_terminal)
    assert main(["translate", "bundle", "--batch-size", str(batch_size)]) == 0
    assert [len(texts) for texts, _ in recorder.calls] == sizes


def test_files_fill_batches_at_a_terminal_too(recorder, monkeypatch, tmp_path):
    type_in(monkeypatch, b"", is_terminal=True)
    path = tmp_path / "a.txt"
    path.write_text("a\n" * 40)
    assert main(["translate", "bundle", str(path), "--batch-size", "2"]) == 0
    assert [len(texts) for texts, _ in recorder.calls] == [32, 8]


def test_what_was_translated_before_an_interrupt_is_there(
    loaded, translator, monkeypatch, capsys
):
    calls = []

    def translate_once(self, texts, **options):
        if calls:
            raise KeyboardInterrupt
        calls.append(texts)
        return type(translator).translate(self, texts, **options)

    monkeypatch.setattr(translator, "translate", translate_once.__get__(translator))
    type_in(monkeypatch, b"Save\n" * 40)
    code, out, _ = run(["translate", "bundle", "--batch-size", "2"], capsys)
    assert code
    assert out.count("\n") == 32
