"""Multiplicative attention: three ways to compare a query with a key."""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Shape, Tensor
from keras_attention.layers.attention import Attention
from keras_attention.layers.bahdanau import additive_score
from keras_attention.layers.masking import scoring
from keras_attention.layers.projection import project


class DotScore(keras.layers.Layer):
    """score(q, k) = qᵀ k, without weights."""

    def __init__(self, units=None, **kwargs):
        super().__init__(**kwargs)
        if units is not None:
            raise ValueError(
                "units is the width of the hidden layer of score='concat', and the "
                f"other scores have none; received units={units}. Leave it out."
            )

    def build(self, query_shape, value_shape):
        if query_shape[-1] != value_shape[-1]:
            raise ValueError(
                "score='dot' needs a query and a value of equal last dimension; "
                f"received query_dim={query_shape[-1]} and "
                f"value_dim={value_shape[-1]}. Use score='general' or project one."
            )

    def project_key(self, value):
        return value

    def compare(self, query, key):
        query, key = scoring(query, key)
        return ops.matmul(query, ops.swapaxes(key, -1, -2))

    def hidden_dim(self):
        return None


class GeneralScore(DotScore):
    """score(q, k) = qᵀ W k; the projected key is W k, as wide as the query."""

    def build(self, query_shape, value_shape):
        # Its width is the query's, which is known only here.
        self.key_dense = keras.layers.Dense(
            query_shape[-1], use_bias=False, dtype=self.dtype_policy, name="key_dense"
        )
        self.key_dense.build(value_shape)

    def project_key(self, value):
        return self.key_dense(value)


class ConcatScore(keras.layers.Layer):
    """score(q, k) = vᵀ tanh(W [q; k]), with W split into a half for q and one for k.

    W [q; k] = W_q q + W_k k, so that the half of the key is computed once per source.
    """

    def __init__(self, units=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, query_shape, value_shape):
        units = query_shape[-1] if self.units is None else self.units
        options = {"use_bias": False, "dtype": self.dtype_policy}
        self.query_dense = keras.layers.Dense(units, name="query_dense", **options)
        self.key_dense = keras.layers.Dense(units, name="key_dense", **options)
        self.score_dense = keras.layers.Dense(1, name="score_dense", **options)
        self.query_dense.build(query_shape)
        self.key_dense.build(value_shape)
        self.score_dense.build((None, None, None, units))

    def project_key(self, value):
        return self.key_dense(value)

    def compare(self, query, key):
        return additive_score(project(self.query_dense, query), key, self.score_dense)

    def hidden_dim(self):
        return self.query_dense.units


SCORES = {"dot": DotScore, "general": GeneralScore, "concat": ConcatScore}


@keras.saving.register_keras_serializable(package="keras_attention")
class LuongAttention(Attention):
    """The global attention of Luong et al., with their three scores.

        dot       score(q, k) = qᵀ k
        general   score(q, k) = qᵀ W k
        concat    score(q, k) = vᵀ tanh(W [q; k])

    The attentional vector h̃ = tanh(W_c [c; h]) is the model's, not this layer's.
    Shapes: `B` batch, `T` target steps, `S` source positions.

    Args:
        score: `"dot"`, `"general"` or `"concat"`.
        units: int, for concat only. Width of its hidden layer; as wide as the query
            unless given.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        query: float `(B, T, query_dim)`, or `(B·K, T, query_dim)` for `K` adjacent
            hypotheses that attend to the same row of `value`.
        value: float `(B, S, value_dim)`.
        key: float `(B, S, key_dim)`, optional. `project_key(value)`, kept from an
            earlier step; `key_dim` is `query_dim`, or `units` for concat.
        value_mask: bool `(B, S)`, optional. False at padding. Keras fills it in
            when `value` carries a mask.
        return_attention_scores: bool.

    Returns:
        The context, `(B, T, value_dim)`, or with `return_attention_scores=True`
        `(context, attention_scores)`, the latter `(B, T, S)`.

    Raises:
        ValueError: an unknown score, units for a score without a hidden layer,
            score="dot" with a query and a value of different last dimensions, or a
            query or value that does not have three axes.

    Example:

    >>> attention = LuongAttention(score="general")
    >>> tuple(attention(np.ones((2, 3, 4)), np.ones((2, 5, 6))).shape)
    (2, 3, 6)

    References:
        [Luong et al., 2015](https://arxiv.org/abs/1508.04025), section 3.1.
    """

    def __init__(
        self, score: str = "dot", units: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        if score not in SCORES:
            raise ValueError(
                f"score must be one of {', '.join(map(repr, SCORES))}; "
                f"received score={score!r}."
            )
        self.score = score
        self.units = units
        self.score_layer: Any = SCORES[score](
            units, dtype=self.dtype_policy, name=score
        )

    def build(self, query_shape: Shape, value_shape: Shape) -> None:
        super().build(query_shape, value_shape)
        self.score_layer.build(query_shape, value_shape)

    def project_key(self, value: Tensor) -> Tensor:
        """`(B, S, value_dim)` to `(B, S, key_dim)`: as it is, W k, or concat's half."""
        return self.score_layer.project_key(value)

    def compare(self, query: Tensor, key: Tensor) -> Tensor:
        """Scores, `(B, T, S)`, of queries `(B, T, query_dim)` and projected keys."""
        return self.score_layer.compare(query, key)

    def hidden_dim(self) -> int | None:
        return self.score_layer.hidden_dim()

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "score": self.score, "units": self.units}
