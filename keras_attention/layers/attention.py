"""Softmax attention, whatever the score."""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Shape, Tensor
from keras_attention.layers.chunked_attention import attend_in_chunks
from keras_attention.layers.masking import masked_softmax
from keras_attention.layers.quantization import KeepsQuantization


class Attention(KeepsQuantization, keras.layers.Layer):
    """Weighs the positions of `value` by how well each matches `query`.

        attention_scores = softmax(compare(query, project_key(value)))
        context = attention_scores · value

    Subclasses say what "well" means: `project_key` prepares the source once,
    `compare` scores it against each query. Shapes: `B` batch, `T` target steps,
    `S` source positions, `K` hypotheses of a beam.

    Args:
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        query: float `(B, T, query_dim)`, or `(B·K, T, query_dim)`: the queries of `K`
            adjacent rows attend to the same row of `value`, which is not copied.
        value: float `(B, S, value_dim)`.
        key: float `(B, S, key_dim)`, optional. `project_key(value)`, kept from an
            earlier step, so that decoding projects the source once.
        value_mask: bool `(B, S)`, optional. False at padding. Keras fills it in when
            `value` carries a mask.
        return_attention_scores: bool.

    Returns:
        The context, `(B, T, value_dim)`, or `(context, attention_scores)` with scores
        `(B, T, S)`; `B·K` instead of `B` if query has so many rows. A row without any
        attended position has zero scores and a zero context. The mask of `query`
        passes to the context.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, query_shape: Shape, value_shape: Shape) -> None:
        check_ranks(self, query_shape, value_shape)

    def project_key(self, value: Tensor) -> Tensor:
        """Computes what depends on `value` alone, `(B, S, key_dim)`."""
        return value

    def compare(self, query: Tensor, key: Tensor) -> Tensor:
        """Scores each key for each query, `(B, T, S)`, in float32 or as they are."""
        raise NotImplementedError

    def hidden_dim(self) -> int | None:
        """Width of what `compare` makes for each query and key; None if no more than 1.

        Where `(B, T, S, hidden_dim)` is large, `compare` is called with a few queries
        at a time, and again in the backward pass.
        """
        return None

    def _compare_in_chunks(self, query, value, key):
        queries, units = regroup(query, value), self.hidden_dim()
        if units is None or query.shape[1] == 1:  # a step of decoding
            return self.compare(queries, key)
        return attend_in_chunks(
            lambda query, source, mask, start: self.compare(query, *source),
            queries,
            [key],
            width=ops.shape(key)[0] * ops.shape(key)[1] * units,
        )

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        value_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        key = self.project_key(value) if key is None else key
        mask = None if value_mask is None else value_mask[:, None, :]
        scores = self._compare_in_chunks(query, value, key)
        attention_scores = masked_softmax(scores, mask)  # (B, K·T, S)
        attention_scores = ops.cast(attention_scores, self.compute_dtype)
        context = ops.matmul(attention_scores, value)  # (B, K·T, value_dim)
        steps = ops.shape(query)[1]
        context = regroup(context, query, steps)  # (B·K, T, value_dim)
        if return_attention_scores:
            return context, regroup(attention_scores, query, steps)
        return context

    def compute_output_shape(self, query_shape: Shape, value_shape: Shape) -> Shape:
        """The context's."""
        return (*query_shape[:2], value_shape[-1])

    def compute_output_spec(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        value_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        def spec(shape):
            return keras.KerasTensor(shape, dtype=self.compute_dtype)

        context = spec(self.compute_output_shape(query.shape, value.shape))
        if return_attention_scores:
            length = self.source_length(value.shape)
            return context, spec((*query.shape[:2], length))
        return context

    def source_length(self, value_shape: Shape) -> int | None:
        """The number of positions in a `value` of this shape, None if unknown."""
        return value_shape[1]


def regroup(tensor, like, steps=-1):
    """Gives `tensor` `(rows, steps, dim)` as many rows as `like` has.

    Hypotheses about one row of the source are adjacent, so that `(B·K, T, dim)` and
    `(B, K·T, dim)` are the same numbers in the same order.
    """
    if like.shape[0] is not None and like.shape[0] == tensor.shape[0]:
        return tensor
    return ops.reshape(tensor, (ops.shape(like)[0], steps, ops.shape(tensor)[-1]))


def check_ranks(layer, query_shape, value_shape, value_ranks=(3,)):
    """Raises ValueError for a forgotten time axis, which might else broadcast."""
    if len(query_shape) != 3 or len(value_shape) not in value_ranks:
        ranks = " or ".join(map(str, value_ranks))
        raise ValueError(
            f"{type(layer).__name__} expects query with 3 axes, (B, T, query_dim), and "
            f"value with {ranks}; received query {tuple(query_shape)} and value "
            f"{tuple(value_shape)}. For a single step, pass query[:, None, :]."
        )
