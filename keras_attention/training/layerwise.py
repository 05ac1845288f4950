"""Adam whose learning rate differs by variable (discriminative fine-tuning)."""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class LayerwiseAdam(keras.optimizers.Adam):
    """Adam, or AdamW, that multiplies the learning rate of each variable.

        θ_i ← θ_i − factor_i · learning_rate · (Adam's step_i + weight_decay · θ_i)

    All else is of the whole: one schedule, one norm to clip by, one moving average of
    weights. `keras.optimizers.MultiOptimizer` clips each part by a norm of its own, and
    gradients cannot be multiplied instead: Adam divides by their size.

    Args:
        factors: list of float, one for each variable, in the order of `build`.
        weight_decay: float, optional, decoupled as AdamW's.
        **kwargs: of `keras.optimizers.Adam`.

    Raises:
        ValueError: when built, another number of variables than of factors.

    Example:

    >>> dense = keras.layers.Dense(1)
    >>> dense.build((None, 2))
    >>> optimizer = LayerwiseAdam([0.1, 1.0], learning_rate=1e-3)  # kernel, bias
    >>> optimizer.build(dense.trainable_variables)

    References:
        [Howard & Ruder, 2018](https://arxiv.org/abs/1801.06146), section 3.2;
        [Loshchilov & Hutter, 2019](https://arxiv.org/abs/1711.05101), algorithm 2.
    """

    def __init__(
        self, factors: list[float], weight_decay: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.factors = list(factors)
        # Keras would apply its own with the learning rate of all.
        self.decoupled_decay = weight_decay

    def build(self, variables: list[Any]) -> None:
        if len(variables) != len(self.factors):
            raise ValueError(
                f"expected a factor for each of {len(variables)} variables; received "
                f"{len(self.factors)} factors"
            )
        super().build(variables)

    def update_step(
        self, gradient: Tensor, variable: Any, learning_rate: Tensor
    ) -> None:
        factor = self.factors[self._get_variable_index(variable)]
        learning_rate = ops.cast(learning_rate, variable.dtype) * factor
        if self.decoupled_decay:
            self.assign_sub(variable, variable * self.decoupled_decay * learning_rate)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "factors": self.factors,
            "weight_decay": self.decoupled_decay,
        }
