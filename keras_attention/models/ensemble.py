"""Several models that write one output together."""

import math
from typing import Any, NamedTuple

from keras import ops

from keras_attention.annotations import Shape, Tensor
from keras_attention.models.encoder_decoder import EncoderDecoder, Memory


class EnsembleState(NamedTuple):
    """What each model carries from one token to the next."""

    states: Any  # a tuple, one of each model
    attention_scores: Any  # (N, S), the mean of those that attend


class Ensemble(EncoderDecoder):
    """Decodes with the mean of what several models find probable, at every step.

        p(y_t | y_<t, x) = 1/M · Σ_m p_m(y_t | y_<t, x)

    The models may be of different families and sizes; they share vocabularies, and
    source positions, so that `attention_scores` are the mean of those that attend.

    Args:
        models: list of `EncoderDecoder`, built.
        **kwargs: `name`, `dtype` and the like, for `keras.Model`.

    Call arguments:
        inputs: dict of tensors, as each model takes it.
        return_attention_scores: bool.

    Returns:
        Log-probabilities `(B, T, vocabulary)`, float32, and if asked scores
        `(B, T, S)`.

    Raises:
        ValueError: for no model, or models that write other vocabularies.

    Example:

    >>> models = [Transformer(9, 9, **PRESETS["tiny"]) for _ in range(2)]
    >>> ids = np.array([[4, 5, 3]])
    >>> log_probs = Ensemble(models)({"source_ids": ids, "target_ids": ids})
    >>> np.allclose(np.exp(log_probs).sum(-1), 1, atol=1e-5)
    True

    References:
        [Sutskever et al., 2014](https://arxiv.org/abs/1409.3215), section 3.6.
    """

    def __init__(self, models: list[EncoderDecoder], **kwargs: Any) -> None:
        models = list(models)
        sizes = [model.target_vocabulary_size for model in models]
        if len(set(sizes)) != 1:
            raise ValueError(
                "an ensemble takes models that write one vocabulary; received "
                + (f"target_vocabulary_size of {sizes}" if sizes else "no model")
            )
        super().__init__(**kwargs)
        self.models = models
        self.target_vocabulary_size = sizes[0]
        self.attends = any(model.attends for model in models)
        self.built = all(model.built for model in models)

    def build(self, input_shape: Shape | None = None) -> None:
        for model in self.models:
            if not model.built:
                model.build()

    def call(
        self,
        inputs: dict[str, Tensor],
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        logits, scores = zip(
            *(
                model(inputs, return_attention_scores=True, training=training)
                for model in self.models
            ),
            strict=True,
        )
        log_probs = self._mean_log_probs(logits)
        if return_attention_scores:
            return log_probs, self._mean_scores(scores)
        return log_probs

    @property
    def image_size(self) -> int:
        """Pixels along each side of an image, where the models caption."""
        return self.models[0].image_size

    @property
    def grid_size(self) -> int:
        """Regions along each side, where the models caption."""
        return self.models[0].grid_size

    def source_signature(self) -> dict[str, Any]:
        return self.models[0].source_signature()

    def source_length(self, input_shape: dict[str, Shape]) -> int | None:
        return self.models[0].source_length(input_shape)

    def source_mask(self, inputs: dict[str, Tensor]) -> Tensor:
        return self.models[0].source_mask(inputs)

    def encode(
        self, inputs: dict[str, Tensor], num_steps: int | None = None
    ) -> tuple[Memory, Any]:
        memories, states = zip(
            *(model.encode(inputs, num_steps) for model in self.models), strict=True
        )
        memory = Memory(memories[0].value, memories, memories[0].mask)
        return memory, self._state(states)

    def step(self, token_ids: Tensor, state: Any, memory: Memory) -> Any:
        logits, states = zip(
            *(
                model.step(token_ids, its_state, its_memory)
                for model, its_state, its_memory in zip(
                    self.models, state.states, memory.key, strict=True
                )
            ),
            strict=True,
        )
        return self._mean_log_probs(logits), self._state(states)

    def repeat_state(self, state: Any, count: int) -> Any:
        return self._state(
            model.repeat_state(its_state, count)
            for model, its_state in zip(self.models, state.states, strict=True)
        )

    def grow_state(self, state: Any, num_steps: int | Tensor) -> Any:
        return self._state(
            model.grow_state(its_state, num_steps)
            for model, its_state in zip(self.models, state.states, strict=True)
        )

    def gather_state(self, state: Any, indices: Tensor) -> Any:
        return self._state(
            model.gather_state(its_state, indices)
            for model, its_state in zip(self.models, state.states, strict=True)
        )

    def get_config(self) -> dict[str, Any]:
        """An ensemble has none, and cannot be saved as one model.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            "an ensemble has no configuration of its own and is not saved as one "
            "model: keep the bundles that it was loaded from, or export it"
        )

    def _state(self, states):
        states = tuple(states)
        return EnsembleState(
            states, self._mean_scores([state.attention_scores for state in states])
        )

    def _mean_scores(self, scores):
        attending = [
            ops.cast(its_scores, "float32")
            for model, its_scores in zip(self.models, scores, strict=True)
            if model.attends or not self.attends
        ]
        total = sum(attending[1:], attending[0])
        return ops.cast(total / len(attending), self.compute_dtype)

    def _mean_log_probs(self, logits):
        log_probs = ops.stack(
            [ops.log_softmax(ops.cast(its, "float32"), axis=-1) for its in logits]
        )
        # A float32 probability of 1e-40 is none: logarithms are added up.
        return ops.logsumexp(log_probs, axis=0) - math.log(len(self.models))
