"""Soft attention over the regions of an image."""

import math
from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Shape, Tensor
from keras_attention.layers.attention import check_ranks
from keras_attention.layers.bahdanau import BahdanauAttention
from keras_attention.layers.projection import project


@keras.saving.register_keras_serializable(package="keras_attention")
class SoftImageAttention(BahdanauAttention):
    """The soft attention of Show, Attend and Tell, with its gate β.

        e_i = vᵀ tanh(W h + U a_i)        α = softmax(e)
        context = β Σ_i α_i a_i           β = σ(f_β(h)), a scalar per step

    The gate lets the decoder turn from the image to its own language, for words
    such as "of". Shapes: `B` batch, `T` target steps, `L` regions, `H` and `W` the
    height and width of a feature map.

    Args:
        units: int. Width of the hidden layer in which state and region meet.
        gate: bool. Whether the context is multiplied by β.
        use_bias: bool. Adds a bias within tanh.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        query: float `(B, T, query_dim)`: the decoder's hidden states h, one step ago.
            Or `(B·K, T, query_dim)` for `K` adjacent hypotheses about one image.
        value: float `(B, L, value_dim)`, or a feature map `(B, H, W, value_dim)`,
            whose regions are taken row by row, `L` = `H`·`W`.
        key: float `(B, L, units)`, optional. `project_key(value)`, kept from an
            earlier step, so that decoding projects the image once.
        value_mask: bool `(B, L)`, optional. False at regions to leave out.
        return_attention_scores: bool.

    Returns:
        The context, `(B, T, value_dim)`, or with `return_attention_scores=True`
        `(context, attention_scores)`, the latter `(B, T, L)`; see `as_grid`.

    Raises:
        ValueError: a query without three axes, or a value without three or four.

    Example:

    >>> attention = SoftImageAttention(units=8)
    >>> context, attention_scores = attention(
    ...     np.ones((2, 3, 4)), np.ones((2, 7, 7, 6)), return_attention_scores=True
    ... )
    >>> tuple(context.shape), tuple(as_grid(attention_scores).shape)
    ((2, 3, 6), (2, 3, 7, 7))

    References:
        [Xu et al., 2015](https://arxiv.org/abs/1502.03044), sections 3.1.2 and 4.2.
    """

    def __init__(
        self, units: int, gate: bool = True, use_bias: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(units, use_bias=use_bias, **kwargs)
        self.gate = gate
        if gate:
            self.gate_dense = keras.layers.Dense(
                1, activation="sigmoid", dtype=self.dtype_policy, name="gate_dense"
            )

    def build(self, query_shape: Shape, value_shape: Shape) -> None:
        check_ranks(self, query_shape, value_shape, value_ranks=(3, 4))
        super().build(query_shape, (value_shape[0], None, value_shape[-1]))
        if self.gate:
            self.gate_dense.build(query_shape)

    def project_key(self, value: Tensor) -> Tensor:
        """U a of regions or of a feature map, always `(B, L, units)`."""
        return super().project_key(flatten_regions(value))

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        value_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        context, attention_scores = super().call(
            query,
            flatten_regions(value),
            key=key,
            value_mask=value_mask,
            return_attention_scores=True,
        )
        if self.gate:
            context = project(self.gate_dense, query) * context
        if return_attention_scores:
            return context, attention_scores
        return context

    def source_length(self, value_shape: Shape) -> int | None:
        """`L`, of the shape of regions or of a feature map; None if unknown."""
        regions = value_shape[1:-1]
        known = [length for length in regions if length is not None]
        return math.prod(known) if len(known) == len(regions) else None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gate": self.gate}


def flatten_regions(value):
    """Lays the rows of a feature map one after another, `(B, L, value_dim)`."""
    if len(value.shape) == 3:
        return value
    shape = ops.shape(value)
    return ops.reshape(value, (shape[0], shape[1] * shape[2], value.shape[-1]))


def as_grid(
    attention_scores: Tensor, height: int | None = None, width: int | None = None
) -> Tensor:
    """Lays attention scores over the image they came from.

    Args:
        attention_scores: float `(..., L)`.
        height: int, optional. Rows of the grid.
        width: int, optional. Columns. With neither, the grid is square; with one of
            them, the other follows from `L`.

    Returns:
        float `(..., height, width)`, by default `(..., N, N)` with `L` = `N`².

    Raises:
        ValueError: `L` regions do not fill such a grid.

    Example:

    >>> tuple(as_grid(np.ones((2, 49))).shape)
    (2, 7, 7)
    """
    length = attention_scores.shape[-1]
    if length is not None:
        if height is None and width is None:
            height = width = math.isqrt(length)
        height = length // width if height is None else height
        width = length // height if width is None else width
    if height is None or width is None or length not in (None, height * width):
        raise ValueError(
            f"attention_scores over L={length} regions do not fill a grid of "
            f"{height} by {width}. A grid is square unless height and width say "
            "otherwise, and then height · width must be L."
        )
    return ops.reshape(
        attention_scores, (*ops.shape(attention_scores)[:-1], height, width)
    )


def doubly_stochastic_penalty(
    attention_scores: Tensor,
    target_mask: Tensor | None = None,
    value_mask: Tensor | None = None,
) -> Tensor:
    """How unevenly a caption has attended to its image: Σ_i (1 − Σ_t α_ti)².

    To be multiplied by λ and added to the loss.

    Args:
        attention_scores: float `(B, T, L)`.
        target_mask: bool `(B, T)`, optional. False at padded words, which attend to
            nothing.
        value_mask: bool `(B, L)`, optional. False at regions that are not to be
            attended to, which do not count.

    Returns:
        float32 `(B,)`.

    Example:

    >>> at_one, at_both = np.array([[[1.0, 0], [1, 0]]]), np.array([[[1.0, 0], [0, 1]]])
    >>> [float(doubly_stochastic_penalty(scores)[0]) for scores in (at_one, at_both)]
    [2.0, 0.0]

    References:
        [Xu et al., 2015](https://arxiv.org/abs/1502.03044), section 4.2.1.
    """
    attention_scores = ops.cast(attention_scores, "float32")
    if target_mask is not None:
        target_mask = ops.cast(target_mask, "float32")
        attention_scores = attention_scores * target_mask[:, :, None]
    seen = ops.sum(attention_scores, axis=1)  # (B, L)
    uneven = ops.square(1.0 - seen)
    if value_mask is not None:
        uneven = uneven * ops.cast(value_mask, "float32")
    return ops.sum(uneven, axis=-1)
