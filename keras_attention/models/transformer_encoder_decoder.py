"""The base of Transformers of all tasks: stacks of encoder and decoder blocks."""

import math
from typing import Any, NamedTuple

import keras
from keras import ops, tree

from keras_attention.annotations import Tensor
from keras_attention.layers.position import SinePositionEncoding
from keras_attention.layers.token_embedding import embed, tied_logits, token_embedding
from keras_attention.layers.transformer import (
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)
from keras_attention.models.encoder_decoder import EncoderDecoder, Memory, padded


class TransformerState(NamedTuple):
    """What the decoder carries from one token to the next.

    Hypotheses change slots as a beam is pruned; what they said stays where it was
    written, and `ancestors` remembers where that is.
    """

    index: Any  # (): tokens fed so far
    caches: Any  # per block (keys, values), each (B · H, num_steps, beams, dim)
    ancestors: Any  # int (N, num_steps): the slot each was in; negative: not yet
    attention_scores: Any  # (N, S)


class TransformerEncoderDecoder(EncoderDecoder):
    """Encodes with encoder blocks and decodes with decoder blocks.

    `call` runs all target positions at once for training, `step` feeds one token with
    cached keys and values for decoding; both give the same numbers.

    Subclasses keep `num_layers`, `model_dim`, `num_heads`, `feed_forward_dim`,
    `dropout`, `attention_dropout`, `activation`, `norm_first`, `alignment_layer` and
    `max_steps` under their names, then call `make_stacks`; they call `build_stacks` in
    `build`, and define `_encode(inputs, training)`, which returns `(value, mask)`,
    `(B, S, model_dim)` and `(B, S)`.
    """

    # What few models say otherwise.
    num_decoder_layers: int | None = None
    epsilon = 1e-6
    output_bias = False
    max_wavelength = 10000.0
    position_offset = 0

    def make_stacks(self) -> None:
        """Makes target embeddings, blocks and norms.

        Raises:
            ValueError: a stack without layers, or `num_heads` that does not divide
                `model_dim`.
        """
        num_decoder_layers = self.num_decoder_layers
        if num_decoder_layers is None:
            num_decoder_layers = self.num_layers
        for name, count in (
            ("num_layers", self.num_layers),
            ("num_decoder_layers", num_decoder_layers),
        ):
            if count < 1:
                raise ValueError(f"{name} must be positive; received {count}")
        dtype = self.dtype_policy
        # √model_dim multiplies embeddings on the way in, to unit variance.
        self.target_embedding = token_embedding(
            self.target_vocabulary_size, self.model_dim, dtype, "target_embedding"
        )
        self.position_encoding = SinePositionEncoding(self.max_wavelength, dtype=dtype)
        self.dropout_layer = keras.layers.Dropout(self.dropout, dtype=dtype)
        block = {
            "model_dim": self.model_dim,
            "num_heads": self.num_heads,
            "feed_forward_dim": self.feed_forward_dim,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "activation": self.activation,
            "norm_first": self.norm_first,
            "epsilon": self.epsilon,
            "dtype": dtype,
        }
        self.encoder_blocks = [
            TransformerEncoderBlock(**block, name=f"encoder_block_{i}")
            for i in range(self.num_layers)
        ]
        self.decoder_blocks = [
            TransformerDecoderBlock(**block, name=f"decoder_block_{i}")
            for i in range(num_decoder_layers)
        ]
        self.encoder_norm = self._last_norm("encoder_norm")
        self.decoder_norm = self._last_norm("decoder_norm")

    def _last_norm(self, name):
        # Pre-norm leaves the sum of all residuals unnormalised.
        if self.norm_first:
            return keras.layers.LayerNormalization(
                epsilon=self.epsilon, dtype=self.dtype_policy, name=name
            )
        return keras.layers.Identity(dtype=self.dtype_policy)

    def build_stacks(self) -> None:
        """Builds what `make_stacks` made, for features `(B, length, model_dim)`."""
        features = (None, None, self.model_dim)
        self.target_embedding.build((None, None))
        self.position_encoding.build(features)
        self.dropout_layer.build(features)
        for block in self.encoder_blocks:
            block.build(features)
        for block in self.decoder_blocks:
            block.build(features, features)
        self.encoder_norm.build(features)
        self.decoder_norm.build(features)
        self.logit_bias = None
        if self.output_bias:
            self.logit_bias = self.add_weight(
                shape=(self.target_vocabulary_size,),
                initializer="zeros",
                dtype="float32",
                trainable=False,
                autocast=False,
                name="logit_bias",
            )

    def _encode(self, inputs, training=False):
        raise NotImplementedError

    def _embed(self, embedding, ids, training=False):
        features = embed(embedding, ids, self.compute_dtype)
        features = features * math.sqrt(self.model_dim)
        features = features + self.position_encoding(
            features, start_index=self.position_offset
        )
        return self.dropout_layer(features, training=training)

    def _logits(self, features):
        return tied_logits(
            self.target_embedding, self.decoder_norm(features), self.logit_bias
        )

    def call(
        self,
        inputs: dict[str, Tensor],
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        inputs = padded(inputs)
        value, mask = self._encode(inputs, training)
        features = self._embed(self.target_embedding, inputs["target_ids"], training)
        attention_scores = None
        guided = training and self.is_guided(inputs)
        wanted = return_attention_scores or guided
        for i, block in enumerate(self.decoder_blocks):
            aligns = wanted and i == self._aligning_block
            result = block(
                features,
                value,
                value_mask=mask,
                return_attention_scores=aligns,
                training=training,
            )
            features = result
            if aligns:
                features, attention_scores = result
        logits = self._logits(features)
        if wanted:
            attention_scores = ops.mean(attention_scores, axis=1)
        if guided:
            self.guide(inputs, attention_scores, mask)
        return (logits, attention_scores) if return_attention_scores else logits

    @property
    def _aligning_block(self):
        layer = self.alignment_layer
        num_layers = len(self.decoder_blocks)
        layer = layer + num_layers if layer < 0 else layer
        return min(max(layer, 0), num_layers - 1)

    def encode(
        self, inputs: dict[str, Tensor], num_steps: int | None = None
    ) -> tuple[Memory, Any]:
        if not self.built:
            self.build()
        num_steps = self.max_steps if num_steps is None else num_steps
        value, mask = self._encode(padded(inputs))
        keys = tuple(block.project_source(value) for block in self.decoder_blocks)
        batch_size = ops.shape(value)[0]
        state = TransformerState(
            index=ops.zeros((), dtype="int32"),
            caches=tuple(
                block.make_cache(batch_size, num_steps) for block in self.decoder_blocks
            ),
            ancestors=ops.full((batch_size, num_steps), -1, dtype="int32"),
            attention_scores=ops.zeros_like(value[:, :, 0]),
        )
        return Memory(value, keys, mask), state

    def step(self, token_ids: Tensor, state: Any, memory: Memory) -> Any:
        features = embed(self.target_embedding, token_ids, self.compute_dtype)
        features = features * math.sqrt(self.model_dim)
        features = features + self.position_encoding.encode_positions(
            state.index + self.position_offset, self.model_dim
        )
        num_rows, num_steps = ops.shape(state.ancestors)
        beams = state.caches[0][0].shape[2]
        slots = ops.arange(beams, dtype="int32")
        ancestors = ops.where(
            ops.equal(ops.arange(num_steps), state.index),
            (ops.arange(num_rows, dtype="int32") % beams)[:, None],
            state.ancestors,
        )
        visible = ops.equal(ancestors[..., None], slots)  # (N, num_steps, beams)
        visible = ops.reshape(visible, (-1, beams, num_steps * beams))
        caches = []
        attention_scores = state.attention_scores
        for i, block in enumerate(self.decoder_blocks):
            features, scores, cache = block.step(
                features,
                memory.key[i],
                state.caches[i],
                state.index,
                memory.mask,
                visible,
            )
            caches.append(cache)
            if i == self._aligning_block:
                attention_scores = ops.mean(scores, axis=1)
        logits = self._logits(features)
        state = TransformerState(
            state.index + 1, tuple(caches), ancestors, attention_scores
        )
        return logits, state

    def repeat_state(self, state: Any, count: int) -> Any:
        caches = tree.map_structure(
            lambda cache: ops.repeat(cache, count, axis=2), state.caches
        )
        return TransformerState(
            state.index,
            caches,
            ops.repeat(state.ancestors, count, axis=0) * count,
            ops.repeat(state.attention_scores, count, axis=0),
        )

    def grow_state(self, state: Any, num_steps: int | Tensor) -> Any:
        more = num_steps - ops.shape(state.ancestors)[1]
        caches = tree.map_structure(lambda cache: lengthen(cache, more), state.caches)
        return state._replace(
            caches=caches, ancestors=lengthen(state.ancestors, more, -1)
        )

    def gather_state(self, state: Any, indices: Tensor) -> Any:
        return state._replace(
            ancestors=ops.take(state.ancestors, indices, axis=0),
            attention_scores=ops.take(state.attention_scores, indices, axis=0),
        )


def lengthen(tensor, more, value=0):
    """`tensor` `(A, T, …)` with `more` times `value` after the `T`."""
    shape = (ops.shape(tensor)[0], more, *ops.shape(tensor)[2:])
    return ops.concatenate([tensor, ops.full(shape, value, tensor.dtype)], axis=1)
