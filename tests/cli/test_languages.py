"""Languages, and words that must come or may not, on the command line."""

import json

import numpy as np
import pytest

from keras_attention.evaluation.attention import coverage, entropy
from keras_attention.plotting import heat_map
from keras_attention.training import corpus
from tests.cli.support import run, type_in

SOURCES = ["Press OK.", "Open the page."]
TARGETS = ["OK drücken.", "Seite öffnen."]
FR_ZH = ["--source-language", "fr", "--target-language", "zh"]
LANGUAGES = {"source_language": "fr", "target_language": "zh"}


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.tsv"
    rows = [f"{pair[0]}\t{pair[1]}\n" for pair in zip(SOURCES, TARGETS, strict=True)]
    path.write_text("".join(rows), "utf-8")
    return str(path)


@pytest.fixture
def drawn(monkeypatch):
    """What would be drawn: the tokens."""
    calls = []

    def draw(scores, source, target, path):
        calls.append((source, target))

    monkeypatch.setattr(heat_map, "plot_attention", draw)
    monkeypatch.setattr(heat_map, "plot_heads", draw)
    return calls


def test_evaluate_scores_in_the_language_chosen(multilingual, pairs, tmp_path, capsys):
    output = tmp_path / "said.txt"
    argv = ["evaluate", "bundle", pairs, "--json", "--beam", "1"]
    code, out, _ = run([*argv, *FR_ZH, "--output", str(output)], capsys)
    assert code == 0
    assert "tok:zh" in json.loads(out)["bleu_signature"]
    said = multilingual.translate(SOURCES, beam=1, **LANGUAGES)
    assert output.read_text("utf-8").splitlines() == [each.text for each in said]
    code, out, _ = run(argv, capsys)
    assert code == 0
    assert "tok:13a" in json.loads(out)["bleu_signature"]


def test_attention_is_measured_between_the_texts(multilingual, pairs, capsys):
    argv = ["evaluate", "bundle", pairs, "--json", "--attention", "--beam", "1"]
    code, out, _ = run([*argv, *FR_ZH], capsys)
    assert code == 0
    found = json.loads(out)["attention"]
    forced = multilingual.force_decode(SOURCES, TARGETS, **LANGUAGES)
    assert forced[0].tokens[0] == "__zh__"
    entropies = [entropy(each.attention)[1:-1] for each in forced]
    coverages = [coverage(each.attention)[1:-1] for each in forced]
    assert found["entropy"] == pytest.approx(np.concatenate(entropies).mean())
    deviations = np.abs(1 - np.concatenate(coverages))
    assert found["coverage_deviation"] == pytest.approx(deviations.mean())


def test_attend_draws_languages_as_signs(multilingual, drawn, tmp_path, capsys):
    argv = ["attend", "bundle", SOURCES[0], "--json", "-o", str(tmp_path / "a.png")]
    code, out, _ = run([*argv, *FR_ZH, "--target", "OK"], capsys)
    assert code == 0
    found = json.loads(out)
    assert found["source_tokens"][0] == "__fr__"
    assert found["tokens"][0] == "__zh__"
    assert found["text"] == "OK"
    ((source, target),) = drawn
    assert source == ["<fr>", *found["source_tokens"][1:]]
    assert target == ["<zh>", *found["tokens"][1:]]


def test_attend_translates_into_the_language_chosen(multilingual, capsys):
    argv = ["attend", "bundle", SOURCES[0], "--json", "--beam", "1", *FR_ZH]
    code, out, _ = run(argv, capsys)
    assert code == 0
    (said,) = multilingual.translate(
        SOURCES[0], beam=1, return_attention=True, **LANGUAGES
    )
    assert json.loads(out)["text"] == said.text


def test_attend_shows_the_encoder_a_language(multilingual, drawn, tmp_path, capsys):
    argv = ["attend", "bundle", "OK", "--encoder", "1", "--json"]
    argv += ["--source-language", "fr", "-o", str(tmp_path / "a.png")]
    code, out, _ = run(argv, capsys)
    assert code == 0
    found = json.loads(out)
    assert found["source_tokens"][0] == "__fr__"
    assert drawn[0][0] == drawn[0][1] == ["<fr>", *found["source_tokens"][1:]]
    scores = multilingual.self_attention("OK", "fr")[1]
    np.testing.assert_allclose(found["heads"], scores[0], atol=1e-4)


COMMANDS = {
    "translate": [],
    "attend": ["Press OK."],
    "evaluate": ["pairs.tsv"],
}


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_languages_are_one_error(
    multilingual, pairs, monkeypatch, capsys, command, side
):
    type_in(monkeypatch, b"Press OK.")
    rest = [pairs if each == "pairs.tsv" else each for each in COMMANDS[command]]
    argv = [command, "bundle", *rest, f"--{side}-language", "xx"]
    code, out, err = run(argv, capsys)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: {side}_language must be one of af, am, ar, ")
    assert err.endswith(", zu; received 'xx'\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_models_of_one_pair_have_their_languages(
    loaded, pairs, monkeypatch, capsys, command
):
    type_in(monkeypatch, b"Press OK.")
    rest = [pairs if each == "pairs.tsv" else each for each in COMMANDS[command]]
    code, out, err = run([command, "bundle", *rest, "--target-language", "zh"], capsys)
    assert (code, out) == (1, "")
    assert err == (
        "error: target_language must be 'de', the only one of this model; received "
        "'zh'\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_language_that_is_needed_is_asked_for_at_once(
    multilingual, pairs, monkeypatch, capsys, command
):
    languages = multilingual.language_ids
    monkeypatch.setattr(languages, "defaults", ("en", ""))
    type_in(monkeypatch, b"")
    rest = [pairs if each == "pairs.tsv" else each for each in COMMANDS[command]]
    code, out, err = run([command, "bundle", *rest], capsys)
    assert (code, out) == (1, "")
    assert err.endswith("; received none, and this model has no default\n")


def test_no_language_is_the_default_for_scores_too(multilingual, pairs, capsys):
    argv = ["evaluate", "bundle", pairs, "--json", "--beam", "1"]
    argv += ["--source-language", "fr"]
    said = [run([*argv, *more], capsys) for more in ([], ["--target-language", ""])]
    assert said[0] == said[1] and said[0][0] == 0


def test_a_model_without_languages_says_so(blind, capsys):
    argv = ["attend", "bundle", "OK", "--target-language", "zh"]
    code, _, err = run(argv, capsys)
    assert code == 1
    assert "error: target_language must be left out, since this model has no " in err


@pytest.mark.parametrize("command", ["attend", "evaluate"])
def test_captions_have_no_languages_to_choose(loaded_captioner, capsys, command):
    code, _, err = run([command, "bundle", "scenes", *FR_ZH], capsys)
    assert code == 1
    assert "--source-language" in err and "nothing about captions: leave" in err


@pytest.mark.parametrize("command", ["attend", "evaluate"])
def test_words_reach_the_search(
    loaded, translator, pairs, monkeypatch, capsys, command
):
    calls = []

    def translate(texts, constraints=None, avoid=None, **options):
        calls.append((constraints, avoid))
        return translator.force_decode(texts, texts)

    monkeypatch.setattr(translator, "translate", translate)
    rest = [pairs if command == "evaluate" else "Save", "--json"]
    words = "--constraint Datei --avoid Save --avoid OK".split()
    assert run([command, "bundle", *rest, *words], capsys)[0] == 0
    assert calls == [(["Datei"], ["Save", "OK"])]


def test_evaluate_refuses_words_before_its_work(
    loaded, translator, pairs, monkeypatch, capsys
):
    monkeypatch.setattr(translator, "force_decode", lambda *_, **__: pytest.fail("ran"))
    argv = ["evaluate", "bundle", pairs, "--attention", "--avoid", "\u2581"]
    code, out, err = run(argv, capsys)
    assert (code, out) == (1, "")
    assert "avoid must be words" in err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_tag_is_put_before_texts(
    loaded, translator, pairs, monkeypatch, capsys, command
):
    tag = translator.source_tokenizer.ids_to_tokens([9])[0].strip("\u2581")
    monkeypatch.setattr(corpus, "check_tag", lambda *_: None)
    texts, translate = [], translator.translate

    def record(given, **options):
        texts.extend([given] if isinstance(given, str) else given)
        return translate(given, **options)

    monkeypatch.setattr(translator, "translate", record)
    type_in(monkeypatch, b"Press OK.")
    rest = [pairs if each == "pairs.tsv" else each for each in COMMANDS[command]]
    argv = [command, "bundle", *rest, "--tag", tag, "--beam", "1"]
    if command == "attend":
        argv += ["--json"]
    assert run(argv, capsys)[0] == 0
    wanted = SOURCES if command == "evaluate" else SOURCES[:1]
    assert texts == [f"{tag} {text}" for text in wanted]


def test_a_tag_that_would_be_cut_is_refused(loaded, pairs, monkeypatch, capsys):
    type_in(monkeypatch, b"Press OK.")
    for command, rest in COMMANDS.items():
        rest = [pairs if each == "pairs.tsv" else each for each in rest]
        code, out, err = run([command, "bundle", *rest, "--tag", "<2xx>"], capsys)
        assert (code, out) == (1, "")
        assert "<2xx>" in err
    argv = ["evaluate", "bundle", pairs, "--alignments", "copy", "--tag", "x"]
    assert "leave one of them out" in run(argv, capsys)[2]


@pytest.mark.parametrize(
    "option", ["--beam 2", "--avoid x", "--constraint x", "--target-language de"]
)
def test_the_encoder_searches_nothing(loaded, capsys, option):
    argv = ["attend", "bundle", "OK", "--encoder", "1", *option.split()]
    code, _, err = run(argv, capsys)
    assert code == 1
    assert "--encoder takes the source alone: leave out" in err
