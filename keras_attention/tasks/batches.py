"""Batches of few shapes, which compiled programs can share."""

import numpy as np

from keras_attention.special_tokens import PAD_ID


def num_rows(batch):
    """The next power of two."""
    return 1 << (len(batch) - 1).bit_length()


def in_batches(groups, batch_size):
    """Gives up to `batch_size` of one group at a time."""
    for group in groups:
        for start in range(0, len(group), batch_size):
            yield group[start : start + batch_size]


def pad_rows(array, rows):
    """Fills an array up to so many rows with zeros, `(rows, …)`."""
    missing = rows - len(array)
    return np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1))


def pad_to_bucket(batch, rows):
    """Pads lists of ids to one of few shapes.

    Lengths go up in steps of an eighth of their power of two, rows are filled with
    empty ones, which every model passes through.

    Returns:
        int32 `(rows, S)`.
    """
    length = max(map(len, batch))
    step = max(8, (1 << (length - 1).bit_length()) // 8) if length > 1 else 8
    padded = np.full((rows, -(-length // step) * step), PAD_ID, "int32")
    for row, ids in enumerate(batch):
        padded[row, : len(ids)] = ids
    return padded
