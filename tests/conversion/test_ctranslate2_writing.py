"""Folders for CTranslate2 are whole, and work without this package."""

import copy
import json

import ctranslate2
import numpy as np
import pytest
import sentencepiece

from keras_attention import Transformer
from keras_attention.conversion.ctranslate2_spec import ACTIVATIONS, check_model
from keras_attention.data.special_ids import parsed
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.special_tokens import END_ID, START_ID
from tests.cli.support import run, type_in
from tests.conversion.support import imported, imported_multilingual


def test_files_and_what_they_say(translator, tmp_path):
    folder = translator.to_ctranslate2(tmp_path / "ct2", "int8")
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "config.json",
        "keras_attention.json",
        "model.bin",
        "shared_vocabulary.json",
        "source.spm",
        "target.spm",
    }
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config["add_source_eos"] and not config["add_source_bos"]
    assert config["decoder_start_token"] == config["bos_token"] == "<s>"
    assert (config["eos_token"], config["unk_token"]) == ("</s>", "<unk>")
    facts = json.loads((folder / "keras_attention.json").read_text("utf-8"))
    assert (facts["quantization"], facts["num_positions"]) == ("int8", 512)
    assert facts["decoding"]["beam"] == 3
    with pytest.raises(FileExistsError, match="overwrite=True"):
        translator.to_ctranslate2(folder)
    translator.to_ctranslate2(folder, overwrite=True)


@pytest.mark.parametrize("name", ["opus", "m2m100"])
def test_the_example_of_the_card_runs(name, tmp_path, capsys):
    task = imported(name) if name == "opus" else imported_multilingual(name)
    folder = task.to_ctranslate2(tmp_path / "ct2")
    example = (folder / "README.md").read_text("utf-8").split("```")[1]
    example = example.removeprefix("python\n").replace(
        "path/to/this/folder", str(folder)
    )
    assert "…" in example
    exec(example.replace("…", "Press OK."), {})
    assert capsys.readouterr().out.strip()


def test_greedy_search_without_this_package(tmp_path):
    translator = imported("tc-big")
    folder = translator.to_ctranslate2(tmp_path / "ct2")
    assert (folder / "target_vocabulary.json").is_file()
    runner = ctranslate2.Translator(str(folder))
    source = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    tokens = source.encode("Save the file.", out_type=str)
    (result,) = runner.translate_batch([tokens], beam_size=1, max_decoding_length=5)
    vocabulary = json.loads((folder / "target_vocabulary.json").read_text("utf-8"))
    said = [vocabulary.index(token) for token in result.hypotheses[0]]
    source_ids = translator.source_tokenizer.tokens_to_ids(tokens)
    inputs = {
        "source_ids": np.array([[*source_ids, END_ID]]),
        "target_ids": np.array([[START_ID, *said[:-1]]]),
    }
    best = np.asarray(translator.model(inputs)).argmax(axis=-1)
    assert best.tolist() == [said]


def test_pieces_of_other_names(translator, tmp_path):
    translator = copy.copy(translator)
    proto = parsed(translator.source_tokenizer.model)
    for place, field in enumerate(("pad", "unk", "bos", "eos")):
        proto.pieces[place].piece = f"[{field.upper()}]"
        setattr(proto.trainer_spec, f"{field}_piece", f"[{field.upper()}]")
    renamed = Tokenizer(proto.SerializeToString())
    translator.source_tokenizer = translator.target_tokenizer = renamed
    folder = translator.to_ctranslate2(tmp_path / "ct2")
    tokens = json.loads((folder / "shared_vocabulary.json").read_text("utf-8"))
    assert tokens[:4] == ["<pad>", "<unk>", "<s>", "</s>"]


def test_what_ctranslate2_cannot_compute(recurrent_translator, tmp_path):
    with pytest.raises(ValueError, match="is a RecurrentSeq2Seq, and it runs Transf"):
        recurrent_translator.to_ctranslate2(tmp_path / "out")
    sizes = Transformer.presets["tiny"] | {"num_layers": 1}
    for activation in ACTIVATIONS:
        check_model(Transformer(9, 9, **{**sizes, "activation": activation}))
    with pytest.raises(ValueError, match="activation='elu', and it knows relu, gelu"):
        check_model(Transformer(9, 9, **{**sizes, "activation": "elu"}))
    with pytest.raises(ValueError, match="quantization must be one of float32, int8"):
        imported("opus").to_ctranslate2(tmp_path / "out", "int4")
    assert not list(tmp_path.iterdir())


def test_on_the_command_line(bundle, tmp_path, capsys, monkeypatch):
    out = str(tmp_path / "ct2")
    argv = ["export", str(bundle), "--format", "ctranslate2", "--out", out]
    code, printed, err = run([*argv, "--quantization", "int8", "--beam", "2"], capsys)
    assert code == 0, err
    assert printed.startswith(f"CTranslate2 model: {out}\n")
    monkeypatch.setattr(
        "keras_attention.cli.bundles.load_backend", lambda: pytest.fail("not needed")
    )
    type_in(monkeypatch, b"Save the file.\n\nOK\n")
    code, printed, err = run(["translate", out, "--engine", "ctranslate2"], capsys)
    assert code == 0, err
    assert len(printed.split("\n")) == 4
    code, _, err = run(["translate", out], capsys)
    assert (code, 'engine="ctranslate2" loads' in err) == (1, True)
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("Save\tSpeichern\nOK\tOK\n", encoding="utf-8")
    argv = ["evaluate", out, str(pairs), "--engine", "ctranslate2", "--attention"]
    code, printed, err = run(argv, capsys)
    assert code == 0, err
    assert "BLEU" in printed


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["export", "--format", "ctranslate2"],
            "ctranslate2 writes one model into one",
        ),
        (["export", "--quantization", "int8"], "is of --format ctranslate2; received"),
        (
            ["export", "--format", "ctranslate2", "--quantization", "int4"],
            "quantization must be one of",
        ),
        (["translate", "--engine", "onnx"], "must be keras or ctranslate2; received"),
        (["translate", "--quantization", "int8"], "is of --engine ctranslate2"),
    ],
)
def test_options_that_do_not_fit(argv, message, capsys):
    code, _, err = run([argv[0], "nowhere", *argv[1:]], capsys)
    assert (code, message in err) == (1, True), err
