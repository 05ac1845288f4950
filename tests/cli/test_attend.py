"""attend on the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from keras_attention.data.text.alignments import parse_alignment
from keras_attention.evaluation.attention import coverage, entropy
from tests.cli.support import run
from tests.translators import TEXTS


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


def test_attend_gives_data(loaded, translator, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(["attend", "bundle", TEXTS[0], "--json"], capsys)
    assert code == 0
    assert not list(tmp_path.iterdir())  # no figure that nobody asked for
    found = json.loads(out)
    expected = translator.translate([TEXTS[0]], return_attention=True)[0]
    expected = expected.in_characters()
    assert (found["source"], found["text"]) == (TEXTS[0], expected.text)
    assert found["source_tokens"] == expected.source_tokens
    assert found["tokens"] == expected.tokens
    attention = expected.attention
    np.testing.assert_allclose(found["attention"], attention, atol=1e-4)
    np.testing.assert_allclose(found["entropy"], entropy(attention), atol=1e-3)
    np.testing.assert_allclose(found["coverage"], coverage(attention), atol=1e-3)
    assert parse_alignment(found["alignment"]) == expected.alignment


def test_attend_takes_a_given_translation(loaded, translator, tmp_path, capsys):
    path = tmp_path / "a.png"
    target = "Klicken Sie auf OK."
    argv = ["attend", "bundle", TEXTS[0], "--target", target, "-o", str(path)]
    assert run(argv, capsys) == (0, f"{target}\nheat map: {path}\n", "")
    path.unlink()
    code, out, _ = run([*argv, "--json"], capsys)
    assert code == 0
    assert path.exists()
    (expected,) = translator.force_decode(TEXTS[0], target)
    found = json.loads(out)
    assert found["tokens"] == expected.tokens
    np.testing.assert_allclose(found["attention"], expected.attention, atol=1e-4)


def test_attend_gives_the_encoder_as_data(loaded, translator, capsys):
    code, out, _ = run(
        ["attend", "bundle", TEXTS[2], "--encoder", "1", "--json"], capsys
    )
    assert code == 0
    tokens, scores = translator.self_attention(TEXTS[2])
    found = json.loads(out)
    assert found["source_tokens"] == tokens
    np.testing.assert_allclose(found["heads"], scores[0], atol=1e-4)
    np.testing.assert_allclose(found["entropy"], entropy(scores[0]), atol=1e-3)


def test_without_attention_nothing_is_drawn(blind, tmp_path, capsys):
    path = tmp_path / "a.png"
    code, out, err = run(["attend", "bundle", TEXTS[0], "-o", str(path)], capsys)
    assert (code, out) == (1, "")
    assert err.startswith("error: a RecurrentSeq2Seq with attention=None has no atten")
    assert not path.exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["text", "--target", "Text", "--beam", "2"], "Leave one of them out"),
        (["text", "--target", "Text", "--encoder", "1"], "Leave one of them out"),
        ([" "], "nothing to attend to in an empty text"),
        (["text", "--target", " "], "nothing to attend to in an empty text"),
        (["\u200b"], "nothing to attend to in a text without tokens"),
    ],
)
def test_attend_needs_something_to_show(loaded, tmp_path, capsys, argv, message):
    path = tmp_path / "a.png"
    code, _, err = run(["attend", "bundle", *argv, "-o", str(path)], capsys)
    assert code == 1
    assert message in err
    assert not path.exists()


def test_characters_without_a_subword_are_shown_whole(loaded, translator, capsys):
    text, target = "« 中文 » \U0001f600", "naïve 文"
    argv = ["attend", "bundle", text, "--target", target, "--json"]
    code, out, _ = run(argv, capsys)
    assert code == 0
    found = json.loads(out)
    (spelt,) = translator.force_decode(text, target)
    assert "<0xE4>" in spelt.source_tokens and "<0xE6>" in spelt.tokens
    for tokens, whole in ((found["source_tokens"], text), (found["tokens"], target)):
        assert not [token for token in tokens if token.startswith("<0x")]
        assert "".join(tokens).replace("▁", " ").strip() == whole + "</s>"
    attention = np.array(found["attention"])
    assert attention.shape == (len(found["tokens"]), len(found["source_tokens"]))
    np.testing.assert_allclose(attention.sum(axis=1), 1, atol=1e-3)
    first = spelt.source_tokens.index("<0xE4>")
    columns = spelt.attention[0, first : first + 3].sum()
    place = found["source_tokens"].index("中")
    np.testing.assert_allclose(attention[0, place], columns, atol=1e-4)
    assert len(found["entropy"]) == len(found["tokens"])
    assert len(found["coverage"]) == len(found["source_tokens"])


def test_so_they_are_in_the_encoder(loaded, capsys):
    argv = ["attend", "bundle", "中文 x", "--encoder", "1", "--json"]
    found = json.loads(run(argv, capsys)[1])
    tokens = found["source_tokens"]
    assert "".join(tokens) == "▁中文▁x</s>"
    heads = np.array(found["heads"])
    assert heads.shape == (2, len(tokens), len(tokens))
    np.testing.assert_allclose(heads.sum(axis=-1), 1, atol=1e-3)
