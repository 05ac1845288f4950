"""Sine position encoding: where a token stands, written into its features."""

import math
from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Shape, Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class SinePositionEncoding(keras.layers.Layer):
    """The fixed position encoding of Vaswani et al., to be added to embeddings.

        PE(position, 2i)     = sin(position / max_wavelength^(2i / dim))
        PE(position, 2i + 1) = cos(position / max_wavelength^(2i / dim))

    There is nothing to train and no longest sequence.

    Args:
        max_wavelength: float. The longest wave, 10,000 in the paper.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: float `(B, T, dim)`; only its shape is used.
        start_index: int or int scalar tensor. Position of the first column.

    Returns:
        float `(B, T, dim)`: the encoding, the same in every row.

    Example:

    >>> encoding = SinePositionEncoding()(np.zeros((1, 3, 4)))
    >>> tuple(encoding.shape)
    (1, 3, 4)

    References:
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), section 3.5.
    """

    def __init__(self, max_wavelength: float = 10000.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_wavelength = max_wavelength
        self.supports_masking = True

    def call(self, inputs: Tensor, start_index: int | Tensor = 0) -> Tensor:
        length, dim = ops.shape(inputs)[1], inputs.shape[-1]
        positions = ops.arange(length, dtype="int32") + start_index
        encoding = self.encode_positions(positions, dim)
        return ops.broadcast_to(encoding, ops.shape(inputs))

    def encode_positions(self, positions: Tensor, dim: int) -> Tensor:
        """Encodes int positions of any shape `(…)`; returns float `(…, dim)`."""
        # float32 whatever the policy: float16 cannot tell position 2049 from 2048.
        positions = ops.cast(positions, "float32")[..., None]
        even = ops.arange(0, dim, 2, dtype="float32")
        rates = ops.exp(even * (-math.log(self.max_wavelength) / dim))
        angles = positions * rates  # (…, ceil(dim / 2))
        waves = ops.stack([ops.sin(angles), ops.cos(angles)], axis=-1)
        shape = (*ops.shape(angles)[:-1], 2 * angles.shape[-1])
        # An odd `dim` has one sine more than cosines.
        encoding = ops.reshape(waves, shape)[..., :dim]
        return ops.cast(encoding, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "max_wavelength": self.max_wavelength}
