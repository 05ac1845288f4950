"""Stacks of recurrent layers: one that reads the source, one that writes the target."""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Shape, Tensor

CELLS = {
    "gru": keras.layers.GRU,
    "lstm": keras.layers.LSTM,
    "rnn": keras.layers.SimpleRNN,
}
# All others have one.
TWO_STATES = ("lstm",)


def num_states(cell):
    """How many tensors the state of a cell is."""
    return 2 if cell in TWO_STATES else 1


@keras.saving.register_keras_serializable(package="keras_attention")
class Orthogonal(keras.initializers.Orthogonal):
    """Keras's, in any precision: backends decompose no bfloat16.

    Args:
        gain: float. What the orthogonal matrix is multiplied by.
        seed: int, or a `keras.random.SeedGenerator`, optional.

    Raises:
        ValueError: of Keras, for a shape of less than two axes.

    Example:

    >>> weights = np.asarray(Orthogonal(seed=0)((3, 3)))
    >>> np.allclose(weights @ weights.T, np.eye(3), atol=1e-5)
    True

    References:
        [Saxe et al., 2014](https://arxiv.org/abs/1312.6120).
    """

    def __call__(self, shape: Shape, dtype: Any = None) -> Tensor:
        """Weights of that shape, float32 unless `dtype` says otherwise."""
        return ops.cast(super().__call__(shape, "float32"), dtype or "float32")


def recurrent_layer(cell, units, dtype, name):
    """A Keras layer that returns all outputs and its last state."""
    if cell not in CELLS:
        raise ValueError(
            f"cell must be one of {', '.join(map(repr, CELLS))}; received cell={cell!r}"
        )
    return CELLS[cell](
        units,
        recurrent_initializer=Orthogonal(),
        return_sequences=True,
        return_state=True,
        dtype=dtype,
        name=name,
    )


def is_empty(features):
    """Whether there are no rows or no positions, which Keras's recurrence refuses."""
    return 0 in features.shape[:-1]


class RecurrentStack(keras.layers.Layer):
    """What both stacks are made of: layers, norms, residual connections.

    Args: as for `RecurrentEncoder`, which has dropout besides.
    """

    def __init__(
        self,
        units: int,
        num_layers: int = 1,
        cell: str = "gru",
        residual: bool = False,
        layer_norm: bool = False,
        bidirectional: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_layers < 1:
            raise ValueError(f"num_layers must be positive; received {num_layers}")
        if bidirectional and units % 2:
            raise ValueError(
                "units must be even, to be shared by two directions; received "
                f"units={units}. Take {units + 1}, or bidirectional=False"
            )
        self.units = units
        self.num_layers = num_layers
        self.cell = cell
        self.residual = residual
        self.layer_norm = layer_norm
        self.bidirectional = bidirectional
        self.layers = [self._layer(f"{cell}_{i}") for i in range(num_layers)]
        self.norms = [
            keras.layers.LayerNormalization(
                epsilon=1e-6, dtype=self.dtype_policy, name=f"norm_{i}"
            )
            for i in range(num_layers if layer_norm else 0)
        ]

    def _layer(self, name):
        dtype = self.dtype_policy
        if not self.bidirectional:
            return recurrent_layer(self.cell, self.units, dtype, name)
        layer = recurrent_layer(self.cell, self.units // 2, dtype, name)
        return keras.layers.Bidirectional(layer, dtype=dtype, name=name)

    def build(self, input_shape: Shape) -> None:
        shape = (None, None, input_shape[-1])
        for layer in self.layers:
            layer.build(shape)
            shape = (None, None, self.units)
        for norm in self.norms:
            norm.build(shape)

    def _nothing(self, *shape):
        return ops.zeros((*shape, self.units), dtype=self.compute_dtype)

    def _finish(self, i, features, output):
        """What layer `i` hands on, of what it was given and what it made of that."""
        if self.layer_norm:
            output = self.norms[i](output)
        return features + output if self.residual and i else output

    def get_config(self) -> dict[str, Any]:
        names = "units num_layers cell residual layer_norm".split()
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="keras_attention")
class RecurrentEncoder(RecurrentStack):
    """Recurrent layers that read a source, in one direction or in both.

    Args:
        units: int. Width of each layer's output, and of each state; even with two
            directions, which share it.
        num_layers: int.
        cell: "gru", "lstm", or "rnn", the plain one: h = tanh(W x + U h).
        bidirectional: bool. Forward and backward at once, concatenated.
        residual: bool. From the second layer on, adds a layer's input to its output
            ([Wu et al., 2016](https://arxiv.org/abs/1609.08144), section 3.1).
        layer_norm: bool. Normalises each layer's output; states stay as they are,
            which keeps the fused kernels.
        dropout: float. Between layers; one mask for a whole sentence
            ([Gal & Ghahramani, 2016](https://arxiv.org/abs/1512.05287)).
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        features: float `(B, S, dim)`, real tokens first.
        value_mask: bool `(B, S)`. False at padding, which must be on the right.
        training: bool.

    Returns:
        `(value, states)`: `(B, S, units)`, and for each layer the last state, a tuple
        of one tensor `(B, units)`, for LSTMs of two. The state of a row that
        is all padding is zero.

    Raises:
        ValueError: odd units for two directions, an unknown cell, no layer.

    Example:

    >>> encoder = RecurrentEncoder(units=8, num_layers=2, cell="lstm")
    >>> value, states = encoder(np.ones((2, 5, 4)), value_mask=np.ones((2, 5), bool))
    >>> tuple(value.shape), len(states), len(states[0]), tuple(states[0][0].shape)
    ((2, 5, 8), 2, 2, (2, 8))

    References:
        [Schuster & Paliwal, 1997](https://doi.org/10.1109/78.650093);
        [Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473), section 3.2.
    """

    def __init__(
        self,
        units: int,
        num_layers: int = 1,
        cell: str = "gru",
        bidirectional: bool = True,
        dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(
            units, num_layers, cell, bidirectional=bidirectional, **options
        )
        self.dropout = dropout
        self.dropout_layer = keras.layers.Dropout(
            dropout, noise_shape=(None, 1, None), dtype=self.dtype_policy
        )

    def build(self, input_shape: Shape) -> None:
        super().build(input_shape)
        self.dropout_layer.build((None, None, self.units))

    def call(
        self, features: Tensor, value_mask: Tensor, training: bool | None = None
    ) -> tuple[Tensor, tuple[tuple[Tensor, ...], ...]]:
        if is_empty(features):
            batch_size, length = ops.shape(features)[:2]
            nothing = (self._nothing(batch_size),) * num_states(self.cell)
            return self._nothing(batch_size, length), (nothing,) * self.num_layers
        first = ops.equal(ops.arange(ops.shape(value_mask)[1]), 0)[None]
        # Fused kernels refuse an empty row: it reads one padding, and forgets it.
        mask = ops.logical_or(value_mask, first)
        real = ops.any(value_mask, axis=1, keepdims=True)  # (B, 1)
        states = []
        for i, layer in enumerate(self.layers):
            if i:
                features = self.dropout_layer(features, training=training)
            output, *last = layer(features, mask=mask, training=training)
            if self.bidirectional:
                half = len(last) // 2
                last = [
                    ops.concatenate(pair, axis=-1)
                    for pair in zip(last[:half], last[half:], strict=True)
                ]
            states.append(
                tuple(ops.where(real, state, ops.zeros_like(state)) for state in last)
            )
            features = self._finish(i, features, output)
        return features, tuple(states)

    def compute_output_shape(
        self, input_shape: Shape
    ) -> tuple[Shape, tuple[tuple[Shape, ...], ...]]:
        """Those of value and states."""
        states = ((input_shape[0], self.units),) * num_states(self.cell)
        return (*input_shape[:2], self.units), (states,) * self.num_layers

    def compute_output_spec(
        self, features: Tensor, value_mask: Tensor, training: bool | None = None
    ) -> Any:
        # A tensor of its own for each: a functional model tells them apart.
        return keras.tree.map_shape_structure(
            lambda shape: keras.KerasTensor(shape, dtype=self.compute_dtype),
            self.compute_output_shape(features.shape),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "bidirectional": self.bidirectional,
            "dropout": self.dropout,
        }


@keras.saving.register_keras_serializable(package="keras_attention")
class RecurrentDecoder(RecurrentStack):
    """Recurrent layers that write a target, all of it at once or step by step.

    Args: `units`, `num_layers`, `cell`, `residual`, `layer_norm` and `**kwargs` of
        `RecurrentEncoder`.

    Call arguments:
        features: float `(B, T, dim)`, known in advance.
        initial_states: of each layer, a tuple of one tensor `(B, units)`, for LSTMs of
            two.
        dropout_masks: of each layer's output, `(B, units)`, or None. They are drawn
            by the caller, once a sentence, so that stepping can be trained as well.

    Returns:
        float `(B, T, units)`.

    Raises:
        ValueError: an unknown cell, no layer.

    Example:

    >>> decoder = RecurrentDecoder(units=8)
    >>> tuple(decoder(np.ones((2, 3, 4)), [(np.zeros((2, 8)),)]).shape)
    (2, 3, 8)

    References:
        [Cho et al., 2014](https://arxiv.org/abs/1406.1078), sections 2.2 and 2.3 (GRU);
        [Sutskever et al., 2014](https://arxiv.org/abs/1409.3215), section 2.
    """

    def call(
        self, features: Tensor, initial_states: Any, dropout_masks: Any = None
    ) -> Tensor:
        if is_empty(features):
            return self._nothing(*ops.shape(features)[:2])
        for i, layer in enumerate(self.layers):
            output, *_ = layer(features, initial_state=list(initial_states[i]))
            features = self._finish(i, features, output)
            if dropout_masks is not None:
                features = features * dropout_masks[i][:, None]
        return features

    def step(
        self, features: Tensor, states: Any, dropout_masks: Any = None
    ) -> tuple[Tensor, tuple[tuple[Tensor, ...], ...]]:
        """Moves by one token: `(N, dim)` in, `((N, units), new states)` out.

        States and masks are those of `call`, of `N` rows.
        """
        if is_empty(features):
            return self._nothing(0), states
        new_states = []
        for i, layer in enumerate(self.layers):
            output, state = layer.cell(features, list(states[i]))
            new_states.append(tuple(state))
            features = self._finish(i, features, output)
            if dropout_masks is not None:
                features = features * dropout_masks[i]
        return features, tuple(new_states)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:2], self.units)

    def compute_output_spec(
        self, features: Tensor, initial_states: Any, dropout_masks: Any = None
    ) -> Any:
        shape = self.compute_output_shape(features.shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)
