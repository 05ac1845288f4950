"""Transformer blocks: attention and feed-forward, each inside a residual."""

from typing import Any

import keras

from keras_attention.annotations import Shape, Tensor
from keras_attention.layers.multi_head import (
    MultiHeadCrossAttention,
    MultiHeadSelfAttention,
)
from keras_attention.layers.quantization import KeepsQuantization


class TransformerBlock(KeepsQuantization, keras.layers.Layer):
    """What both blocks share: sizes, feed-forward, and where norms stand.

    post-norm (2017):  x ← norm(x + dropout(f(x)))
    pre-norm:          x ← x + dropout(f(norm(x)))
    """

    def __init__(
        self,
        model_dim: int,
        num_heads: int,
        feed_forward_dim: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        activation: str = "relu",
        norm_first: bool = False,
        epsilon: float = 1e-6,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_heads < 1 or model_dim % num_heads:
            raise ValueError(
                "model_dim must be a multiple of num_heads, which share it; received "
                f"model_dim={model_dim}, num_heads={num_heads}"
            )
        self.model_dim = model_dim
        self.num_heads = num_heads
        self.feed_forward_dim = feed_forward_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation = keras.activations.get(activation)
        self.norm_first = norm_first
        self.epsilon = epsilon
        self.supports_masking = True

        dtype = self.dtype_policy
        self.self_attention = self._attention(MultiHeadSelfAttention, "self_attention")
        self.inner_dense = keras.layers.Dense(
            feed_forward_dim, self.activation, dtype=dtype, name="inner_dense"
        )
        self.outer_dense = keras.layers.Dense(
            model_dim, dtype=dtype, name="outer_dense"
        )
        self.self_attention_norm = self._norm("self_attention_norm")
        self.feed_forward_norm = self._norm("feed_forward_norm")
        self.dropout_layer = keras.layers.Dropout(dropout, dtype=dtype)

    def _attention(self, layer_class, name):
        return layer_class(
            self.num_heads,
            self.model_dim // self.num_heads,
            dropout=self.attention_dropout,
            dtype=self.dtype_policy,
            name=name,
        )

    def _norm(self, name):
        return keras.layers.LayerNormalization(
            epsilon=self.epsilon, dtype=self.dtype_policy, name=name
        )

    def _build_common(self, shape):
        self.self_attention.build(shape)
        self.inner_dense.build(shape)
        self.outer_dense.build((*shape[:-1], self.feed_forward_dim))
        self.self_attention_norm.build(shape)
        self.feed_forward_norm.build(shape)
        self.dropout_layer.build(shape)

    def _before(self, norm, features):
        return norm(features) if self.norm_first else features

    def _after(self, norm, features, change, training=False):
        features = features + self.dropout_layer(change, training=training)
        return features if self.norm_first else norm(features)

    def _feed_forward(self, features, training=False):
        norm = self.feed_forward_norm
        hidden = self.inner_dense(self._before(norm, features))
        return self._after(norm, features, self.outer_dense(hidden), training)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "model_dim": self.model_dim,
            "num_heads": self.num_heads,
            "feed_forward_dim": self.feed_forward_dim,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "activation": keras.activations.serialize(self.activation),
            "norm_first": self.norm_first,
            "epsilon": self.epsilon,
        }


@keras.saving.register_keras_serializable(package="keras_attention")
class TransformerEncoderBlock(TransformerBlock):
    """Self attention, then feed-forward.

    Args:
        model_dim: int. Width of the features, the same going in and out.
        num_heads: int. Must divide `model_dim`; each head is
            `model_dim / num_heads` wide.
        feed_forward_dim: int. Width inside the feed-forward network.
        dropout: float. On what each sublayer adds to the features.
        attention_dropout: float. On the attention weights. Zero keeps the fused
            attention kernel in training, where there is one.
        activation: of the feed-forward network.
        norm_first: bool. Pre-norm, which trains deep stacks without warm-up but
            needs one more norm after the last block; False is the paper's
            post-norm.
        epsilon: float. Of the layer norms.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        value: float `(B, S, model_dim)`.
        value_mask: bool `(B, S)`. False at padding.
        mask: the same, filled in by Keras where `value` carries a mask.
        return_attention_scores: bool.

    Returns:
        float `(B, S, model_dim)`, or that and scores `(B, H, S, S)` of `H` heads.

    Raises:
        ValueError: `num_heads` is less than 1, or does not divide `model_dim`.

    Example:

    >>> block = TransformerEncoderBlock(8, num_heads=2, feed_forward_dim=16)
    >>> tuple(block(np.ones((2, 5, 8))).shape)
    (2, 5, 8)

    References:
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), sections 3.1 and 3.3;
        pre-norm: [Xiong et al., 2020](https://arxiv.org/abs/2002.04745).
    """

    def build(self, value_shape: Shape) -> None:
        self._build_common(value_shape)

    def call(
        self,
        value: Tensor,
        value_mask: Tensor | None = None,
        mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        norm = self.self_attention_norm
        result = self.self_attention(
            self._before(norm, value),
            value_mask=value_mask if mask is None else mask,
            return_attention_scores=return_attention_scores,
            training=training,
        )
        context, scores = result if return_attention_scores else (result, None)
        features = self._after(norm, value, context, training)
        features = self._feed_forward(features, training)
        return (features, scores) if return_attention_scores else features

    def compute_output_shape(self, value_shape: Shape) -> Shape:
        """The features'."""
        return tuple(value_shape)

    def compute_output_spec(
        self,
        value: Tensor,
        *args: Any,
        return_attention_scores: bool = False,
        **kwargs: Any,
    ) -> Any:
        features = keras.KerasTensor(value.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return features
        batch, length = value.shape[:2]
        shape = (batch, self.num_heads, length, length)
        return features, keras.KerasTensor(shape, dtype=self.compute_dtype)


@keras.saving.register_keras_serializable(package="keras_attention")
class TransformerDecoderBlock(TransformerBlock):
    """Causal self attention, cross attention to the source, then feed-forward.

    Args: as for `TransformerEncoderBlock`.

    Call arguments:
        query: float `(B, T, model_dim)`. The target so far.
        value: float `(B, S, any)`. The encoded source.
        query_mask: bool `(B, T)`. False at padding.
        value_mask: bool `(B, S)`. False at padding.
        return_attention_scores: bool.

    Returns:
        float `(B, T, model_dim)`, or that and cross-attention scores `(B, H, T, S)`.

    Raises:
        ValueError: `num_heads` is less than 1, or does not divide `model_dim`.

    Example:

    >>> block = TransformerDecoderBlock(8, num_heads=2, feed_forward_dim=16)
    >>> tuple(block(np.ones((2, 3, 8)), np.ones((2, 5, 8))).shape)
    (2, 3, 8)

    References:
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), section 3.1.
    """

    def __init__(
        self, model_dim: int, num_heads: int, feed_forward_dim: int, **kwargs: Any
    ) -> None:
        super().__init__(model_dim, num_heads, feed_forward_dim, **kwargs)
        self.cross_attention = self._attention(
            MultiHeadCrossAttention, "cross_attention"
        )
        self.cross_attention_norm = self._norm("cross_attention_norm")

    def build(self, query_shape: Shape, value_shape: Shape) -> None:
        self._build_common(query_shape)
        self.cross_attention.build(query_shape, value_shape)
        self.cross_attention_norm.build(query_shape)

    def call(
        self,
        query: Tensor,
        value: Tensor,
        query_mask: Tensor | None = None,
        value_mask: Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        norm = self.self_attention_norm
        context = self.self_attention(
            self._before(norm, query),
            value_mask=query_mask,
            use_causal_mask=True,
            training=training,
        )
        features = self._after(norm, query, context, training)

        norm = self.cross_attention_norm
        result = self.cross_attention(
            self._before(norm, features),
            value,
            value_mask=value_mask,
            return_attention_scores=return_attention_scores,
            training=training,
        )
        context, scores = result if return_attention_scores else (result, None)
        features = self._after(norm, features, context, training)
        features = self._feed_forward(features, training)
        return (features, scores) if return_attention_scores else features

    def project_source(self, value: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the encoded source `(B, S, any)`, computed once.

        See `MultiHeadCrossAttention.project_source`.
        """
        return self.cross_attention.project_source(value)

    def make_cache(
        self, batch_size: int, num_steps: int, beams: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Room for `num_steps` steps; see `MultiHeadSelfAttention.make_cache`."""
        return self.self_attention.make_cache(batch_size, num_steps, beams)

    def step(
        self,
        query: Tensor,
        source: tuple[Tensor, Tensor],
        cache: tuple[Tensor, Tensor],
        index: int | Tensor,
        value_mask: Tensor | None = None,
        visible: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Feeds one target position `(N, model_dim)`, as `call` would have seen it.

        Args:
            query: float `(N, model_dim)`; see `MultiHeadCrossAttention.step`.
            source: what `project_source` returned.
            cache: what `make_cache` or the step before returned.
            index: int scalar tensor. Steps fed before this one.
            value_mask: bool `(B, S)`.
            visible: see `MultiHeadSelfAttention.step`.

        Returns:
            `(features, attention_scores, cache)`, features `(N, model_dim)` and
            cross-attention scores `(N, H, S)`.
        """
        norm = self.self_attention_norm
        context, cache = self.self_attention.step(
            self._before(norm, query), cache, index, visible
        )
        features = self._after(norm, query, context)

        norm = self.cross_attention_norm
        context, scores = self.cross_attention.step(
            self._before(norm, features),
            source,
            value_mask,
            beams=None if visible is None else visible.shape[1],
        )
        features = self._after(norm, features, context)
        return self._feed_forward(features), scores, cache

    def compute_output_shape(self, query_shape: Shape, value_shape: Shape) -> Shape:
        """The features'."""
        return tuple(query_shape)

    def compute_output_spec(
        self,
        query: Tensor,
        value: Tensor,
        *args: Any,
        return_attention_scores: bool = False,
        **kwargs: Any,
    ) -> Any:
        features = keras.KerasTensor(query.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return features
        batch, length = query.shape[:2]
        shape = (batch, self.num_heads, length, value.shape[1])
        return features, keras.KerasTensor(shape, dtype=self.compute_dtype)
