"""Forced decoding: how probable a model finds a given output, and its attention."""

import functools
from typing import TYPE_CHECKING

import keras
from keras import ops

from keras_attention.annotations import Tensor
from keras_attention.decoding.hypotheses import Hypotheses
from keras_attention.decoding.options import DecodingOptions
from keras_attention.decoding.programs import compiled
from keras_attention.decoding.ranking import Ranking
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

if TYPE_CHECKING:
    from keras_attention.models.encoder_decoder import EncoderDecoder


def force_decode(model, inputs, token_ids, options):
    """Scores outputs that somebody else wrote, by teacher forcing.

    Runs inside whatever graph or trace it is called from; `ForcedDecoder` compiles it.

    Args:
        model: `EncoderDecoder`.
        inputs: dict of tensors, as `model.encode` takes it.
        token_ids: int `(B, T)`. Outputs, each with END, zeros after it.
        options: `DecodingOptions`, for the penalties of scores.

    Returns:
        `Hypotheses`, one for each row, with the attention of models that have it. No
        rule of `options` forbids a token: an output too short for them has the
        probability it has.
    """
    token_ids = ops.cast(token_ids, "int32")
    before = ops.where(ops.equal(token_ids, END_ID), PAD_ID, token_ids)[:, :-1]
    start = ops.full_like(token_ids[:, :1], START_ID)
    inputs = {**inputs, "target_ids": ops.concatenate([start, before], axis=1)}
    logits, attention_scores = model(inputs, return_attention_scores=True)
    spoken = ops.cast(ops.not_equal(token_ids, PAD_ID), "float32")  # (B, T)
    log_probs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    log_probs = ops.take_along_axis(log_probs, token_ids[..., None], axis=-1)[..., 0]
    log_probs = ops.sum(log_probs * spoken, axis=1, keepdims=True)  # (B, 1)
    attention_scores = ops.cast(attention_scores, "float32") * spoken[..., None]
    lengths = ops.cast(ops.sum(spoken, axis=1, keepdims=True), "int32")
    coverage = ops.sum(attention_scores, axis=1, keepdims=True)  # (B, 1, S)
    source_mask = model.source_mask(inputs)
    scores = Ranking(options, source_mask).score(log_probs, lengths, coverage)
    kept = attention_scores[:, None] if model.attends else ()
    return Hypotheses(token_ids[:, None], lengths, scores, log_probs, kept)


class ForcedDecoder:
    """Forces batches of outputs on one model, compiling once per shape.

    Says how probable a model finds what somebody else wrote, and where it attends then.

    Args:
        model: `EncoderDecoder`, built.

    Call: see `__call__`.

    Example:

    >>> decoder = ForcedDecoder(Transformer(9, 9, **PRESETS["tiny"]))
    >>> source_ids = np.array([[4, 5, 3]], "int32")
    >>> token_ids = np.array([[6, 3]], "int32")
    >>> hypotheses = decoder({"source_ids": source_ids}, token_ids, DecodingOptions())
    >>> tuple(hypotheses.attention_scores.shape)
    (1, 1, 2, 3)
    """

    def __init__(self, model: "EncoderDecoder") -> None:
        self.model = model
        self._compiled = functools.lru_cache(maxsize=8)(self._compile)

    def __call__(
        self, inputs: dict[str, Tensor], token_ids: Tensor, options: DecodingOptions
    ) -> Hypotheses:
        """Scores one batch of outputs by teacher forcing.

        Args:
            inputs: dict of arrays, as `model.encode` takes it.
            token_ids: int32 `(B, T)`. Outputs, each with the end token, zeros after it.
            options: `DecodingOptions`, for the penalties of scores alone.

        Returns:
            `Hypotheses`, of NumPy arrays, one of each row; `attention_scores`
            `(B, 1, T, S)` if the model attends.
        """
        found = self._compiled(options)(inputs, token_ids)
        return keras.tree.map_structure(ops.convert_to_numpy, found)

    def _compile(self, options):
        def run(inputs, token_ids):
            return force_decode(self.model, inputs, token_ids, options)

        return compiled(self.model, run)
