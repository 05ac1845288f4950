"""Bytes become the characters that they spell, and attention goes along."""

import numpy as np
import pytest

from keras_attention.byte_fallback import characters, mean_rows, sum_columns


def spelt(text):
    return [f"<0x{byte:02X}>" for byte in text.encode()]


@pytest.mark.parametrize("text", ["\0", "é", "界", "\U0001f600", "é界\U0001f600é\x7f"])
def test_whole_characters_are_put_together(text):
    tokens, starts = characters(["▁", *spelt(text), "x", "</s>"])
    assert tokens == ["▁", *text, "x", "</s>"]
    assert starts[0] == 0
    assert np.diff(starts).tolist() == [1, *(len(c.encode()) for c in text), 1]


@pytest.mark.parametrize(
    ("subwords", "tokens"),
    [
        ([], []),
        (["<0xE7>"], ["<0xE7>"]),
        (["<0xE7>", "<0x95>", "</s>"], ["<0xE7>", "<0x95>", "</s>"]),
        (["<0x8C>", *spelt("界")], ["<0x8C>", "界"]),
        (["<0xE7>", *spelt("界")], ["<0xE7>", "界"]),
        (["<0xE7>", "a", "<0x95>", "<0x8C>"], ["<0xE7>", "a", "<0x95>", "<0x8C>"]),
        (["<0xC0>", "<0x80>"], ["<0xC0>", "<0x80>"]),  # a long way to write NUL
        (["<0xED>", "<0xA0>", "<0x80>"], ["<0xED>", "<0xA0>", "<0x80>"]),  # surrogate
        (["<0xF5>", "<0x80>", "<0xFF>"], ["<0xF5>", "<0x80>", "<0xFF>"]),
        (["<0xe7>", "<0x7>", "x<0x41>"], ["<0xe7>", "<0x7>", "x<0x41>"]),
    ],
)
def test_what_is_no_whole_character_stays(subwords, tokens):
    assert characters(subwords)[0] == tokens


def test_attention_to_bytes_is_added_and_attention_from_them_averaged():
    attention = np.random.default_rng(0).dirichlet(np.ones(5), 4).astype("float32")
    tokens, starts = characters(["a", *spelt("界"), "b"])
    _, rows = characters([*spelt("é"), "c", "</s>"])
    assert (tokens, starts, rows) == (["a", "界", "b"], [0, 1, 4], [0, 2, 3])
    merged = mean_rows(sum_columns(attention, starts), rows)
    assert merged.dtype == "float32"
    columns = np.stack(
        [attention[:, 0], attention[:, 1:4].sum(axis=1), attention[:, 4]], axis=1
    )
    expected = np.stack([columns[:2].mean(axis=0), columns[2], columns[3]])
    np.testing.assert_allclose(merged, expected, rtol=1e-6)
    np.testing.assert_allclose(merged.sum(axis=1), 1, rtol=1e-6)


def test_grids_are_averaged():
    grids = np.arange(24.0).reshape(3, 2, 4)
    expected = np.stack([grids[:2].mean(axis=0), grids[2]])
    np.testing.assert_allclose(mean_rows(grids, [0, 2]), expected)
