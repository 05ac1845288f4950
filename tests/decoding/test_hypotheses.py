"""Hypotheses are read back along their parents."""

import numpy as np
from keras import ops

from keras_attention.decoding.hypotheses import StepHistory, pick


def test_pick_takes_slots_of_each_row():
    values = np.arange(24).reshape(2, 3, 4)
    slots = np.array([[2, 0], [1, 1]], "int32")
    expected = np.stack([values[0, [2, 0]], values[1, [1, 1]]])
    np.testing.assert_array_equal(pick(values, slots), expected)
    np.testing.assert_array_equal(pick(values[..., 0], slots), expected[..., 0])


def test_history_is_read_along_its_parents():
    """One source, two slots, three of four steps taken."""
    looks = np.random.default_rng(0).random((3, 2, 5)).astype("float32")
    history = StepHistory.empty(4, 1, 2, ops.zeros((2, 5)))
    tokens = np.array([[10, 20], [11, 12], [13, 14]], "int32")
    parents = np.array([[0, 1], [0, 0], [1, 0]], "int32")  # both descend from 10
    for step in range(3):
        history = history.write(
            ops.convert_to_tensor(step),
            tokens[step][None],
            parents[step][None],
            looks[step],
        )
    slots = np.array([[1, 0]], "int32")
    token_ids, scores = history.read(slots, ops.convert_to_tensor(3))
    np.testing.assert_array_equal(token_ids, [[[10, 11, 14, 0], [10, 12, 13, 0]]])
    path = [(0, 0), (1, 0), (2, 1)], [(0, 0), (1, 1), (2, 0)]
    for slot in range(2):
        expected = np.stack([looks[step] for step in path[slot]])
        np.testing.assert_allclose(scores[0, slot, :3], expected)
        assert not np.any(scores[0, slot, 3])
