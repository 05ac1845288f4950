"""What the three families share, and all that the rest of the package knows of them."""

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import keras
from keras import ops, tree

from keras_attention.annotations import Shape, Tensor
from keras_attention.layers.guided_alignment import alignment_loss
from keras_attention.layers.quantization import KeepsQuantization, quick_collections
from keras_attention.layers.soft_image import doubly_stochastic_penalty
from keras_attention.models.token_weights import TokenWeighted
from keras_attention.special_tokens import PAD_ID


class Memory(NamedTuple):
    """The encoded source, as attention reads it.

    Attributes:
        value: float `(B, S, value_dim)`.
        key: of `value`, projected once, in whatever layout the family's steps read
            best.
        mask: bool `(B, S)`, False at padding.
    """

    value: Any
    key: Any
    mask: Any


def ids_spec(name):
    """Of ids `(B, length)`."""
    return keras.InputSpec(shape=(None, None), dtype="int32", name=name)


def padded(inputs):
    """Inputs whose ragged rows of ids, which TensorFlow has, end with padding."""
    return {
        name: ops.convert_to_tensor(value, ragged=False)
        if name.endswith("_ids")
        else value
        for name, value in inputs.items()
    }


class EncoderDecoder(KeepsQuantization, TokenWeighted):
    """An encoder that remembers and a decoder that steps.

    Calling the model runs teacher forcing. Decoding, plots and export use what stands
    below and nothing else.

    Args:
        **kwargs: `name`, `dtype` and the like, for `keras.Model`.

    Call arguments:
        inputs: dict of tensors: those of the source that the family reads, and
            `target_ids`, int `(B, T)`, which begin with the start token.
        return_attention_scores: bool.
        training: bool.

    Returns:
        Logits, float32 `(B, T, target_vocabulary_size)`, and if asked scores
        `(B, T, S)`, in the model's `compute_dtype`.

    Attributes:
        guided_alignment: float. Weight of the loss that draws attention to the
            `alignments` of a batch, `(B, T, S)`, where it has them: row `t` says how
            much label `t` belongs to each source position. For training only, and
            no part of the configuration.
        doubly_stochastic: float, λ. Weight of the loss that wants each source
            position attended to as much as all others, over a whole target. As above.
        attends: bool. Whether there is attention; scores are all zero where not.
        presets: dict. Arguments of usual sizes by name, as `**presets["tiny"]`.

    Raises:
        ValueError: in training, sample weights that are neither `(B,)` nor `(B, T)`, or
            `class_weight`.
        NotImplementedError: by what a family has to define, and does not.

    Example:

    >>> model = Transformer(9, 9, **Transformer.presets["tiny"])
    >>> model.build()
    >>> memory, state = model.encode({"source_ids": np.array([[4, 5, 3]])})
    >>> logits, state = model.step(np.array([2]), state, memory)
    >>> tuple(logits.shape), tuple(state.attention_scores.shape)
    ((1, 9), (1, 3))

    References:
        [Cho et al., 2014](https://arxiv.org/abs/1406.1078), section 2.2;
        [Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473), sections 2.1 and 3.1.
    """

    built: bool
    target_vocabulary_size: int
    presets: dict[str, dict[str, Any]] = {}
    attends = True
    guided_alignment = 0.0
    doubly_stochastic = 0.0

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Any:
        model = super().from_config(config, custom_objects)
        if config.get("quantization"):
            model.build()
            model.restore_quantization()
        return model

    def quantize(
        self, mode: str | None = None, config: Any = None, **kwargs: Any
    ) -> None:
        """As `keras.Model.quantize`, which is slow in a process of many objects."""
        with quick_collections():
            super().quantize(mode, config, **kwargs)

    def source_signature(self) -> dict[str, Any]:
        """Shapes and dtypes of a source, a dict of `keras.InputSpec` by input."""
        raise NotImplementedError

    def export(
        self,
        filepath: str | Path,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: Any = None,
        **kwargs: Any,
    ) -> None:
        """As `keras.Model.export`, which would want the model called before.

        The graph gives the logits of teacher forcing, for any number of rows and
        tokens; `keras_attention.export` writes graphs that take strings and search.

        Args:
            input_signature: of what `call` takes, `[{"source_ids": …}]`; ids and
                pixels as in training where None.
            others: of `keras.Model.export`.
        """
        if not self.built:
            self.build()
        if input_signature is None:
            target = {"target_ids": ids_spec("target_ids")}
            input_signature = [{**self.source_signature(), **target}]
        super().export(filepath, format, verbose, input_signature, **kwargs)

    def parameter_counts(self) -> dict[str, int]:
        """How many parameters each part has, a dict; numbered parts are one.

        For comparing twins: they add up to `count_params()`.
        """
        counts = {}
        for layer in {id(layer): layer for layer in self.layers}.values():
            part = re.sub(r"(_\d+)+$", "", layer.name)
            count = sum(math.prod(weight.shape) for weight in layer.weights)
            if count:
                counts[part] = counts.get(part, 0) + count
        return counts

    @property
    def trains_compiled(self) -> bool:
        """Whether XLA can compile training: no layer inside says otherwise."""
        return all(layer.supports_jit for layer in self._flatten_layers())

    @property
    def adds_losses(self) -> bool:
        """Whether `guide` may add losses: a weight of one of them is not zero."""
        return bool(self.guided_alignment or self.doubly_stochastic)

    def is_guided(self, inputs: dict[str, Tensor]) -> bool:
        """Whether `guide` has something to say of attention in this batch."""
        aligned = self.guided_alignment and "alignments" in inputs
        return bool(self.attends and (aligned or self.doubly_stochastic))

    def guide(
        self, inputs: dict[str, Tensor], attention_scores: Tensor, value_mask: Tensor
    ) -> None:
        """Adds the losses of attention `(B, T, S)`, if it is said how it should be;
        `value_mask` `(B, S)` is the memory's.

        For `call` in training; see `alignment_loss` and `doubly_stochastic_penalty`.
        Both are per token of the batch, as cross-entropy is: to that the papers' λ
        compare them, and so do batches add up to larger ones. A token counts by
        `target_weights` `(B, T)`, where `train_step` has put it, else by being real.
        """
        if not self.is_guided(inputs):
            return
        real = ops.cast(ops.not_equal(inputs["target_ids"], PAD_ID), "float32")
        weights = inputs.get("target_weights", real)  # (B, T)
        num_tokens = ops.sum(weights)
        if self.guided_alignment and "alignments" in inputs:
            loss = alignment_loss(inputs["alignments"], attention_scores, weights)
            self.add_loss(self.guided_alignment * loss)
        if self.doubly_stochastic:
            penalties = doubly_stochastic_penalty(
                attention_scores, real, value_mask
            )  # (B,)
            # A row that fills up the batch is no sentence that failed to attend.
            row_weights = ops.divide_no_nan(ops.sum(weights, 1), ops.sum(real, 1))
            penalty = ops.divide_no_nan(ops.sum(row_weights * penalties), num_tokens)
            self.add_loss(self.doubly_stochastic * penalty)

    def source_length(self, input_shape: dict[str, Shape]) -> int | None:
        """The positions of the source, None if unknown, of a dict of inputs' shapes."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: dict[str, Shape]) -> Shape:
        """The logits', of a dict of inputs' shapes."""
        return (*input_shape["target_ids"], self.target_vocabulary_size)

    def compute_output_spec(
        self,
        inputs: dict[str, Tensor],
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        shapes = {name: tensor.shape for name, tensor in inputs.items()}
        shape = self.compute_output_shape(shapes)
        logits = keras.KerasTensor(shape, dtype="float32")
        if not return_attention_scores:
            return logits
        shape = (*shape[:-1], self.source_length(shapes))
        return logits, keras.KerasTensor(shape, dtype=self.compute_dtype)

    def source_mask(self, inputs: dict[str, Tensor]) -> Tensor:
        """Which source positions are there, bool `(B, S)`; False at padding."""
        return ops.not_equal(inputs["source_ids"], PAD_ID)

    def encode(
        self, inputs: dict[str, Tensor], num_steps: int | None = None
    ) -> tuple[Memory, Any]:
        """Reads the source.

        Args:
            inputs: dict of tensors; what is needed of it is up to the family.
            num_steps: int or int scalar tensor. How many calls of `step` the state
                must have room for; a family's own default where None.

        Returns:
            `(memory, state)`: what is attended to, and where decoding starts.
        """
        raise NotImplementedError

    def step(self, token_ids: Tensor, state: Any, memory: Memory) -> Any:
        """Feeds one token to each of `N` hypotheses.

        Args:
            token_ids: int `(N,)`. `N` is a multiple of the memory's `B`: the
                hypotheses of a source row are adjacent and share its memory.
            state: what `encode`, `repeat_state`, `gather_state` or the step before
                returned.
            memory: what `encode` returned, never copied for hypotheses.

        Returns:
            `(logits, state)`, logits `(N, vocabulary)`; `state.attention_scores` is
            `(N, S)`: what this step attended to.
        """
        raise NotImplementedError

    def repeat_state(self, state: Any, count: int) -> Any:
        """The state of `count` hypotheses, int, in place of each one.

        What is `(N, …)` becomes `(N · count, …)`, the copies of a row adjacent.

        A search begins with it, since `encode` returns one hypothesis for each row.
        Families whose state is not batch-major throughout override it.
        """
        num_rows = ops.shape(state.attention_scores)[0]
        indices = ops.repeat(ops.arange(num_rows), count)
        return tree.map_structure(lambda leaf: ops.take(leaf, indices, axis=0), state)

    def grow_state(self, state: Any, num_steps: int | Tensor) -> Any:
        """The state with room for `num_steps` steps in all, of which some were taken.

        Families whose state keeps all steps override it; of others it is as it was.
        """
        return state

    def gather_state(self, state: Any, indices: Tensor) -> Any:
        """The state in which hypothesis `n` goes on from hypothesis `indices[n]`.

        Args:
            state: what `step` returned.
            indices: int `(N,)`, each pointing to a hypothesis of the same source row.

        Returns:
            The state, of the same shapes.

        Families whose state is not batch-major throughout override it.
        """
        return tree.map_structure(lambda leaf: ops.take(leaf, indices, axis=0), state)
