"""The best tokens of a vocabulary, found by way of the best blocks of it.

TensorFlow and XLA look at a row value by value for its largest, at some two
nanoseconds each on a CPU; for a maximum they compare many at once. So blocks are
judged by their maxima, and only those are looked at that can hold what is sought.
"""

from keras import ops

from keras_attention.decoding.hypotheses import pick

# Values in a block.
BLOCK = 32


def top_k(values, k):
    """The `k` largest of each row of `(N, V)`, in falling order, and their indices.

    Of equal ones the first comes first, as with `keras.ops.top_k`.

    Args:
        values: float `(N, V)`, `V` known, no NaN.
        k: int, at most `V`.

    Returns:
        `(values, indices)`, both `(N, k)`, indices int32.
    """
    if values.shape[1] <= 2 * k * BLOCK:
        found, indices = ops.top_k(values, k)
        return found, ops.cast(indices, "int32")
    blocks = _blocks(values)
    # A value among the k largest is in a block whose maximum is among the k largest:
    # in each block that is better another value comes before it.
    _, best = ops.top_k(ops.max(blocks, axis=-1), k)
    # In the order of the vocabulary, for the sake of equal ones.
    best = ops.sort(ops.cast(best, "int32"), axis=-1)
    found, indices = ops.top_k(ops.reshape(pick(blocks, best), (-1, k * BLOCK)), k)
    indices = ops.cast(indices, "int32")
    return found, pick(best, indices // BLOCK) * BLOCK + indices % BLOCK


def argmax(values):
    """The index `(N,)`, int32, of the largest of each row of `(N, V)`, `V` known.

    The first, of equal ones.
    """
    if values.shape[1] <= 2 * BLOCK:
        return ops.cast(ops.argmax(values, axis=-1), "int32")
    blocks = _blocks(values)
    best = ops.cast(ops.argmax(ops.max(blocks, axis=-1), axis=-1), "int32")
    inside = ops.argmax(pick(blocks, best[:, None])[:, 0], axis=-1)
    return best * BLOCK + ops.cast(inside, "int32")


def _blocks(values):
    """`(N, V)` as `(N, V / BLOCK, BLOCK)`, filled up with minus infinity."""
    size = values.shape[1]
    missing = -size % BLOCK
    if missing:
        values = ops.pad(values, ((0, 0), (0, missing)), constant_values=float("-inf"))
    return ops.reshape(values, (-1, (size + missing) // BLOCK, BLOCK))
