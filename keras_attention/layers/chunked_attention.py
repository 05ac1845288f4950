"""Attention a few queries at a time, so that memory grows with the length alone.

The scores of all queries are never there at once: those of a chunk of them are, in the
forward pass, and again in the backward pass, which computes them anew. Softmax is over
whole rows, so that numbers and gradients are those of the plain form.

References:
    [Rabe and Staats, 2021](https://arxiv.org/abs/2112.05682), "Self-attention does not
    need O(n²) memory"; recomputation: [Dao et al., 2022](https://arxiv.org/abs/2205.14135),
    section 3.1.
"""

import keras
from keras import ops

# What is compared at once where more would not fit into `WHOLE`: 8 MiB in float32,
# which caches hold, and yet enough to keep the cores busy.
CHUNK = 2**21
# Up to here, 16 MiB in float32, everything is compared at once.
WHOLE = 2**22


def attend_in_chunks(attend, query, source, mask=None, *, width, least=1):
    """`attend(query, source, mask, 0)`, in chunks of queries if that is large.

    Where lengths are known only when it runs, as in a `tf.function`, that decides.

    Args:
        attend: function of `query`, `source`, `mask` and `start`, the place of the
            first query among all. Returns one tensor `(B, T, …)` of query's dtype. It
            is called anew in the backward pass: beside its arguments it may use weights
            and tensors without a gradient, and nothing random but of a given seed.
        query: float `(B, T, …)`.
        source: list of float tensors, which all queries share.
        mask: `(B or 1, T, …)`, optional. Has no gradient.
        width: int or scalar tensor. The largest number of elements that `attend` makes
            for each query, of all rows of the batch.
        least: int. The least number of queries in a chunk.

    Returns:
        What `attend` returns, `(B, T, …)`.
    """
    length = ops.shape(query)[1]
    whole = _at_most(width, length, WHOLE)
    if whole is True or (isinstance(length, int) and length <= least):
        return attend(query, source, mask, 0)
    chunk_length = _chunk_length(width, least)
    on_tensorflow = keras.backend.backend() == "tensorflow"
    run = _recomputed_by_tensorflow if on_tensorflow else _recomputed
    return run(attend, query, source, mask, whole, chunk_length)


def _at_most(width, length, limit):
    """Whether `width · length ≤ limit`: a bool if those are known, else a tensor."""
    if isinstance(width, int) and isinstance(length, int):
        return width * length <= limit
    width, length = ops.cast(width, "float32"), ops.cast(length, "float32")
    return width * length <= float(limit)  # int32 would overflow


def _chunk_length(width, least):
    if isinstance(width, int):
        return max(CHUNK // max(width, 1), least)
    return ops.maximum(CHUNK // ops.maximum(width, 1), least)


def split(tensor, chunk_length):
    """`(B, T, …)` → `(B, T / chunk_length, chunk_length, …)`, the last one padded."""
    shape = ops.shape(tensor)
    padding = -shape[1] % chunk_length
    if not isinstance(padding, int) or padding:
        others = [[0, 0]] * (len(shape) - 2)
        tensor = ops.pad(tensor, [[0, 0], [0, padding], *others])
    number = (shape[1] + padding) // chunk_length
    return ops.reshape(tensor, (shape[0], number, chunk_length, *shape[2:]))


def join(chunks, length):
    """`(T / chunk_length, B, chunk_length, …)` → `(B, T, …)`."""
    chunks = ops.moveaxis(chunks, 0, 1)
    shape = ops.shape(chunks)
    return ops.reshape(chunks, (shape[0], -1, *shape[3:]))[:, :length]


def _recomputed(attend, query, source, mask, whole, chunk_length):
    # `ops.map` has a gradient that reads one chunk after another, too. Gradients of
    # what the chunks share are sums over them, which half precision would round.
    dtypes = [x.dtype for x in source]
    source = [ops.cast(x, _at_least_float32(x)) for x in source]

    @keras.remat
    def attend_chunk(chunk, source):
        query, mask, start = chunk
        source = [ops.cast(x, dtype) for x, dtype in zip(source, dtypes, strict=True)]
        return attend(query, source, mask, start)

    def chunks_of(tensor):
        return None if tensor is None else ops.moveaxis(split(tensor, size), 1, 0)

    size, length = chunk_length, query.shape[1]
    starts = ops.arange(-(-length // size), dtype="int32") * size
    chunks = (chunks_of(query), chunks_of(mask), starts)
    chunks = ops.map(lambda chunk: attend_chunk(chunk, source), chunks)
    return join(chunks, length)


def _at_least_float32(tensor):
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def _recomputed_by_tensorflow(attend, query, source, mask, whole, chunk_length):
    """The same for TensorFlow, whose gradient of a loop keeps all that its steps made.

    Whether to go by chunks is asked within the forward and within the backward pass:
    XLA does not compile the gradient of a `tf.cond` with unknown lengths inside.
    """
    import tensorflow as tf

    length = tf.shape(query)[1]
    number = -(-length // chunk_length)

    def choose(at_once, by_chunks):
        return by_chunks() if whole is False else tf.cond(whole, at_once, by_chunks)

    def loop(body, *carry):
        return tf.while_loop(
            lambda i, *_: i < number,
            lambda i, *carry: (i + 1, *body(i, *carry)),
            (0, *carry),
            maximum_iterations=number,  # which XLA needs to know
            parallel_iterations=1,  # Others would take their memory at the same time.
        )[1:]

    def chunks_of(tensor):
        if tensor is None:
            return lambda i: None
        chunks = split(tensor, chunk_length)
        return lambda i: tf.gather(chunks, i, axis=1)

    @tf.custom_gradient
    def attended(query, *source):
        def by_chunks():
            queries, masks = chunks_of(query), chunks_of(mask)

            def body(i, results):
                result = attend(queries(i), source, masks(i), i * chunk_length)
                return (results.write(i, result),)

            (results,) = loop(body, tf.TensorArray(query.dtype, size=number))
            return join(results.stack(), length)

        def gradient(upstream, variables=()):
            watched = [*source, *variables]

            def derive(query, mask, start, upstream):
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch([query, *watched])
                    result = attend(query, source, mask, start)
                return tape.gradient(result, [query, *watched], upstream)

            def by_chunks():
                queries, masks = chunks_of(query), chunks_of(mask)
                upstreams = chunks_of(upstream)

                def body(i, ours, sums):
                    our, *parts = derive(
                        queries(i), masks(i), i * chunk_length, upstreams(i)
                    )
                    sums = [
                        total + tf.cast(part, total.dtype)
                        for total, part in zip(sums, parts, strict=True)
                    ]
                    return ours.write(i, our), sums

                ours = tf.TensorArray(query.dtype, size=number)
                sums = [tf.zeros(tf.shape(x), _at_least_float32(x)) for x in watched]
                ours, sums = loop(body, ours, sums)
                sums = [tf.cast(x, y.dtype) for x, y in zip(sums, watched, strict=True)]
                return [join(ours.stack(), length), *sums]

            def at_once():
                return derive(query, mask, 0, upstream)

            gradients = choose(at_once, by_chunks)
            ours, theirs = gradients[: len(source) + 1], gradients[len(source) + 1 :]
            return (ours, theirs) if variables else ours

        return choose(lambda: attend(query, source, mask, 0), by_chunks), gradient

    return attended(query, *source)
