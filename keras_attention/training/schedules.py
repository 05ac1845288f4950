"""Learning rates: up over a warm-up, then down."""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Tensor
from keras_attention.choices import DECAYS


@keras.saving.register_keras_serializable(package="keras_attention")
class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to `learning_rate`, then one of four ways on.

        inverse_sqrt:  learning_rate · √(warmup_steps / step)
        cosine:        a half cosine down to zero at `total_steps`
        linear:        a straight line down to zero at `total_steps`
        constant:      learning_rate

    With `learning_rate = (model_dim · warmup_steps)^-½`, "inverse_sqrt" is the
    schedule of Vaswani et al.

    Args:
        learning_rate: float. The highest rate.
        warmup_steps: int. Updates from zero to there.
        decay: str. One of the four above.
        total_steps: int, in updates. Where cosine and linear end; they need it.

    Call arguments:
        step: int scalar. Updates made before this one.

    Returns:
        float32 scalar: the rate of this update, above zero from the first on.

    Raises:
        ValueError: an unknown decay, or "cosine" or "linear" without `total_steps`.

    Example:

    >>> schedule = WarmupSchedule(1.0, warmup_steps=4, decay="inverse_sqrt")
    >>> [round(float(schedule(step)), 2) for step in (0, 3, 15)]
    [0.25, 1.0, 0.5]

    References:
        inverse_sqrt: [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), section
        5.3; warm-up: [Goyal et al., 2017](https://arxiv.org/abs/1706.02677), section
        2.2; cosine: [Loshchilov & Hutter, 2017](https://arxiv.org/abs/1608.03983),
        section 3.
    """

    def __init__(
        self,
        learning_rate: float,
        warmup_steps: int = 0,
        decay: str = "constant",
        total_steps: int | None = None,
    ) -> None:
        if decay not in DECAYS:
            raise ValueError(
                f"decay must be one of {', '.join(DECAYS)}; received {decay!r}"
            )
        if decay in ("cosine", "linear") and not total_steps:
            raise ValueError(f"decay={decay!r} needs total_steps, where it ends")
        self.learning_rate = learning_rate
        self.warmup_steps = warmup_steps
        self.decay = decay
        self.total_steps = total_steps

    def __call__(self, step: Tensor) -> Tensor:
        """The rate of the update after `step` others, both scalars."""
        # The first update is step 0; it should already move.
        step = ops.cast(step, "float32") + 1.0
        warmup = float(max(self.warmup_steps, 1))
        rise = ops.minimum(step / warmup, 1.0)
        return self.learning_rate * rise * self._factor(step, warmup)

    def _factor(self, step, warmup):
        if self.decay == "constant":
            return 1.0
        if self.decay == "inverse_sqrt":
            return ops.sqrt(warmup / ops.maximum(step, warmup))
        span = max(self.total_steps - warmup, 1.0)
        progress = ops.clip((step - warmup) / span, 0.0, 1.0)
        if self.decay == "linear":
            return 1.0 - progress
        return 0.5 * (1.0 + ops.cos(3.141592653589793 * progress))

    def get_config(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            "decay": self.decay,
            "total_steps": self.total_steps,
        }
