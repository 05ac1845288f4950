"""One update from several batches, in which each token counts the same.

    gradient of the update = Σ w_b g_b / Σ w_b       g_b: gradient of the batch's mean
                                                     w_b: what it was divided by

That is the gradient of the mean over all tokens of all batches, which a mean of the
g_b is not: there, a token of a short batch counts for more. The same two sums, added up
over devices too, will make one update of what several devices have read.
"""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Tensor


@keras.saving.register_keras_serializable(package="keras_attention")
class TokenAccumulation(keras.optimizers.Optimizer):
    """Gives an optimizer the gradient of `steps` batches as if they were one.

    The optimizer within sees updates, not batches: its schedule, its moments, its
    clipping, its weight decay and its moving average of weights are those of training
    on the whole. A window of batches may lie on both sides of the end of an epoch, of
    a validation or of a resume. One that is not full when training ends is left out.
    A batch whose gradients overflow float16 is not part of a window, which then waits
    for another.

    Args:
        inner_optimizer: `keras.optimizers.Optimizer`, without
            `gradient_accumulation_steps`.
        steps: int. Batches to an update.
        name: str.

    Attributes:
        batch_weight: variable. What the next batch weighs; models of this package set
            it, by their `train_step`, to the weight of its tokens. 1 where nobody does,
            and then batches count alike, as with Keras's `gradient_accumulation_steps`.

    Raises:
        ValueError: less than one step, or an optimizer that accumulates already.

    Example:

    >>> optimizer = TokenAccumulation(keras.optimizers.SGD(1.0), steps=2)
    >>> weight = keras.Variable([0.0])
    >>> optimizer.apply([np.array([1.0], "float32")], [weight])
    >>> optimizer.batch_weight.assign(3.0)  # As a batch of three times as many tokens.
    <...>
    >>> optimizer.apply([np.array([5.0], "float32")], [weight])
    >>> np.asarray(weight).tolist()  # −(1 · 1 + 3 · 5) / (1 + 3)
    [-4.0]

    References:
        [Ott et al., 2018](https://arxiv.org/abs/1806.00187).
    """

    def __init__(
        self,
        inner_optimizer: keras.optimizers.Optimizer,
        steps: int,
        name: str = "token_accumulation",
    ) -> None:
        if steps < 1:
            raise ValueError(f"steps must be at least 1; received {steps}")
        if inner_optimizer.gradient_accumulation_steps:
            raise ValueError(
                "inner_optimizer accumulates gradients itself, by batches; leave out "
                "its gradient_accumulation_steps="
                f"{inner_optimizer.gradient_accumulation_steps}"
            )
        super().__init__(learning_rate=0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.steps = steps

    def build(self, variables: list[Any]) -> None:
        """Makes the sums of a window, one like each of `variables`."""
        if self.built:
            return
        scalar = {"shape": (), "dtype": "float32"}
        self.batch_weight = self.add_variable(
            **scalar, initializer="ones", name="batch_weight"
        )
        self.window_weight = self.add_variable(**scalar, name="window_weight")
        self.num_batches = self.add_variable(**scalar, name="num_batches")
        self.gradient_sums = [
            self.add_variable_from_reference(variable, name="gradient_sum")
            for variable in variables
        ]
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def variables(self) -> list[Any]:
        """The window's, then those of the optimizer within."""
        return super().variables + self.inner_optimizer.variables

    def apply(
        self, grads: list[Any], trainable_variables: list[Any] | None = None
    ) -> None:
        """Takes a batch into the window; the last of it makes the update.

        Args:
            grads: list of tensors, of the shapes of the variables; None where a
                variable has no gradient.
            trainable_variables: list of as many variables.
        """
        if not self.built:
            self.build(list(trainable_variables))  # type: ignore[arg-type]  # given at first
        sums = self._add(grads)

        def update():
            self.inner_optimizer.apply(self._means(sums), trainable_variables)
            self._empty()

        ops.cond(self._is_full(), update, lambda: None)

    def stateless_apply(
        self,
        optimizer_variables: list[Any],
        grads: list[Any],
        trainable_variables: list[Any],
    ) -> Any:
        """As `apply`, of values; returns the new ones, of variables and optimizer."""
        ours = super().variables
        # A loss scale gives variables, whose values are those of its own scope.
        values = [ops.convert_to_tensor(value) for value in optimizer_variables]
        window, inner = values[: len(ours)], values[len(ours) :]
        mapping = list(zip(ours, window, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            means = self._means(self._add(grads))
            is_full = self._is_full()
        open_window = [scope.get_current_value(variable) for variable in ours]
        mapping = list(zip(ours, open_window, strict=True))
        with keras.StatelessScope(state_mapping=mapping) as scope:
            self._empty()
        empty_window = [scope.get_current_value(variable) for variable in ours]

        def update():
            trained, new_inner = self.inner_optimizer.stateless_apply(
                inner, means, trainable_variables
            )
            return list(trained), empty_window + list(new_inner)

        return ops.cond(
            is_full,
            update,
            lambda: (list(trainable_variables), open_window + inner),
        )

    def _add(self, grads):
        """Takes a batch into the window; returns the sums, None without a gradient."""
        sums = []
        for gradient_sum, gradient in zip(self.gradient_sums, grads, strict=True):
            if gradient is not None:
                weight = ops.cast(self.batch_weight, gradient_sum.dtype)
                gradient_sum.assign_add(weight * ops.cast(gradient, gradient_sum.dtype))
            sums.append(None if gradient is None else gradient_sum)
        self.window_weight.assign_add(self.batch_weight)
        self.num_batches.assign_add(1.0)
        return sums

    def _is_full(self):
        return self.num_batches >= self.steps

    def _means(self, sums):
        # A window of nothing but padding has no gradient.
        return [
            None
            if gradient_sum is None
            else ops.divide_no_nan(
                gradient_sum, ops.cast(self.window_weight, gradient_sum.dtype)
            )
            for gradient_sum in sums
        ]

    def _empty(self):
        for variable in (self.window_weight, self.num_batches, *self.gradient_sums):
            variable.assign(ops.zeros(variable.shape, variable.dtype))

    # What a schedule, a callback or a loss scale wants to know is the inner one's.

    @property
    def iterations(self) -> Any:
        """Updates made, not batches: an int variable."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """Of the next update, a float scalar."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: Any) -> Any:
        self.inner_optimizer.learning_rate = learning_rate

    def scale_loss(self, loss: Tensor) -> Tensor:
        return self.inner_optimizer.scale_loss(loss)

    def finalize_variable_values(self, var_list: list[Any]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": keras.saving.serialize_keras_object(
                self.inner_optimizer
            ),
            "steps": self.steps,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Any:
        inner = keras.saving.deserialize_keras_object(
            config.pop("inner_optimizer"), custom_objects=custom_objects
        )
        return cls(inner, **config)


def innermost(optimizer):
    """The optimizer that updates weights, within those that scale or accumulate."""
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer
