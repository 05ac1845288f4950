"""What is measured beside the loss."""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class TokenAccuracy(keras.metrics.SparseCategoricalAccuracy):
    """The share of tokens that come first in the logits.

    Keras's own takes the mean of each row of a batch first: a token that shares its row
    with much padding would count for less.

    Args: those of `keras.metrics.SparseCategoricalAccuracy`.

    Call arguments:
        y_true: int `(B, T)`.
        y_pred: float logits `(B, T, V)`.
        sample_weight: float `(B, T)`, optional. 0 at padding.

    Returns:
        A float32 scalar from 0 to 1, of all batches since `reset_state`.

    Example:

    >>> accuracy = TokenAccuracy()
    >>> logits = np.array([[[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]])
    >>> labels, weights = np.array([[1, 1, 0]]), np.array([[1.0, 1.0, 0.0]])
    >>> float(accuracy(labels, logits, sample_weight=weights))
    0.5
    """

    def update_state(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Any:
        """Counts the tokens of a batch, of the shapes of `Call arguments`."""
        if sample_weight is not None:
            sample_weight = ops.reshape(sample_weight, (-1,))
        return super().update_state(
            ops.reshape(y_true, (-1,)),
            ops.reshape(y_pred, (-1, ops.shape(y_pred)[-1])),
            sample_weight,
        )
