"""Scheduled sampling: a decoder in training learns to go on from its own words."""

import math
from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Shape, Tensor
from keras_attention.choices import SAMPLING_SCHEDULES


@keras.saving.register_keras_serializable(package="keras_attention")
class ScheduledSampling(keras.layers.Layer):
    """Tosses a coin for each token: shown the right one, or the model's own?

    With probability ε the decoder sees the right token, else one drawn from what it
    said itself a step before. ε falls with the number `i` of batches seen:

        linear            ε = max(least, 1 − c i)
        exponential       ε = max(least, k^i)
        inverse_sigmoid   ε = max(least, k / (k + exp(i / k)))

    c or k are such that ε is one half after `half_steps`, so that schedules can be
    exchanged. (The third starts at k / (k + 1), not at 1.)

    Args:
        schedule: "linear", "exponential" or "inverse_sigmoid".
        half_steps: int. Batches after which half of the tokens are the model's own.
        least: float. ε does not fall below it.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        token_ids: int `(T, B)`, the right tokens.

    Returns:
        `(shown, uniforms)`, both `(T, B)`: bool, True where the right token is shown;
        and float32 numbers from 0 to 1 with which to draw from the model. Each call
        counts as one batch.

    Raises:
        ValueError: an unknown schedule, or numbers out of range.

    Example:

    >>> sampling = ScheduledSampling("linear", half_steps=100)
    >>> [round(float(sampling.teacher_share(step)), 2) for step in (0, 100, 200)]
    [1.0, 0.5, 0.0]
    >>> shown, uniforms = sampling(np.ones((3, 2), int))
    >>> bool(np.asarray(shown).all()), tuple(uniforms.shape)
    (True, (3, 2))

    References:
        [Bengio et al., 2015](https://arxiv.org/abs/1506.03099), section 2.4.
    """

    def __init__(
        self,
        schedule: str = "inverse_sigmoid",
        half_steps: int = 2000,
        least: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if schedule not in SAMPLING_SCHEDULES:
            raise ValueError(
                f"schedule must be one of {', '.join(SAMPLING_SCHEDULES)}; received "
                f"{schedule!r}"
            )
        if half_steps < 1 or not 0 <= least <= 1:
            raise ValueError(
                "half_steps must be at least 1 and least from 0 to 1; received "
                f"half_steps={half_steps}, least={least}"
            )
        self.schedule = schedule
        self.half_steps = half_steps
        self.least = least
        self.seed_generator = keras.random.SeedGenerator()
        self.num_batches = self.add_weight(
            shape=(),
            initializer="zeros",
            # In bfloat16 it would stop at 256.
            dtype="float32",
            autocast=False,
            trainable=False,
            name="num_batches",
        )

    def build(self, input_shape: Shape) -> None:
        pass

    @property
    def weights(self) -> list[Any]:
        """None: like a seed, the counter is a variable of training, no parameter.

        A model has the same weights with this layer and without.
        """
        return []

    def teacher_share(self, num_batches: Tensor) -> Tensor:
        """ε after so many batches, a float32 scalar tensor or array."""
        i = ops.cast(num_batches, "float32")
        if self.schedule == "linear":
            share = 1 - i / (2 * self.half_steps)
        elif self.schedule == "exponential":
            share = ops.power(0.5, i / self.half_steps)
        else:
            k = _inverse_sigmoid_constant(self.half_steps)
            share = ops.sigmoid(math.log(k) - i / k)
        return ops.maximum(share, self.least)

    def call(self, token_ids: Tensor) -> tuple[Tensor, Tensor]:
        shape = ops.shape(token_ids)
        coins = keras.random.uniform(shape, seed=self.seed_generator, dtype="float32")
        uniforms = keras.random.uniform(
            shape, seed=self.seed_generator, dtype="float32"
        )
        shown = coins < self.teacher_share(self.num_batches)
        self.num_batches.assign_add(1)
        return shown, uniforms

    def compute_output_shape(self, input_shape: Shape) -> tuple[Shape, Shape]:
        """Those of `shown` and `uniforms`."""
        return tuple(input_shape), tuple(input_shape)

    def compute_output_spec(self, token_ids: Tensor) -> Any:
        shown, uniforms = self.compute_output_shape(token_ids.shape)
        return (
            keras.KerasTensor(shown, dtype="bool"),
            keras.KerasTensor(uniforms, dtype="float32"),
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "schedule": self.schedule,
            "half_steps": self.half_steps,
            "least": self.least,
        }


def _inverse_sigmoid_constant(half_steps):
    """The k for which ε = k / (k + exp(i / k)) is one half at i = half_steps.

    That is where k ln k = i; Newton's method on it.
    """
    k = max(2.0, half_steps / math.log(half_steps + 2))
    for _ in range(50):
        k -= (k * math.log(k) - half_steps) / (math.log(k) + 1)
    return k


def draw_tokens(logits, uniforms):
    """Draws from softmax(logits), by inverting its cumulative sum.

    Args:
        logits: float `(N, V)`.
        uniforms: float `(N,)`, at least 0 and below 1.

    Returns:
        int32 `(N,)`. No gradient flows back.
    """
    probabilities = ops.softmax(ops.cast(ops.stop_gradient(logits), "float32"), axis=-1)
    below = ops.cumsum(probabilities, axis=-1) <= uniforms[:, None]
    last = ops.shape(logits)[-1] - 1  # Rounding may leave the whole sum below one.
    return ops.minimum(ops.sum(ops.cast(below, "int32"), axis=-1), last)
