"""Masks, and the softmax that obeys them. True means: attend."""

import keras
from keras import ops

from keras_attention.annotations import Tensor

# Far below any score, yet finite: infinities would turn into NaN where a whole row
# is masked. Positions that carry it weigh exactly zero beside any attended one.
MASKED_SCORE = -1e30


def scoring(*tensors):
    """Tensors to be multiplied to scores: float16 as float32, others as they are.

    A product of two vectors passes 65,504, where float16 ends, when their entries are
    in the hundreds. bfloat16 has the range of float32.
    """
    return tuple(
        ops.cast(tensor, "float32")
        if keras.backend.standardize_dtype(tensor.dtype) == "float16"
        else tensor
        for tensor in tensors
    )


def masked_softmax(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax over the last axis, in which masked positions weigh exactly zero.

    A row without any attended position is all zeros, not NaN and not uniform. The sum
    of exponentials is taken in float32 at least, since float16 runs out at 65504 and
    bfloat16 loses terms of long sums.

    Args:
        scores: float `(..., S)`.
        mask: bool, optional, broadcastable to `scores`. True = attend.

    Returns:
        Attention scores, of the shape and dtype of `scores`.

    Example:

    >>> scores = ops.zeros((2, 2))
    >>> mask = np.array([[True, False], [False, False]])
    >>> np.asarray(masked_softmax(scores, mask)).tolist()
    [[1.0, 0.0], [0.0, 0.0]]
    """
    dtype = keras.backend.standardize_dtype(scores.dtype)
    scores = ops.cast(scores, "float64" if dtype == "float64" else "float32")
    if mask is None:
        return ops.cast(_softmax(scores), dtype)
    mask = ops.cast(mask, "bool")
    scores = ops.where(mask, scores, ops.full_like(scores, MASKED_SCORE))
    attention_scores = _softmax(scores)
    attention_scores = ops.where(mask, attention_scores, ops.zeros_like(scores))
    return ops.cast(attention_scores, dtype)


def _softmax(scores):
    # A source of one position is no mistake, of which Keras would warn.
    if scores.shape[-1] == 1:
        return ops.ones_like(scores)
    return ops.softmax(scores, axis=-1)


def combine_masks(*masks: Tensor | None) -> Tensor | None:
    """True where every mask is; None stands for "everywhere", and so may the result.

    Args:
        *masks: bool tensors, broadcastable to each other, or None.

    Returns:
        A bool tensor, or None when there is no mask at all.

    Example:

    >>> mask = combine_masks(np.array([True, False]), None, np.array([[True], [False]]))
    >>> np.asarray(mask).tolist()
    [[True, False], [False, False]]
    """
    combined = None
    for mask in masks:
        if mask is None:
            continue
        mask = ops.cast(mask, "bool")
        combined = mask if combined is None else ops.logical_and(combined, mask)
    return combined


def causal_mask(
    target_length: int | Tensor,
    source_length: int | Tensor | None = None,
    offset: int | Tensor = 0,
) -> Tensor:
    """Lets each target position see itself and what came before.

    Args:
        target_length: int, or a scalar int tensor where the backend allows one.
        source_length: likewise; as long as the target unless given.
        offset: int or scalar int tensor. How many positions precede the first
            target position, as when decoding goes on from a cache.

    Returns:
        Bool `(target_length, source_length)`: row `t` is True up to `t + offset`.

    Example:

    >>> np.asarray(causal_mask(2, 3, offset=1)).astype(int).tolist()
    [[1, 1, 0], [1, 1, 1]]

    References:
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), section 3.2.3.
    """
    source_length = target_length if source_length is None else source_length
    target = ops.arange(target_length, dtype="int32") + ops.cast(offset, "int32")
    source = ops.arange(source_length, dtype="int32")
    return ops.less_equal(source[None, :], target[:, None])  # (T, S)
