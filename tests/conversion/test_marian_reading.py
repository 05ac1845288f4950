"""A Marian model imported says what transformers have it say."""

import json

import numpy as np
import pytest

from keras_attention import Translator
from keras_attention.conversion.torch_file import open_torch
from tests.conversion.support import (
    CHECKPOINTS,
    NAMES,
    copy_of,
    edit_json,
    expected,
    expected_logits,
    imported,
    our_ids,
    padded,
)


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_theirs(name):
    texts, fed = expected(name)["texts"], expected(name)["fed"]
    model = imported(name).model
    sources = [our_ids(name, ids, "source") for ids in expected(name)["ids"]]
    # The start token has a row of its own.
    targets = [[2, *our_ids(name, row[1:], "target")] for row in fed]
    found = model(
        {"source_ids": padded(sources[: len(fed)]), "target_ids": np.array(targets)}
    )
    wanted = expected_logits(name)
    columns = np.array(our_ids(name, range(wanted.shape[-1]), "target"))
    said = columns > 1  # padding and the unknown word may be kept out
    found = np.asarray(found)[..., columns[said]]
    np.testing.assert_allclose(found, wanted[..., said], atol=1e-4)
    assert len(texts) > len(fed)


@pytest.mark.parametrize("name", NAMES)
def test_texts_are_cut_into_their_ids(name):
    found = imported(name).source_tokenizer.encode(expected(name)["texts"])
    wanted = [our_ids(name, ids[:-1], "source") for ids in expected(name)["ids"]]
    assert found == wanted


@pytest.mark.parametrize("name", NAMES)
def test_translations_are_theirs(name):
    found = imported(name).translate(expected(name)["texts"])
    assert [translation.text for translation in found] == expected(name)["beam"]
    scores = [translation.score for translation in found]
    np.testing.assert_allclose(scores, expected(name)["beam_scores"], atol=1e-4)


def test_greedy_translations_are_theirs():
    found = imported("opus").translate(expected("opus")["texts"], beam=1)
    assert [translation.text for translation in found] == expected("opus")["greedy"]


def test_what_comes_with_a_model():
    translator = imported("multi-target")
    assert (translator.source_language, translator.target_language) == ("en", "de")
    assert translator.max_source_length == 64
    options = translator.options
    assert (options.beam_rule, options.early_stopping) == ("pool", False)
    assert imported("gelu-unscaled").options.early_stopping is True
    assert (options.beam, options.length_penalty, options.max_length) == (4, 1.0, 23)
    assert options.unknown == "forbid"
    assert not translator.model.norm_first
    assert translator.model.activation == "silu"
    assert imported("gelu-unscaled").options.length_penalty == 0.6


def test_separate_vocabularies_have_tables_of_their_own():
    model = imported("tc-big").model
    assert not model.share_embeddings
    assert model.source_embedding is not model.target_embedding
    assert (model.num_layers, model.num_decoder_layers) == (2, 1)


def test_a_language_code_is_one_piece_of_a_source_and_nothing_in_a_target():
    translator = imported("multi-target")
    (ids,) = translator.source_tokenizer.encode([">>nld<< Press OK."])
    assert translator.source_tokenizer.ids_to_tokens(ids)[0] == "▁>>nld<<"
    assert translator.target_tokenizer.decode([[ids[0], 20]]) == (
        translator.target_tokenizer.decode([[20]])
    )


def test_a_code_needs_no_space():
    translator = imported("multi-target")
    texts = [">>deu<< Press “OK”.", ">>deu<<Press “OK”.", " >>nld<<\tOK", "<< >>"]
    apart, together, *_ = translator.translate(texts, return_attention=True)
    assert together.source == texts[1]
    assert together.source_tokens == apart.source_tokens
    assert (together.text, together.alignment) == (apart.text, apart.alignment)
    (forced,) = translator.force_decode(texts[1], "OK")
    assert forced.source_tokens == apart.source_tokens


def test_a_code_that_the_model_does_not_know():
    translator = imported("multi-target")
    texts = ["Press OK.", ">>xyz<< Press OK."]
    message = r"code of this model, >>deu<<, >>nld<<; received '>>xyz<<' in texts\[1\]"
    with pytest.raises(ValueError, match=message):
        translator.translate(texts)
    with pytest.raises(ValueError, match=message):
        translator.force_decode(texts, texts)
    # Of a model without codes, all of a text is text.
    assert imported("opus").translate(texts[1])[0].source_tokens[-1] == "</s>"


def test_a_bundle_says_the_same(tmp_path):
    name = "multi-target"
    imported(name).save(tmp_path / "bundle")
    loaded = Translator.load(tmp_path / "bundle")
    assert loaded.options == imported(name).options
    assert loaded.source_tokenizer == imported(name).source_tokenizer
    for ours, theirs in zip(
        loaded.model.weights, imported(name).model.weights, strict=True
    ):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))


def test_another_dtype(tmp_path):
    translator = Translator.from_marian(CHECKPOINTS / "opus", dtype="mixed_bfloat16")
    assert translator.model.compute_dtype == "bfloat16"


def test_pieces_that_the_model_lacks_are_read_as_unknown(tmp_path):
    folder = copy_of("opus", tmp_path)
    text = expected("opus")["texts"][6]
    (ids,) = imported("opus").source_tokenizer.encode([text])
    piece = imported("opus").source_tokenizer.ids_to_tokens(ids)[-1]
    edit_json(folder / "vocab.json", **{piece: None})
    translator = Translator.from_marian(folder)
    model, size = translator.model, imported("opus").model.source_vocabulary_size
    (ids,) = translator.source_tokenizer.encode([text])
    assert translator.source_tokenizer.ids_to_tokens(ids)[-1] == piece
    assert ids[-1] >= size
    table = np.asarray(model.source_embedding.embeddings)
    np.testing.assert_array_equal(table[ids[-1]], table[1])
    assert np.asarray(model.logit_bias)[ids[-1]] == -1000
    # Nor are they labels, which could not be learned.
    (labels,) = translator.target_tokenizer.encode([text])
    assert max(labels) < size


def test_a_character_that_the_source_alone_knows_is_no_label(tmp_path):
    folder = copy_of("opus", tmp_path)
    edit_json(folder / "vocab.json", 国=None)  # target.spm lacks it too
    translator = Translator.from_marian(folder)
    (ids,) = translator.source_tokenizer.encode(["国"])
    assert translator.source_tokenizer.ids_to_tokens(ids)[-1] == "国"
    (labels,) = translator.target_tokenizer.encode(["国"])
    assert labels[-1] == 1  # as the unknown word, for which transformers have it too


def test_names_of_rows_without_a_piece_are_no_pieces(tmp_path):
    folder = copy_of("opus", tmp_path)
    ids = json.loads((folder / "vocab.json").read_text("utf-8"))
    piece = next(piece for piece, row in ids.items() if row == 5)
    # Row 197 has no piece.
    edit_json(folder / "vocab.json", **{piece: None, "<197>": 5})
    tokenizer = Translator.from_marian(folder).source_tokenizer
    tokens = tokenizer.ids_to_tokens(range(tokenizer.vocabulary_size))
    assert tokens.count("<197>") == 1 and "<395>" in tokens


def test_both_forms_of_torch_files_are_read_alike():
    legacy = open_torch(CHECKPOINTS / "gelu-unscaled" / "pytorch_model.bin")
    zipped = open_torch(CHECKPOINTS / "tc-big" / "pytorch_model.bin")
    assert set(legacy.shapes) >= {"model.shared.weight", "lm_head.weight"}
    assert set(zipped.dtypes.values()) == {"float16"}
    assert legacy.read("model.shared.weight").dtype == "float32"
