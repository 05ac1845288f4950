"""What of M2M-100 and NLLB cannot be imported is refused, with the reason."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_attention import Translator
from tests.conversion.support import MULTILINGUAL as CHECKPOINTS
from tests.conversion.support import edit_json


def copy_of(name, tmp_path):
    return shutil.copytree(CHECKPOINTS / name, tmp_path / name)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "nllb-moe"}, "model_type must be m2m_100; received 'nllb-moe'"),
        ({"tie_word_embeddings": False}, "output weights are not the target"),
        ({"static_position_embeddings": False}, "positions that are learned"),
        ({"normalize_before": False}, "norms after each sublayer"),
        ({"share_encoder_decoder_embeddings": False}, "two tables of embeddings"),
        ({"decoder_layers": 1}, "layers more"),
        ({"vocab_size": 150}, "must have the shape"),
    ],
    ids=str,
)
def test_configurations(changes, message, tmp_path):
    folder = copy_of("m2m100", tmp_path)
    edit_json(folder / "config.json", **changes)
    with pytest.raises(ValueError, match=message):
        Translator.from_m2m100(folder)


@pytest.mark.parametrize(
    ("name", "file", "text", "message"),
    [
        ("m2m100", "sentencepiece.bpe.model", None, "lacks sentencepiece.bpe.model"),
        ("nllb", "tokenizer_config.json", '{"legacy_behaviour": true}', "legacy_behav"),
        ("nllb", "tokenizer_config.json", '{"src_lang": "en"}', "src_lang must be one"),
        ("m2m100", "tokenizer_config.json", '{"language_codes": "x"}', "m2m100, wmt21"),
        ("m2m100", "tokenizer_config.json", '{"language_codes": []}', "m2m100, wmt21"),
        ("m2m100", "tokenizer_config.json", '{"src_lang": {"a": 1}}', "must be one of"),
        (
            "nllb",
            "tokenizer.json",
            '{"added_tokens": 5}',
            "json: each added token must",
        ),
        (
            "nllb",
            "tokenizer.json",
            '{"added_tokens": [{"id": 999}]}',
            "must have an id",
        ),
        ("m2m100", "vocab.json", '{"<unk>": 3, "</s>": 2}', "lacks <pad>"),
    ],
)
def test_files(name, file, text, message, tmp_path):
    folder = copy_of(name, tmp_path)
    if text is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(text)
    with pytest.raises(ValueError, match=message):
        Translator.from_m2m100(folder)


def test_nllb_without_anything_that_cuts_texts(tmp_path):
    folder = copy_of("nllb", tmp_path)
    (folder / "sentencepiece.bpe.model").unlink()
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ValueError, match="lacks sentencepiece.bpe.model"):
        Translator.from_m2m100(folder)


@pytest.mark.parametrize("decoder", ["5", '{"999": "x"}', '{"a": {"content": "x"}}'])
def test_added_tokens_that_are_damaged(decoder, tmp_path):
    folder = copy_of("nllb", tmp_path)
    (folder / "tokenizer.json").unlink()
    file = folder / "tokenizer_config.json"
    file.write_text(f'{{"added_tokens_decoder": {decoder}}}')
    with pytest.raises(
        ValueError, match="tokenizer_config.json: each added token must"
    ):
        Translator.from_m2m100(folder)


def test_nllb_without_languages(tmp_path):
    folder = copy_of("nllb", tmp_path)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(ValueError, match="names no languages"):
        Translator.from_m2m100(folder)


def test_learned_positions(tmp_path):
    folder = copy_of("m2m100", tmp_path)
    tensors = load_file(folder / "model.safetensors")
    name = "model.encoder.embed_positions.weights"
    tensors[name] = np.ones((66, 16), "float32")
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ValueError, match="no sine positions"):
        Translator.from_m2m100(folder)


def test_languages_of_older_files_follow_the_pieces(tmp_path):
    folder = copy_of("nllb", tmp_path)
    added = json.loads((folder / "tokenizer.json").read_text("utf-8"))["added_tokens"]
    names = [t["content"] for t in added if "_" in t["content"]]
    (folder / "tokenizer.json").unlink()
    table = {"additional_special_tokens": names}
    (folder / "special_tokens_map.json").write_text(json.dumps(table))
    translator = Translator.from_m2m100(folder, dtype="bfloat16")
    assert list(translator.languages) == names
    assert translator.model.compute_dtype == "bfloat16"
