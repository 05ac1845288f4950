"""Multi-head attention: within a sequence, and from one sequence to another."""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Shape, Tensor
from keras_attention.layers.cache import write_step
from keras_attention.layers.heads import (
    MultiHeadAttention,
    by_beam,
    by_head,
    make_masks,
    mask_for_heads,
)
from keras_attention.layers.masking import (
    combine_masks,
    masked_softmax,
    scoring,
)


@keras.saving.register_keras_serializable(package="keras_attention")
class MultiHeadSelfAttention(MultiHeadAttention):
    """Each position of a sequence attends to the others (or at the earlier ones).

    Shapes: `B` batch, `T` positions, `H` heads.

    Args:
        num_heads: int. Number of heads, `H`.
        key_dim: int. Width of each head's queries and keys.
        value_dim: int. Width of each head's values; `key_dim` where None.
        output_dim: int. Width of the result; the input's where None.
        scale: float. Multiplies the scores; `1 / √key_dim` where None.
        dropout: float. Share of attention weights dropped in training.
        use_bias: bool. Whether the four projections have a bias.
        kernel_initializer: for the four projections.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        value: float `(B, T, dim)`.
        value_mask: bool `(B, T)`. False at padding, which nothing attends to.
        mask: the same, filled in by Keras where `value` carries a mask.
        attention_mask: bool `(B, T, T)` or `(T, T)`. True where row may see column.
        use_causal_mask: bool. Hide from each position those after it.
        return_attention_scores: bool. Without the scores, memory grows with the
            length alone, in training and with dropout too: beyond 16 MiB of scores,
            queries are taken in chunks, and computed anew in the backward pass.
            TensorFlow has no kernel that does better, nor has JAX on CPUs or in
            float32. JAX on GPUs runs cuDNN's in half precision where there is no
            mask but the causal one, outside of dropout.

    Returns:
        context `(B, T, output_dim)`, or `(context, attention_scores)` with scores
        `(B, H, T, T)`. A position that may attend to nothing gets zeros from all
        heads, and so the output projection's bias.

    Raises:
        ValueError: `num_heads` or `key_dim` is less than 1.

    Example:

    >>> attention = MultiHeadSelfAttention(num_heads=2, key_dim=4)
    >>> _, scores = attention(np.ones((3, 5, 8)), return_attention_scores=True)
    >>> tuple(scores.shape)
    (3, 2, 5, 5)

    References:
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), sections 3.2.1
        (division by √d_k) and 3.2.2; chunks:
        [Rabe and Staats, 2021](https://arxiv.org/abs/2112.05682).
    """

    def build(self, value_shape: Shape) -> None:
        self._build_projections(value_shape, value_shape, value_shape)

    def call(
        self,
        value: Tensor,
        value_mask: Tensor | None = None,
        mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        use_causal_mask: bool = False,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        masks = make_masks(
            combine_masks(value_mask, mask), attention_mask, use_causal_mask
        )
        query = self._split(self.query_dense(value))
        key = self._split(self.key_dense(value))
        projected = self._split(self.value_dense(value))
        heads, scores = self._attend(
            query, key, projected, masks, return_attention_scores, training
        )
        return self._result(value, heads, scores, return_attention_scores)

    def make_cache(
        self, batch_size: int, num_steps: int, beams: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Room for the keys and values of `num_steps` steps.

        Returns:
            `(keys, values)`, both zeros `(B · H, num_steps, beams, dim)`: matrix
            products read it as it lies, the beams of a row share it, and a step writes
            its part of it in place.
        """
        shape = (batch_size * self.num_heads, num_steps, beams)
        value_dim = self.value_dim or self.key_dim
        return (
            ops.zeros((*shape, self.key_dim), dtype=self.compute_dtype),
            ops.zeros((*shape, value_dim), dtype=self.compute_dtype),
        )

    def step(
        self,
        value: Tensor,
        cache: tuple[Tensor, Tensor],
        index: int | Tensor,
        visible: Tensor | None = None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Feeds one position, as `call` with a causal mask would have seen it.

        Args:
            value: float `(N, dim)`. The position's features; the `beams` of a row are
                adjacent.
            cache: what `make_cache` or the step before returned.
            index: int scalar tensor. Steps fed before this one.
            visible: bool `(B, beams, num_steps · beams)`. Which entries of its row's
                cache each beam descends from, itself included; with one beam, by
                default all up to `index`. So that beams are reordered by a mask,
                and no cache is ever copied.

        Returns:
            `(context, cache)`, context `(N, output_dim)`.
        """
        beams = cache[0].shape[2]
        if visible is None:
            visible = (ops.arange(ops.shape(cache[0])[1]) <= index)[None, None]
        entries, value_dim = ops.shape(visible)[-1], cache[1].shape[-1]
        query = by_head(self.query_dense(value), self.num_heads, beams)
        key = by_head(self.key_dense(value), self.num_heads, beams)
        projected = by_head(self.value_dense(value), self.num_heads, beams)

        # Nothing else may read the cache before: it would be copied, not written to.
        keys = write_step(cache[0], index, key, axis=1)
        values = write_step(cache[1], index, projected, axis=1)

        flat_keys = ops.reshape(keys, (-1, entries, self.key_dim))
        flat_values = ops.reshape(values, (-1, entries, value_dim))
        query, flat_keys = scoring(query, flat_keys)
        query = query * self._scale()
        scores = ops.matmul(query, ops.swapaxes(flat_keys, 1, 2))
        scores = ops.reshape(scores, (-1, self.num_heads, beams, entries))
        weights = masked_softmax(scores, visible[:, None])
        weights = ops.cast(weights, flat_values.dtype)
        weights = ops.reshape(weights, (-1, beams, entries))
        heads = by_beam(ops.matmul(weights, flat_values), self.num_heads)
        return self.output_dense(heads), (keys, values)

    def compute_output_shape(self, value_shape: Shape) -> Shape:
        """The context's."""
        return self._output_shape(value_shape)

    def compute_output_spec(
        self,
        value: Tensor,
        *args: Any,
        return_attention_scores: bool = False,
        **kwargs: Any,
    ) -> Any:
        return self._output_spec(value, value.shape[1], return_attention_scores)


@keras.saving.register_keras_serializable(package="keras_attention")
class MultiHeadCrossAttention(MultiHeadAttention):
    """Each position of one sequence attends to all positions of another.

    Shapes: `B` batch, `T` target steps, `S` source positions, `H` heads.

    Args: as for `MultiHeadSelfAttention`; `output_dim` is the query's width where None.

    Call arguments:
        query: float `(B, T, query_dim)`.
        value: float `(B, S, value_dim)`.
        key: float `(B, S, any)`; `value` where None.
        value_mask: bool `(B, S)`. False at padding. Keras fills it in where
            `value` carries a mask.
        attention_mask: bool `(B, T, S)` or `(T, S)`.
        return_attention_scores: bool. See `MultiHeadSelfAttention`.

    Returns:
        context `(B, T, output_dim)`, or `(context, attention_scores)` with scores
        `(B, H, T, S)`.

    Raises:
        ValueError: `num_heads` or `key_dim` is less than 1.

    Example:

    >>> attention = MultiHeadCrossAttention(num_heads=2, key_dim=4)
    >>> context, attention_scores = attention(
    ...     np.ones((2, 3, 8)), np.ones((2, 5, 6)), return_attention_scores=True
    ... )
    >>> tuple(context.shape), tuple(attention_scores.shape)
    ((2, 3, 8), (2, 2, 3, 5))

    References:
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), section 3.2.3.
    """

    def build(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> None:
        self._build_projections(query_shape, key_shape or value_shape, value_shape)

    def call(
        self,
        query: Tensor,
        value: Tensor,
        key: Tensor | None = None,
        value_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        heads, scores = self._attend(
            self._split(self.query_dense(query)),
            self._split(self.key_dense(value if key is None else key)),
            self._split(self.value_dense(value)),
            make_masks(value_mask, attention_mask),
            return_attention_scores,
            training,
        )
        return self._result(query, heads, scores, return_attention_scores)

    def project_source(
        self, value: Tensor, key: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The source's keys and values, ready for `step`, computed once.

        Args:
            value: float `(B, S, any)`.
            key: float `(B, S, any)`, optional; `value` where None.

        Returns:
            `(keys, values)`, `(B, H, key_dim, S)` and `(B, H, S, value_dim)`: the
            layouts that the two matrix products of a step read without a copy.
        """
        keys = self._split(self.key_dense(value if key is None else key))
        values = self._split(self.value_dense(value))
        return ops.transpose(keys, (0, 2, 3, 1)), ops.transpose(values, (0, 2, 1, 3))

    def step(
        self,
        query: Tensor,
        source: tuple[Tensor, Tensor],
        value_mask: Tensor | None = None,
        beams: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Feeds one target position; several rows may share one source row.

        Args:
            query: float `(N, query_dim)`, `N` a multiple of `B`: the beams of a
                source row, adjacent, are read as that row's query positions, so
                that the source is never copied.
            source: what `project_source` returned.
            value_mask: bool `(B, S)`.
            beams: int, optional. `N / B`, where the caller knows it.

        Returns:
            `(context, attention_scores)`, `(N, output_dim)` and `(N, H, S)`.
        """
        keys, values = source
        batch, num_heads = ops.shape(keys)[0], self.num_heads
        beams = ops.shape(query)[0] // batch if beams is None else beams
        query = by_head(self.query_dense(query), num_heads, beams)
        query = ops.reshape(query, (batch, num_heads, -1, self.key_dim))
        mask = mask_for_heads(value_mask, None)
        heads, scores = self._attend_transposed(query, keys, values, mask)
        heads = ops.reshape(heads, (-1, beams, values.shape[-1]))
        scores = ops.transpose(scores, (0, 2, 1, 3))  # (B, beams, H, S)
        scores = ops.reshape(scores, (-1, num_heads, ops.shape(scores)[-1]))
        return self.output_dense(by_beam(heads, num_heads)), scores

    def compute_output_shape(
        self, query_shape: Shape, value_shape: Shape, key_shape: Shape | None = None
    ) -> Shape:
        """The context's."""
        return self._output_shape(query_shape)

    def compute_output_spec(
        self,
        query: Tensor,
        value: Tensor,
        *args: Any,
        return_attention_scores: bool = False,
        **kwargs: Any,
    ) -> Any:
        return self._output_spec(query, value.shape[1], return_attention_scores)
