"""Additive attention: a small tanh network scores each source position."""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Shape, Tensor
from keras_attention.layers.attention import Attention
from keras_attention.layers.projection import project


@keras.saving.register_keras_serializable(package="keras_attention")
class BahdanauAttention(Attention):
    """The attention of Bahdanau et al., with a hidden layer between query and key.

        score(q, k) = vᵀ tanh(W q + U k)

    Shapes: `B` batch, `T` target steps, `S` source positions.

    Args:
        units: int. Width of the hidden layer in which query and key meet.
        use_bias: bool. Adds a bias within tanh.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        query: float `(B, T, query_dim)`, or `(B·K, T, query_dim)` for `K` adjacent
            hypotheses that attend to the same row of `value`.
        value: float `(B, S, value_dim)`.
        key: float `(B, S, units)`, optional. `project_key(value)`, kept from an
            earlier step, so that decoding projects the source once.
        value_mask: bool `(B, S)`, optional. False at padding. Keras fills it in
            when `value` carries a mask.
        return_attention_scores: bool.

    Returns:
        The context, `(B, T, value_dim)`, or with `return_attention_scores=True`
        `(context, attention_scores)`, the latter `(B, T, S)`.

    Raises:
        ValueError: query or value does not have three axes.

    Example:

    >>> attention = BahdanauAttention(units=8)
    >>> context, attention_scores = attention(
    ...     np.ones((2, 1, 4)), np.ones((2, 5, 6)), return_attention_scores=True
    ... )
    >>> tuple(context.shape), tuple(attention_scores.shape)
    ((2, 1, 6), (2, 1, 5))

    References:
        [Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473), appendix A.1.2.
    """

    def __init__(self, units: int, use_bias: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.use_bias = use_bias
        dtype = self.dtype_policy
        self.query_dense = keras.layers.Dense(
            units, use_bias=use_bias, dtype=dtype, name="query_dense"
        )
        self.key_dense = keras.layers.Dense(
            units, use_bias=False, dtype=dtype, name="key_dense"
        )
        # A bias here would shift all scores alike, which softmax does not see.
        self.score_dense = keras.layers.Dense(
            1, use_bias=False, dtype=dtype, name="score_dense"
        )

    def build(self, query_shape: Shape, value_shape: Shape) -> None:
        super().build(query_shape, value_shape)
        self.query_dense.build(query_shape)
        self.key_dense.build(value_shape)
        self.score_dense.build((None, None, None, self.units))

    def project_key(self, value: Tensor) -> Tensor:
        """U of each position, computed once: `(B, S, value_dim)` to `(B, S, units)`."""
        return self.key_dense(value)

    def compare(self, query: Tensor, key: Tensor) -> Tensor:
        """Scores, `(B, T, S)`, of queries `(B, T, query_dim)` and projected keys."""
        return additive_score(project(self.query_dense, query), key, self.score_dense)

    def hidden_dim(self) -> int:
        return self.units

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
        }


def additive_score(query, key, score_dense):
    """Compares `(B, T, units)` with `(B, S, units)` in a tanh layer; `(B, T, S)`."""
    # A sum beyond float16's range is infinite, and its tanh is right all the same.
    hidden = ops.tanh(query[:, :, None, :] + key[:, None, :, :])  # (B, T, S, units)
    return ops.squeeze(project(score_dense, hidden), axis=-1)
