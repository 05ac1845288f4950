"""Which few shapes to pad sentence pairs to, and in which order to visit them."""

from typing import NamedTuple

import numpy as np


class BatchShape(NamedTuple):
    """Rows, source positions and target positions of a batch."""

    batch_size: int
    source_length: int
    target_length: int


def choose_lengths(source_lengths, target_lengths, max_shapes):
    """Picks the `(S, T)` that waste the least padding, by dynamic programming.

    Pairs are ordered by the longer side, targets being scaled to the length of
    sources, cut into at most `max_shapes` runs, and each run padded to its longest.

    Args:
        source_lengths: int `(N,)`, END counted.
        target_lengths: int `(N,)`, START or END counted.
        max_shapes: int.

    Returns:
        `(lengths, bucket)`: a list of `(S, T)`, both strictly increasing, and the
        number of its run for each pair, int16 `(N,)`.
    """
    scale = source_lengths.sum() / target_lengths.sum()
    key = np.ceil(np.maximum(source_lengths, target_lengths * scale)).astype("int32")
    edges = _cut(np.bincount(key), max_shapes)
    bucket = np.searchsorted(edges, key).astype("int16")

    lengths = []
    longest: tuple[int, ...] = (0, 0)
    for number in range(len(edges)):
        members = bucket == number
        longest = tuple(
            max(int(side[members].max()), previous + 1)
            for side, previous in zip(
                (source_lengths, target_lengths), longest, strict=True
            )
        )
        lengths.append(longest)
    return lengths, bucket


def checked_lengths(bucket_lengths):
    """Sorted `(S, T)` from a list of such, or of int for both sides."""
    lengths = sorted(
        (pair, pair) if np.ndim(pair) == 0 else tuple(pair) for pair in bucket_lengths
    )
    for side in zip(*lengths, strict=True):
        if any(a >= b for a, b in zip(side, side[1:], strict=False)):
            raise ValueError(
                "bucket_lengths must grow on both sides from one to the next; "
                f"received {lengths}: Keras on TensorFlow takes a length that two "
                "batches share for fixed"
            )
    return lengths


def assign(source_lengths, target_lengths, lengths):
    """The first of `lengths` that each pair fits, int16 `(N,)`.

    Raises:
        ValueError: some pair fits none.
    """
    bucket = np.full(len(source_lengths), len(lengths), "int16")
    for number, (source_length, target_length) in reversed(list(enumerate(lengths))):
        fits = (source_lengths <= source_length) & (target_lengths <= target_length)
        bucket[fits] = number
    num_lost = np.count_nonzero(bucket == len(lengths))
    if num_lost:
        raise ValueError(
            f"bucket_lengths must hold the longest pair; received {lengths}, too short "
            f"for {num_lost:,} pairs of up to ({source_lengths.max()}, "
            f"{target_lengths.max()}), START and END counted: add a longer bucket, or "
            "prepare the corpus with smaller max lengths"
        )
    return bucket


def group(lengths, bucket, tokens_per_batch):
    """The shape of each bucket and the pairs in it; empty buckets are left out.

    Returns:
        A list of `(BatchShape, rows)`, `rows` int32.
    """
    groups = []
    for number, pair in enumerate(lengths):
        rows = np.flatnonzero(bucket == number).astype("int32")
        if len(rows):
            size = _batch_size(len(rows), max(pair), tokens_per_batch)
            groups.append((BatchShape(size, *pair), rows))
    return groups


def num_batches(groups):
    """int `(len(groups),)`."""
    return np.array([-(-len(rows) // shape.batch_size) for shape, rows in groups])


def dominant(groups):
    """The group with over half of the batches of several groups, or None.

    `mixed_order` could not keep its batches apart.
    """
    counts = num_batches(groups)
    largest = int(np.argmax(counts))
    if len(groups) == 1 or counts[largest] <= counts.sum() // 2:
        return None
    return largest


def split_dominant(groups, tokens_per_batch):
    """Gives half of a dominant group's batches a shape longer by one or little more."""
    number = dominant(groups)
    if number is None:
        return groups
    shape, rows = groups[number]
    longer = [
        min(set(range(shape[side] + 1, shape[side] + len(groups) + 2)) - taken)
        for side, taken in ((k, {other[k] for other, _ in groups}) for k in (1, 2))
    ]
    size = _batch_size(len(rows), max(longer), tokens_per_batch)
    half = -(-len(rows) // size) // 2 * size
    halves = [
        (shape._replace(batch_size=size), rows[:half]),
        (BatchShape(size, *longer), rows[half:]),
    ]
    others = [*groups[:number], *groups[number + 1 :]]
    return sorted([*others, *halves], key=lambda pair: pair[0][1:])


def mixed_order(bucket, rng):
    """A random order in which neighbours lie in different buckets.

    `fit` on TensorFlow takes the first two batches it sees for the rule: a dimension
    in which they agree must never change afterwards. So no two batches in a row may
    agree, wherever training starts or resumes. All orders begin with bucket 0 and
    end with another, so that this holds from one to the next too.

    Args:
        bucket: int `(N,)`. The bucket of each batch; none holds more than half of
            them, unless there is only one.
        rng: NumPy generator.

    Returns:
        int `(N,)`, a permutation.
    """
    order = rng.permutation(len(bucket))
    if bucket.min() == bucket.max():
        return order
    for _ in range(50):
        clashes = _clashes(bucket[order])
        if not len(clashes):
            break
        _swap_away(bucket, order, clashes, rng)
    else:
        order = _every_second_place(bucket, order)
    # In a ring without clashes, what precedes a batch of bucket 0 is of another.
    return np.roll(order, -rng.choice(np.flatnonzero(bucket[order] == 0)))


def _batch_size(count, length, tokens_per_batch):
    """Rows of a batch, such that the last batch of a bucket is nearly full too."""
    most = max(1, tokens_per_batch // length)
    if count <= most:
        return count
    multiple = 8 if most >= 8 else 1  # Matrix units like multiples of 8.
    most -= most % multiple
    even = -(-count // -(-count // most))  # Rows when batches are equally full.
    return min(most, -(-even // multiple) * multiple)


def _cut(counts, max_runs):
    """Cuts 0..n-1 into runs; a run costs its count times its last number.

    Returns the last number of each run, in order.
    """
    values = np.flatnonzero(counts)
    total = np.concatenate([[0], np.cumsum(counts[values])])
    num_values = len(values)
    max_runs = min(max_runs, num_values)
    cost = np.full((max_runs + 1, num_values + 1), np.inf)
    cost[0, 0] = 0
    start = np.zeros((max_runs + 1, num_values + 1), int)
    for runs in range(1, max_runs + 1):
        for end in range(runs, num_values + 1):
            starts = np.arange(end)
            costs = cost[runs - 1, :end] + (total[end] - total[starts]) * int(
                values[end - 1]
            )
            start[runs, end] = np.argmin(costs)
            cost[runs, end] = costs[start[runs, end]]
    edges = []
    end = num_values
    for runs in range(max_runs, 0, -1):
        edges.append(values[end - 1])
        end = start[runs, end]
    return np.array(edges[::-1])


def _every_second_place(bucket, order):
    """Fills places 0, 2, 4, … and then 1, 3, 5, …, bucket by bucket, largest first."""
    counts = np.bincount(bucket)
    order = order[np.lexsort((bucket[order], -counts[bucket[order]]))]
    half = -(-len(order) // 2)
    result = np.empty_like(order)
    result[::2], result[1::2] = order[:half], order[half:]
    return result


def _clashes(bucket):
    """Places whose bucket is that of the place before, the last before the first."""
    return np.flatnonzero(bucket == np.roll(bucket, 1))


def _swap_away(bucket, order, clashes, rng):
    size = len(order)
    for place, other in zip(
        clashes, rng.integers(size, size=len(clashes)), strict=True
    ):
        mine, yours = bucket[order[place]], bucket[order[other]]
        beside = {int(bucket[order[(place + d) % size]]) for d in (-1, 1)}
        beside_other = {int(bucket[order[(other + d) % size]]) for d in (-1, 1)}
        if mine not in beside_other and yours not in beside:
            order[[place, other]] = order[[other, place]]
