"""What families inherit of the contract."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from keras_attention.models.encoder_decoder import EncoderDecoder


class State(NamedTuple):
    cells: Any  # a tuple of (N, …)
    attention_scores: Any  # (N, S)


def state():
    rows = np.arange(2, dtype="float32")[:, None]
    return State((rows, 10 * rows), 100 * np.ones((1, 3), "float32") * rows)


def test_states_are_repeated_row_by_row():
    repeated = EncoderDecoder().repeat_state(state(), 3)
    np.testing.assert_array_equal(repeated.cells[1][:, 0], [0, 0, 0, 10, 10, 10])
    assert tuple(repeated.attention_scores.shape) == (6, 3)


def test_states_are_gathered_leaf_by_leaf():
    gathered = EncoderDecoder().gather_state(state(), np.array([1, 1], "int32"))
    np.testing.assert_array_equal(gathered.cells[0][:, 0], [1, 1])
    np.testing.assert_array_equal(gathered.attention_scores, 100 * np.ones((2, 3)))


def test_a_family_must_say_how_it_encodes_and_steps():
    with pytest.raises(NotImplementedError):
        EncoderDecoder().encode({})
    with pytest.raises(NotImplementedError):
        EncoderDecoder().step(None, None, None)
