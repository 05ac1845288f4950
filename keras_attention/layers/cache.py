"""Writing into the caches of decoding without copying them."""

import keras
from keras import ops


def write_rows(cache, places, rows):
    """Puts each of `rows` at its place in `cache`, which must hold zeros there.

    On TensorFlow, `ops.scatter_update` copies the whole cache at each step (2 ms for
    33 MB here), `ops.slice_update` is an XLA op, compiled for every new shape, and
    `ops.where` is slower than either. This op adds in place if nobody else needs the
    old cache, and copies if somebody does. Other backends know by themselves.

    Args:
        cache: a tensor of at least `k` axes.
        places: int `(M, k)`, where along the first `k` axes; each place once.
        rows: `(M, …)`.

    Returns:
        The new cache.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.raw_ops.ScatterNdNonAliasingAdd(
            input=cache, indices=places, updates=rows
        )
    return ops.scatter_update(cache, places, rows)
