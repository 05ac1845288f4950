"""What a batch weighs in training: as much as the real tokens that it holds.

    loss of a batch     Σ w·loss of a token / Σ w      w: 0 at padding, else 1, or what
                                                       sample weights say
    its weight          Σ w
    loss of an epoch    Σ weight·loss / Σ weight       so per token, not per batch

An update from several batches follows the same rule:
`keras_attention.training.accumulation` has it, and is told a batch's weight from here.
"""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Tensor
from keras_attention.special_tokens import PAD_ID


def per_token(sample_weight, labels):
    """Sample weights `(B,)`, `(B, 1)` or `(B, T)` as float32 `(B, T)`.

    Args:
        sample_weight: of rows or of tokens.
        labels: `(B, T)`.

    Raises:
        ValueError: another shape.
    """
    weights = ops.cast(sample_weight, "float32")
    if len(weights.shape) == 1:
        weights = weights[:, None]
    fits = len(weights.shape) == 2 and all(
        given is None or wanted is None or given in allowed
        for given, wanted, allowed in zip(
            weights.shape,
            labels.shape,
            ((labels.shape[0],), (1, labels.shape[1])),
            strict=True,
        )
    )
    if not fits:
        raise ValueError(
            "sample_weight must have one weight for each row, (B,), or for each token, "
            f"(B, T), of labels {tuple(labels.shape)}; received shape "
            f"{tuple(sample_weight.shape)}"
        )
    return ops.broadcast_to(weights, ops.shape(labels))


def token_weights(labels, sample_weight=None):
    """How much each label counts, float32 `(B, T)`: padding nothing.

    Args:
        labels: int `(B, T)`.
        sample_weight: `(B,)` or `(B, T)`, optional; 1 of each real token by default.
    """
    labels = ops.convert_to_tensor(labels)
    real = ops.cast(ops.not_equal(labels, PAD_ID), "float32")
    return real if sample_weight is None else real * per_token(sample_weight, labels)


class TokenWeighted(keras.Model):
    """A model whose `fit` and `evaluate` count tokens, where Keras counts batches.

    `sample_weight` may be `(B,)` or `(B, T)`, and padding never counts. What is logged
    as `loss` is what is minimised, per token of the epoch; of it, `auxiliary_loss` is
    the part that `call` added in training, if any.

    Also, gradients are dense before they are clipped or reach an optimizer. On
    TensorFlow an embedding's gradient is `IndexedSlices`, a row for each token of the
    batch; Keras 3.15 squares the rows of a repeated token one by one, where their sum
    is to be squared, in norms and in the second moment of Adam.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loss_per_token = keras.metrics.Mean(name="loss", dtype="float32")
        self.auxiliary_loss = keras.metrics.Mean(name="auxiliary_loss", dtype="float32")

    @property
    def adds_losses(self) -> bool:
        """Whether `call` adds losses of its own in training."""
        return False

    @property
    def metrics(self) -> list[Any]:
        ours = [self.loss_per_token]
        if self.adds_losses:
            ours.append(self.auxiliary_loss)
        hidden = {"loss", "auxiliary_loss"}  # Keras's mean over batches among them.
        return ours + [m for m in super().metrics if m.name not in hidden]

    def batch_weight(
        self, labels: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """What the loss of a batch was divided by, a float32 scalar."""
        if getattr(self.loss, "reduction", None) == "mean_with_sample_weight":
            return ops.sum(token_weights(labels, sample_weight))
        # Keras's other means divide by all positions, whatever they weigh.
        shape = ops.shape(labels)
        return ops.cast(shape[0], "float32") * ops.cast(shape[1], "float32")

    def compute_loss(
        self,
        x: Tensor | None = None,
        y: Tensor | None = None,
        y_pred: Tensor | None = None,
        sample_weight: Tensor | None = None,
        training: bool = True,
    ) -> Tensor:
        weights = None if y is None else token_weights(y, sample_weight)
        loss = super().compute_loss(x, y, y_pred, weights, training)
        weight = 1.0 if y is None else self.batch_weight(y, sample_weight)
        self.loss_per_token.update_state(loss, sample_weight=weight)
        if training and self.adds_losses:
            self.auxiliary_loss.update_state(sum(self.losses), sample_weight=weight)
        return loss

    def compute_metrics(
        self, x: Tensor, y: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None
    ) -> dict[str, Any]:
        weights = None if y is None else token_weights(y, sample_weight)
        return super().compute_metrics(x, y, y_pred, weights)

    def train_step(self, *args: Any) -> Any:
        """As Keras's: `data` on TensorFlow, `state` and `data` on JAX."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(args[-1])
        weight = self.batch_weight(y, sample_weight)
        if self.adds_losses:
            x = {**x, "target_weights": token_weights(y, sample_weight)}
        data = (x, y, sample_weight)
        accumulator = _accumulator(self.optimizer)
        if keras.backend.backend() == "tensorflow":
            if accumulator is not None:
                accumulator.batch_weight.assign(weight)
            return self._tensorflow_train_step(*data)
        state = args[0]
        if accumulator is not None:
            state = (
                *state[:2],
                self._with_weight(state[2], accumulator, weight),
                *state[3:],
            )
        return super().train_step(state, data)

    def _tensorflow_train_step(self, x, y, sample_weight):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x, y, y_pred, sample_weight, training=True)
            loss = self.optimizer.scale_loss(loss)
        variables = self.trainable_weights
        self.optimizer.apply(
            [
                None if gradient is None else tf.convert_to_tensor(gradient)
                for gradient in tape.gradient(loss, variables)
            ],
            variables,
        )
        return self.compute_metrics(x, y, y_pred, sample_weight)

    def _with_weight(self, optimizer_variables, accumulator, weight):
        """The values of the optimizer's variables, the batch's weight among them."""
        return [
            weight if variable is accumulator.batch_weight else value
            for variable, value in zip(
                self.optimizer.variables, optimizer_variables, strict=True
            )
        ]

    def test_step(self, *args: Any) -> Any:
        result = super().test_step(*args)
        logs = result if isinstance(result, dict) else result[0]
        logs.pop("auxiliary_loss", None)  # Of training only.
        return result

    def fit(self, *args: Any, class_weight: None = None, **kwargs: Any) -> Any:
        """As `keras.Model.fit`, without `class_weight`, which raises a ValueError."""
        _refuse(class_weight)
        return super().fit(*args, **kwargs)

    def train_on_batch(
        self,
        x: Tensor,
        y: Tensor | None = None,
        sample_weight: Tensor | None = None,
        class_weight: None = None,
        **kwargs: Any,
    ) -> Any:
        """As `keras.Model.train_on_batch`, without `class_weight`; see `fit`."""
        _refuse(class_weight)
        return super().train_on_batch(x, y, sample_weight, **kwargs)


def _accumulator(optimizer):
    """Of an optimizer and those within, the one that asks for a batch's weight."""
    while optimizer is not None and not hasattr(optimizer, "batch_weight"):
        optimizer = getattr(optimizer, "inner_optimizer", None)
    return optimizer


def _refuse(class_weight):
    if class_weight is not None:
        raise ValueError(
            "class_weight weighs rows by the one label that each has, and here each "
            "row has T of them; pass a weight for each token instead, "
            "sample_weight=weights[labels], (B, T), with an array of a weight for each "
            "token id"
        )
