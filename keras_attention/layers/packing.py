"""Packing: real tokens first, so that padding is on the right wherever it was."""

from typing import Any, NamedTuple

from keras import ops


class Packing(NamedTuple):
    """A permutation of each row's positions, and its inverse."""

    order: Any  # int (B, S): the position that comes at each place
    places: Any  # int (B, S): the place to which each position goes
    mask: Any  # bool (B, S): True at the places of real tokens


def pack(mask, reverse=False):
    """Says how to bring real tokens to the front, in their order or reversed.

    Fused recurrent kernels read right-padded rows only, and reversing a source must
    reverse its words, not its padding.

    Args:
        mask: bool `(B, S)`. True at real tokens, wherever they are.
        reverse: bool. Last word first (Sutskever et al., 2014, section 3.3).

    Returns:
        `Packing`.

    Example:

    >>> packing = pack(np.array([[False, True, True], [True, True, False]]), True)
    >>> np.asarray(packing.order).tolist()
    [[2, 1, 0], [1, 0, 2]]
    """
    mask = ops.cast(mask, "bool")
    length = ops.shape(mask)[1]
    positions = ops.arange(length, dtype="int32")[None]  # (1, S)
    rank = length - 1 - positions if reverse else positions
    # All numbers of a row differ, so that no sort need be stable.
    order = ops.argsort(ops.where(mask, rank, positions + length), axis=1)
    order = ops.cast(order, "int32")
    places = ops.cast(ops.argsort(order, axis=1), "int32")
    return Packing(order, places, take_positions(mask, order))


def take_positions(tensor, positions):
    """Each row's entries at the positions given.

    Args:
        tensor: `(B, S)` or `(B, S, dim)`.
        positions: int `(B, S)`.

    Returns:
        A tensor of the shape of `tensor`.
    """
    batch_size, length = ops.shape(positions)
    rows = ops.arange(batch_size, dtype="int32")[:, None] * length
    indices = ops.reshape(rows + positions, (-1,))
    shape = ops.shape(tensor)
    flat = ops.reshape(tensor, (-1, *tensor.shape[2:]))
    return ops.reshape(ops.take(flat, indices, axis=0), shape)
