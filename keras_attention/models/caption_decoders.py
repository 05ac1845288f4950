"""Two ways to write about an image: from one pooled vector, or attending to regions.

Shapes: `N` hypotheses, `B` images, `L` regions of `D` features.
"""

from typing import Any

import keras
from keras import ops

from keras_attention.layers.recurrent import num_states
from keras_attention.layers.soft_image import SoftImageAttention
from keras_attention.models.recurrent_decoders import BahdanauDecoder, BlindDecoder

INJECTIONS = ("first", "every")


class PooledDecoder(BlindDecoder):
    """Knows one vector v of the image, the mean of its regions.

        inject="first"    pre-inject: h_0 = RNN(W_i v, 0), and then h = RNN(x, h)
        inject="every"    par-inject: h = RNN([x; v], h), which is
                          tanh(W_x x + W_h h + W_i v) for the plain RNN, and the same
                          in each gate of LSTM and GRU

    Args:
        region_dim: int, D.
        inject: "first" or "every": the steps at which v is an input.
        others: of `BlindDecoder`.

    References:
        [Vinyals et al., 2015](https://arxiv.org/abs/1411.4555), section 3.1, who found
        "first" to overfit less;
        [Tanti et al., 2018](https://arxiv.org/abs/1703.09137), for the names.
    """

    def __init__(self, units, embedding_dim, region_dim, inject="first", **kwargs):
        self.region_dim = region_dim
        self.inject = inject
        super().__init__(units, embedding_dim, **kwargs)
        self.image_dense: Any = None
        if inject == "first":
            self.image_dense = keras.layers.Dense(
                embedding_dim, dtype=self.dtype_policy, name="image_dense"
            )

    @property
    def value_dim(self):
        return self.region_dim

    @property
    def input_dim(self):
        every = self.inject == "every"
        return self.embedding_dim + (self.region_dim if every else 0)

    def build(self, input_shape=None):
        super().build()
        if self.image_dense is not None:
            self.image_dense.build((None, self.region_dim))

    def start(self, value, mask):
        """The state before the first token, of regions `(B, L, D)` and their mask."""
        pooled = mean_region(value, mask)
        hidden = zero_states(self.rnn, pooled)
        if self.inject == "first":
            _, hidden = self.rnn.step(self.image_dense(pooled), hidden)
        state = super().start(value, hidden)
        return state._replace(fed=pooled) if self.inject == "every" else state

    def rnn_inputs(self, tokens, state):
        if self.inject == "first":
            return tokens
        pooled = state.fed if len(tokens.shape) == 2 else state.fed[:, None]
        pooled = ops.broadcast_to(pooled, (*ops.shape(tokens)[:-1], self.region_dim))
        return ops.concatenate([tokens, pooled], axis=-1)


class SoftImageDecoder(BahdanauDecoder):
    """Attends to the image before each word; the state before says where.

        h_0, c_0 = MLPs of the mean region
        z = β attention(h, regions)    h = RNN([x; z], h)
        logits = L_o (L_x x + L_h h + L_z z)

    Args:
        region_dim: int, D.
        attention_units: int. Width in which state and region meet.
        gate: bool. Whether there is β.
        others: of `BlindDecoder`.

    References:
        [Xu et al., 2015](https://arxiv.org/abs/1502.03044), sections 3.1.2 and 4.2.1;
        equation 7, which is readout="linear", has no L_x.
    """

    def __init__(
        self, units, embedding_dim, region_dim, attention_units, gate=True, **kwargs
    ):
        self.region_dim = region_dim
        self.attention_units = attention_units
        self.gate = gate
        super().__init__(units, embedding_dim, **kwargs)
        activations = ("tanh", None)[: num_states(self.rnn.cell)]
        self.first_states = [
            [
                keras.layers.Dense(
                    units,
                    activation=activation,
                    dtype=self.dtype_policy,
                    name=f"first_state_{i}_{j}",
                )
                for j, activation in enumerate(activations)
            ]
            for i in range(self.rnn.num_layers)
        ]

    def _attention(self):
        return SoftImageAttention(
            self.attention_units, self.gate, dtype=self.dtype_policy, name="attention"
        )

    @property
    def value_dim(self):
        return self.region_dim

    def build(self, input_shape=None):
        super().build()
        for dense in (dense for layer in self.first_states for dense in layer):
            dense.build((None, self.region_dim))

    def start(self, value, mask):
        """The state before the first token, of regions `(B, L, D)` and their mask."""
        mean = mean_region(value, mask)
        hidden = tuple(
            tuple(dense(mean) for dense in layer) for layer in self.first_states
        )
        return super().start(value, hidden)


def mean_region(value, mask):
    """The mean of those regions that show the image.

    Args:
        value: float `(B, L, D)`.
        mask: bool `(B, L)`.

    Returns:
        `(B, D)`, of the dtype of `value`; zeros where no region is left.
    """
    shares = ops.cast(mask, "float32")
    shares = shares / ops.maximum(ops.sum(shares, axis=1, keepdims=True), 1.0)
    return ops.sum(value * ops.cast(shares, value.dtype)[..., None], axis=1)


def zero_states(rnn, like):
    """States of a `RecurrentDecoder` that has read nothing, `(B, units)` each."""
    zeros = ops.zeros((ops.shape(like)[0], rnn.units), dtype=like.dtype)
    return tuple((zeros,) * num_states(rnn.cell) for _ in range(rnn.num_layers))
