"""Packing puts real tokens first, in order or reversed, and knows the way back."""

import numpy as np
import pytest

from keras_attention.layers.packing import pack, take_positions
from tests.support import compiled, to_numpy

# Every mask of five positions, the empty one included.
MASKS = (np.arange(32)[:, None] >> np.arange(5) & 1).astype(bool)
IDS = np.where(MASKS, np.random.default_rng(0).integers(4, 99, MASKS.shape), 0)


@pytest.mark.parametrize("reverse", [False, True])
def test_real_tokens_come_first_wherever_they_were(reverse):
    packing = pack(MASKS, reverse)
    packed = to_numpy(take_positions(IDS, packing.order))
    for ids, row, mask in zip(IDS, packed, to_numpy(packing.mask), strict=True):
        words = ids[ids > 0][:: -1 if reverse else 1]
        np.testing.assert_array_equal(row, np.pad(words, (0, 5 - len(words))))
        np.testing.assert_array_equal(mask, np.arange(5) < len(words))


@pytest.mark.parametrize("reverse", [False, True])
def test_places_lead_back(reverse):
    packing = pack(MASKS, reverse)
    features = np.random.default_rng(1).normal(size=(32, 5, 3)).astype("float32")
    there = take_positions(features, packing.order)
    np.testing.assert_array_equal(take_positions(there, packing.places), features)


def test_nothing_moves_where_padding_is_on_the_right():
    mask = np.arange(5) < np.arange(6)[:, None]
    packing = pack(mask)
    stay = np.broadcast_to(np.arange(5), (6, 5))
    np.testing.assert_array_equal(packing.order, stay)
    np.testing.assert_array_equal(packing.places, stay)


def test_compiled_it_is_the_same():
    expected = pack(MASKS, True)
    for one, other in zip(
        compiled(lambda mask: tuple(pack(mask, True)))(MASKS), expected, strict=True
    ):
        np.testing.assert_array_equal(one, other)
