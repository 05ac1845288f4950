"""Files of generation become options that decode as transformers do."""

import pytest

from keras_attention.conversion.marian_config import read_config
from keras_attention.conversion.marian_decoding import generation_table, options_of
from tests.conversion.support import copy_of, edit_json

# What transformers write where nothing else is said, or do nothing with.
NEUTRAL = {
    "do_sample": False,
    "temperature": 0.7,
    "top_k": 50,
    "top_p": 0.9,
    "typical_p": 1.0,
    "repetition_penalty": 1.0,
    "encoder_repetition_penalty": 1.0,
    "encoder_no_repeat_ngram_size": 0,
    "num_beam_groups": 1,
    "diversity_penalty": 0.0,
    "suppress_tokens": [],
    "eos_token_id": [0],
    "forced_eos_token_id": [0],
}


def options(folder):
    config = read_config(folder)
    return options_of(generation_table(folder, config), config, unknown_id=1)


def changed(tmp_path, **changes):
    folder = copy_of("opus", tmp_path)
    edit_json(folder / "generation_config.json", **changes)
    return options(folder)


@pytest.mark.parametrize(
    ("changes", "max_length", "min_length"),
    [
        ({}, 23, 1),
        ({"max_new_tokens": 7}, 7, 1),  # whatever max_length says
        ({"max_new_tokens": 7, "max_length": None}, 7, 1),
        ({"max_length": None}, 20, 1),
        ({"min_length": 5}, 23, 5),
        ({"min_length": 5, "min_new_tokens": 3}, 23, 4),
    ],
    ids=str,
)
def test_lengths(changes, max_length, min_length, tmp_path):
    found = changed(tmp_path, **changes)
    assert (found.max_length, found.min_length) == (max_length, min_length)


def test_what_changes_nothing_is_read_over(tmp_path):
    assert changed(tmp_path, **NEUTRAL) == options(copy_of("opus", tmp_path / "as-is"))


def test_a_folder_without_generation_config(tmp_path):
    said = {"num_beams": 3, "length_penalty": 0.5, "max_length": 15}
    folder = copy_of("opus", tmp_path, **said, bad_words_ids=[[196], [1]])
    (folder / "generation_config.json").unlink()
    found = options(folder)
    assert (found.beam, found.length_penalty, found.max_length) == (3, 0.5, 14)
    assert (found.unknown, found.force_end) == ("forbid", True)
    # As transformers' MarianConfig, which forces the end.
    edit_json(folder / "config.json", forced_eos_token_id=None, bad_words_ids=None)
    found = options(folder)
    assert (found.unknown, found.force_end) == ("allow", True)
    edit_json(folder / "config.json", repetition_penalty=2.0)
    with pytest.raises(ValueError, match=r"config\.json: repetition_penalty must be"):
        options(folder)
