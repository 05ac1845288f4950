"""Requests' arrays put together into those of a batch, and taken apart again."""

import itertools

import numpy as np

from keras_attention.serving.wire.errors import Code, ServingError, invalid_argument


def num_rows(arrays):
    """The batch size that the inputs of one request agree on.

    Raises:
        ServingError: if there are no inputs, or they do not agree.
    """
    if not arrays:
        raise invalid_argument(
            "Batching session Run() must have at least one input tensor"
        )
    arrays = [np.asarray(array) for array in arrays]
    if any(array.ndim == 0 for array in arrays):
        raise invalid_argument(
            "Batching session Run() input tensors must have at least one dimension"
        )
    sizes = {len(array) for array in arrays}
    if len(sizes) > 1:
        raise invalid_argument(
            "Batching session Run() input tensors must have equal 0th-dimension size"
        )
    return sizes.pop()


def kind(arrays, pad):
    """What the requests that can share a run have in common.

    Args:
        arrays: list of arrays, of one request.
        pad: bool. Whether other axes than the first may differ in size.
    """
    return tuple([(a.dtype, a.ndim if pad else a.shape[1:]) for a in arrays])


def merge(requests, num_extra_rows=0):
    """Puts requests one below the other.

    Axes that differ are made as long as the longest, with what says nothing: empty
    strings, zeros, False. (TensorFlow Serving takes a copy of a request's first value,
    which a model of text would read as words.)

    Args:
        requests: list of lists of arrays, of one `kind`.
        num_extra_rows: int. Copies of a valid row to add, so that the batch has a size
            that is allowed.

    Returns:
        List of arrays.
    """
    if len(requests) == 1 and not num_extra_rows:
        return requests[0]
    merged = []
    for arrays in zip(*requests, strict=True):
        shape = np.max([array.shape[1:] for array in arrays], axis=0).astype(int)
        padded = [_padded(array, tuple(shape)) for array in arrays]
        padded += [padded[-1][:1]] * num_extra_rows
        merged.append(np.concatenate(padded))
    return merged


def _padded(array, shape):
    if array.shape[1:] == shape:
        return array
    fill = b"" if array.dtype == object else 0
    padded = np.full((len(array), *shape), fill, array.dtype)
    padded[tuple(map(slice, array.shape))] = array
    return padded


def split(arrays, sizes):
    """Takes the outputs of a batch apart.

    Args:
        arrays: list of arrays.
        sizes: list of int, the rows of each request, then the extra ones.

    Returns:
        List of lists of arrays, one list for each size.

    Raises:
        ServingError: if an output has no batch axis of that size.
    """
    rows = sum(sizes)
    for array in arrays:
        if array.ndim == 0:
            raise ServingError(
                Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions"
            )
        if len(array) != rows:
            raise ServingError(
                Code.FAILED_PRECONDITION,
                "Batched output tensor's 0th dimension does not equal the sum of the "
                "0th dimension sizes of the input tensors",
            )
    if len(sizes) == 1:
        return [arrays]
    ends = itertools.accumulate(sizes)
    return [
        [array[end - size : end] for array in arrays]
        for size, end in zip(sizes, ends, strict=True)
    ]
