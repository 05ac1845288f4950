"""A random order of batches, whose neighbours always differ in shape."""

import numpy as np


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
