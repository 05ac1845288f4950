"""What cannot be imported is refused, with the reason; nothing large is made before."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_attention import Translator
from tests.conversion.support import copy_of, edit_json

HUGE = 2**24


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "bart"}, "model_type must be marian; received 'bart'"),
        ({"model_type": None}, "model_type must be marian"),
        ({"d_model": None}, "lacks d_model"),
        ({"d_model": "16"}, "d_model must be a whole number"),
        ({"d_model": True}, "d_model must be a whole number"),
        ({"d_model": 0}, "d_model must be at least 1"),
        ({"d_model": 2**60}, "d_model must be at most"),
        ({"d_model": HUGE}, "must have the shape"),
        ({"d_model": 18}, "a multiple of the number of heads"),
        ({"vocab_size": HUGE}, "must have the shape"),
        ({"encoder_layers": 999}, r"lacks \d+ of \d+ tensors that config.json"),
        ({"encoder_layers": 10**9}, "encoder_layers must be at most 1000"),
        ({"decoder_layers": 1}, "layers more"),
        ({"decoder_layers": None}, "decoder_layers must be a whole number"),
        ({"decoder_attention_heads": 2}, "the same number of heads"),
        ({"decoder_ffn_dim": 64}, "the same feed-forward width"),
        ({"encoder_ffn_dim": 64, "decoder_ffn_dim": 64}, "must have the shape"),
        ({"activation_function": "gelu_new"}, "activation_function must be one of"),
        ({"activation_function": ["relu"]}, "activation_function must be one of"),
        ({"normalize_before": True}, "norms before each sublayer"),
        ({"add_final_layer_norm": True}, "a norm after the last block"),
        ({"normalize_embedding": True}, "a norm of the embeddings"),
        ({"static_position_embeddings": False}, "positions that are learned"),
        ({"tie_word_embeddings": False}, "output weights are not the target"),
        ({"scale_embedding": "yes"}, "scale_embedding must be bool"),
        ({"share_encoder_decoder_embeddings": False}, "a tensor .model.shared.weight"),
        ({"pad_token_id": 0}, "must differ"),
        ({"pad_token_id": -1}, "pad_token_id must be at least 0"),
        ({"pad_token_id": 1}, "ids of their own"),
        ({"eos_token_id": [0, 5]}, "eos_token_id must be a whole number"),
        (
            {"decoder_start_token_id": 9999},
            "decoder_start_token_id must be an id below",
        ),
        ({"dropout": 2}, "dropout must be at most 1"),
        ({"is_decoder": True}, "a decoder alone"),
    ],
    ids=str,
)
def test_configurations(changes, message, tmp_path):
    folder = copy_of("opus", tmp_path, **changes)
    with pytest.raises(ValueError, match=message) as error:
        Translator.from_marian(folder)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("config.json", "{", "config.json is damaged"),
        ("config.json", "[]", "expected an object"),
        ("config.json", "[" * 9999, "damaged"),
        ("vocab.json", "{}", "lacks '<unk>'"),
        ("vocab.json", '{"<unk>": 1, "a": 1}', "two pieces have one id"),
        ("vocab.json", '{"<unk>": 1, "a": 99999}', "whole numbers below"),
        ("vocab.json", '{"<unk>": true}', "whole numbers below"),
        ("vocab.json", '{"<unk>": 1e400}', "whole numbers below"),
        ("source.spm", "", "source.spm: expected the bytes of a Sent"),
        ("source.spm", "nonsense", "source.spm: expected the bytes of a Sent"),
        ("tokenizer_config.json", '{"unk_token": 5}', "unk_token must be a string"),
        ("tokenizer_config.json", '{"model_max_length": 0}', "must be at least 2"),
        ("generation_config.json", "7", "generation_config.json is damaged"),
        ("generation_config.json", '{"num_beams": 0}', "beam must be at least 1"),
        ("generation_config.json", '{"max_length": "a"}', "max_length must be"),
        (
            "generation_config.json",
            '{"max_length": "a", "forced_eos_token_id": 0}',
            "generation_config.json: max_length must be a whole number",
        ),
        ("generation_config.json", '{"bad_words_ids": [[5, 6]]}', "one id each"),
        ("generation_config.json", '{"bad_words_ids": [[50]]}', "more than special"),
        ("generation_config.json", '{"max_new_tokens": 0}', "max_new_tokens must be"),
        ("generation_config.json", '{"min_new_tokens": []}', "min_new_tokens must be"),
        ("vocab.json", '{"<unk>": 1, "": 5}', "vocab.json: pieces .* received '': 5"),
        ("vocab.json", '{"<unk>": 1, "a\\u0000": 5}', "vocab.json: pieces must be"),
        ("vocab.json", '{"<unk>": 1, "\\ud800": 5}', "vocab.json: pieces must be"),
    ],
    ids=str,
)
def test_files_that_are_damaged(file, text, message, tmp_path):
    folder = copy_of("opus", tmp_path)
    (folder / file).write_text(text)
    with pytest.raises(ValueError, match=message):
        Translator.from_marian(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"do_sample": True}, "must be left out or false, .* received True. Take"),
        ({"repetition_penalty": 1.2}, "must be left out or 1,.* received 1.2. Take"),
        ({"encoder_repetition_penalty": 2}, "encoder_repetition_penalty must be left"),
        ({"encoder_no_repeat_ngram_size": 3}, "encoder_no_repeat_ngram_size must be"),
        ({"exponential_decay_length_penalty": [9, 2]}, "must be left out, since"),
        ({"sequence_bias": [[[5], -9.0]]}, "sequence_bias must be left out or"),
        ({"suppress_tokens": [5]}, r"suppress_tokens must be left out or \[\],"),
        ({"begin_suppress_tokens": [5]}, "begin_suppress_tokens must be left out or"),
        ({"num_beam_groups": 2}, "num_beam_groups must be left out or 1"),
        ({"diversity_penalty": 0.5}, "diversity_penalty must be left out or 0"),
        ({"forced_bos_token_id": 5}, "forced_bos_token_id must be left out, since"),
        ({"forced_eos_token_id": 5}, "forced_eos_token_id must be 0, the eos_token_id"),
        ({"eos_token_id": [0, 5]}, r"eos_token_id must be 0, .* received \[0, 5\]"),
        ({"decoder_start_token_id": 5}, "must be 196, the decoder_start_token_id of"),
    ],
    ids=str,
)
def test_decoding_that_there_is_not(changes, message, tmp_path):
    folder = copy_of("opus", tmp_path)
    edit_json(folder / "generation_config.json", **changes)
    with pytest.raises(ValueError, match=message) as error:
        Translator.from_marian(folder)
    assert str(error.value).startswith(f"{folder / 'generation_config.json'}: ")


@pytest.mark.parametrize(
    "file", ["config.json", "vocab.json", "source.spm", "target.spm"]
)
def test_files_that_are_missing(file, tmp_path):
    folder = copy_of("opus", tmp_path)
    (folder / file).unlink()
    with pytest.raises(ValueError, match=f"lacks {file}"):
        Translator.from_marian(folder)


def test_a_folder_that_is_missing(tmp_path):
    with pytest.raises(ValueError, match="there is no folder.*hf://owner/name"):
        Translator.from_marian(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("model.encoder.layers.0.fc1.bias"), "lacks 1 of"),
        (lambda t: t.pop("model.shared.weight"), "lacks its embeddings"),
        (lambda t: t.update(extra=np.ones(3, "f")), "has a tensor 'extra'"),
        (
            lambda t: t.update(final_logits_bias=np.ones((1, 3), "f")),
            "final_logits_bias must have the shape",
        ),
        (
            lambda t: t.update({"lm_head.weight": t["model.shared.weight"] + 1}),
            "shares one table",
        ),
        (
            lambda t: t.update(
                {"model.encoder.embed_positions.weight": np.ones((64, 16), "f")}
            ),
            "no sine positions",
        ),
        (
            lambda t: t.update(
                {"model.encoder.embed_positions.weight": np.ones((64, 8), "f")}
            ),
            "no sine positions",
        ),
    ],
    ids=range(7),
)
def test_tensors(change, message, tmp_path):
    folder = copy_of("opus", tmp_path)
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(ValueError, match=message):
        Translator.from_marian(folder)


def test_output_weights_that_are_the_embeddings_are_no_harm(tmp_path):
    folder = copy_of("opus", tmp_path, eos_token_id=[0])
    tensors = load_file(folder / "model.safetensors")
    tensors["lm_head.weight"] = tensors["model.shared.weight"]
    tensors["model.decoder.embed_tokens.weight"] = tensors["model.shared.weight"]
    save_file(tensors, folder / "model.safetensors")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"unk_token": {"content": "<unk>", "lstrip": False}})
    )
    edit_json(folder / "generation_config.json", bad_words_ids=None)
    assert Translator.from_marian(folder).options.unknown == "allow"
