"""The loss of teacher forcing: cross-entropy, softened."""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Tensor
from keras_attention.models.token_weights import per_token


@keras.saving.register_keras_serializable(package="keras_attention")
class LabelSmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy against labels that give a share ε to the whole vocabulary.

        loss = (1 − ε) · (−log p_label) + ε · mean_v(−log p_v)

    Labels are ids and no one-hot array is made of them. What is not to count has a
    sample weight of zero; the mean is over the weights, so over real tokens.

    Args:
        label_smoothing: float, ε. The paper's 0.1.
        reduction: str or None, of `keras.losses.Loss`.
        **kwargs: `name`, `dtype` and the like, for `keras.losses.Loss`.

    Call arguments:
        y_true: int `(B, T)`.
        y_pred: float logits `(B, T, V)`.
        sample_weight: float `(B, T)`, or `(B,)`, of rows.

    Returns:
        A float32 scalar, in nats per token; `(B, T)` with `reduction=None`.

    Raises:
        ValueError: `label_smoothing` not in [0, 1), or a sample weight that is neither
            `(B,)` nor `(B, T)`.

    Example:

    >>> logits = np.array([[[0.0, 0.0], [0.0, 9.0]]])
    >>> loss = LabelSmoothedCrossEntropy(label_smoothing=0.1)
    >>> padded = np.array([[1.0, 0.0]])
    >>> round(float(loss(np.array([[1, 0]]), logits, sample_weight=padded)), 4)  # ln 2
    0.6931

    References:
        [Szegedy et al., 2016](https://arxiv.org/abs/1512.00567), section 7;
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), section 5.4.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        reduction: str = "mean_with_sample_weight",
        name: str = "loss",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, **kwargs)
        if not 0 <= label_smoothing < 1:
            raise ValueError(
                f"label_smoothing must be in [0, 1); received {label_smoothing}"
            )
        self.label_smoothing = label_smoothing

    def __call__(
        self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch, as `Call arguments` and `Returns` of the class say."""
        if sample_weight is not None:
            # Keras would divide by the sum of B weights, not of B·T.
            sample_weight = per_token(sample_weight, y_true)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        y_pred = ops.cast(y_pred, "float32")
        labels = ops.cast(y_true, "int32")[..., None]
        total = ops.logsumexp(y_pred, axis=-1)  # (B, T)
        loss = total - ops.take_along_axis(y_pred, labels, axis=-1)[..., 0]
        if self.label_smoothing:
            spread = total - ops.mean(y_pred, axis=-1)
            loss = loss + self.label_smoothing * (spread - loss)
        return loss

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
