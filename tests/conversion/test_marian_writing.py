"""What is written is read again as the same, and what Marian cannot say is refused."""

import copy
import json
import warnings

import numpy as np
import pytest

from keras_attention import Transformer, Translator
from keras_attention.conversion.marian_writing import check_model
from keras_attention.data.special_ids import parsed
from keras_attention.data.tokenizer import Tokenizer
from tests.cli.support import run
from tests.conversion.support import CHECKPOINTS, NAMES, copy_of, edit_json, imported
from tests.translators import make_translator

TINY = Transformer.presets["tiny"] | {"num_layers": 1}


def assert_same(found, wanted, changed=("epsilon", "output_bias", "alignment_layer")):
    assert found.options == wanted.options
    assert found.source_tokenizer.model == wanted.source_tokenizer.model
    assert found.target_tokenizer.model == wanted.target_tokenizer.model
    assert found.max_source_length == wanted.max_source_length
    configs = [task.model.get_config() for task in (found, wanted)]
    for config in configs:
        for name in ("name", "num_decoder_layers", "max_steps", *changed):
            config.pop(name)
    assert configs[0] == configs[1]
    weights = {weight.path.partition("/")[2]: weight for weight in found.model.weights}
    for weight in wanted.model.weights:
        name = weight.path.partition("/")[2]
        np.testing.assert_array_equal(np.asarray(weights[name]), np.asarray(weight))


@pytest.mark.parametrize("name", NAMES)
def test_an_imported_model_goes_back_and_forth(name, tmp_path):
    translator = imported(name)
    folder = translator.to_marian(tmp_path / "out")
    assert_same(Translator.from_marian(folder), translator, changed=())


def test_the_least_length_goes_back_and_forth(tmp_path):
    folder = copy_of("opus", tmp_path)
    edit_json(folder / "generation_config.json", min_length=7)
    translator = Translator.from_marian(folder)
    assert translator.options.min_length == 7
    again = Translator.from_marian(translator.to_marian(tmp_path / "out"))
    assert again.options == translator.options


def test_files_are_those_of_the_hub(tmp_path):
    folder = imported("multi-target").to_marian(tmp_path / "out")
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "source.spm",
        "target.spm",
        "tokenizer_config.json",
        "vocab.json",
    }
    assert ">>deu<<" in json.loads((folder / "vocab.json").read_text("utf-8"))
    with pytest.raises(FileExistsError, match="overwrite=True"):
        imported("multi-target").to_marian(folder)


def post_norm(*vocabulary_sizes, **options):
    return Transformer(*vocabulary_sizes, **TINY, **options)


@pytest.mark.parametrize("shared", [True, False])
def test_a_transformer_of_our_own_goes_back_and_forth(shared, tmp_path):
    translator = make_translator(shared=shared, family=post_norm)
    folder = translator.to_marian(tmp_path / "out")
    found = Translator.from_marian(folder)
    ids = np.array([[5, 6, 7, 3]])
    inputs = {"source_ids": ids, "target_ids": np.array([[2, 9, 10, 11]])}
    logits = [np.asarray(task.model(inputs)) for task in (found, translator)]
    # Norms there have an epsilon of 1e-5, here of 1e-6.
    np.testing.assert_allclose(*logits, atol=1e-4)


@pytest.mark.parametrize("shared", [True, False])
def test_other_names_of_special_pieces(shared, tmp_path):
    translator = make_translator(shared=shared, family=post_norm)
    # As a tokenizer that others trained keeps them.
    proto = parsed(translator.source_tokenizer.model)
    for place, field in enumerate(("pad", "unk", "bos", "eos")):
        proto.pieces[place].piece = f"[{field.upper()}]"
        setattr(proto.trainer_spec, f"{field}_piece", f"[{field.upper()}]")
    renamed = Tokenizer(proto.SerializeToString())
    translator.source_tokenizer = renamed
    if shared:
        translator.target_tokenizer = renamed
    found = Translator.from_marian(translator.to_marian(tmp_path / "out"))
    assert found.model.source_vocabulary_size == renamed.vocabulary_size
    texts = ["Click the button.", "Sélectionnez 中文"]
    assert found.source_tokenizer.encode(texts) == renamed.encode(texts)
    wanted = translator.target_tokenizer.encode(texts)
    assert found.target_tokenizer.encode(texts) == wanted


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm_first": True}, "norms come last"),
        ({"epsilon": 1e-3}, "epsilon=0.001"),
        ({"max_wavelength": 5000.0}, "max_wavelength=5000.0"),
        ({"position_offset": 2}, "position_offset=2"),
        ({"activation": "tanh"}, "activation='tanh', and Marian one of gelu, relu, si"),
        ({"model_dim": 15, "num_heads": 1}, "model_dim=15"),
    ],
    ids=str,
)
def test_what_marian_cannot_say(changes, message):
    model = Transformer(9, 9, **{**TINY, **changes})
    with pytest.raises(ValueError, match=message):
        check_model(model)


def test_other_families_and_quantised_models(recurrent_translator, tmp_path):
    with pytest.raises(ValueError, match="is a RecurrentSeq2Seq, and Marian a Trans"):
        recurrent_translator.to_marian(tmp_path / "out")
    model = Transformer(9, 9, **TINY)
    model.build()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*does not have a `quantize` method")
        model.quantize("int8")
    with pytest.raises(ValueError, match="is quantised"):
        check_model(model)
    assert not list(tmp_path.iterdir())


def test_one_table_needs_one_numbering(tmp_path):
    translator = copy.copy(imported("opus"))
    translator.target_tokenizer = imported("tc-big").target_tokenizer
    with pytest.raises(ValueError, match="number pieces differently"):
        translator.to_marian(tmp_path / "out")


def test_codes_of_several_languages_on_the_command_line(tmp_path, capsys):
    bundle = str(tmp_path / "bundle")
    argv = ["import", "marian", str(CHECKPOINTS / "multi-target"), "--out", bundle]
    code, printed, err = run(argv, capsys)
    assert code == 0, err
    assert "language codes: 2; a text begins with one, as in >>deu<< …\n" in printed
    assert f'try: echo ">>deu<< …" | keras-attention translate {bundle}\n' in printed


def test_on_the_command_line(tmp_path, capsys):
    bundle, out = str(tmp_path / "bundle"), str(tmp_path / "out")
    argv = ["import", "marian", str(CHECKPOINTS / "opus"), "--out", bundle]
    code, printed, err = run(argv, capsys)
    assert code == 0, err
    assert printed.startswith(f"bundle: {bundle} (")
    assert f'try: echo "…" | keras-attention translate {bundle}\n' in printed
    code, _, err = run(argv, capsys)
    assert (code, "exists already" in err) == (1, True)
    argv = ["export", bundle, "--format", "marian", "--out", out, "--beam", "2"]
    code, printed, err = run(argv, capsys)
    assert code == 0, err
    assert printed.startswith(f"Marian model: {out}\n")
    generation = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert generation["num_beams"] == 2


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ["--format", "onnx"],
            "must be one of savedmodel, marian, ctranslate2; received 'onnx'",
        ),
        (["--format", "marian"], "give --out, and no --name, --version"),
        (["--format", "marian", "--out", "x", "--name", "y"], "no --name, --version"),
    ],
)
def test_options_that_do_not_fit(argv, message, bundle, capsys):
    code, _, err = run(["export", str(bundle), *argv], capsys)
    assert (code, message in err) == (1, True)


def test_a_model_that_is_not_there_on_the_command_line(tmp_path, capsys):
    argv = ["import", "marian", str(tmp_path / "none"), "--out", str(tmp_path / "b")]
    code, _, err = run(argv, capsys)
    assert (code, err.startswith("error: there is no folder")) == (1, True)
