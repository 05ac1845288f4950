"""The base of recurrent models of all tasks: the decoder of the target."""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Tensor
from keras_attention.layers.scan import scan
from keras_attention.layers.scheduled_sampling import draw_tokens
from keras_attention.layers.token_embedding import (
    embed,
    full_precision,
    tied_logits,
)
from keras_attention.models.encoder_decoder import EncoderDecoder, Memory, padded
from keras_attention.models.recurrent_decoders import DropoutMasks
from keras_attention.special_tokens import PAD_ID


class RecurrentEncoderDecoder(EncoderDecoder):
    """Decodes the target with one of the decoders of `recurrent_decoders`.

    Subclasses make a `target_embedding`, then call `make_decoder`; they call
    `build_decoder` in `build`, and define `_encode(inputs, training)`, which returns
    `(memory, state)` and may be trained.

    Attributes:
        scheduled_sampling: a `ScheduledSampling` layer for training, or None. Keras
            wants it before the model is built; it adds no weights.
    """

    def make_decoder(self, decoder: Any, dropout: float, tie_embeddings: bool) -> None:
        """Makes what stands between target tokens and logits.

        Args:
            decoder: `BlindDecoder` or a subclass.
            dropout: float. On tokens, layers' outputs and read-out; one mask a
                sentence, none within the recurrence.
            tie_embeddings: bool. Target embeddings serve as output weights.
        """
        self.decoder = decoder
        self.dropout_layer = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.logits_dense = None
        if not tie_embeddings:
            self.logits_dense = keras.layers.Dense(
                self.target_vocabulary_size,
                dtype=full_precision(self.dtype_policy),
                name="logits_dense",
            )
        self.scheduled_sampling: Any = None

    def build_decoder(self) -> None:
        """Builds what stands between target tokens `(B, T)` and logits."""
        self.target_embedding.build((None, None))
        self.dropout_layer.build((None, self.decoder.embedding_dim))
        self.decoder.build()
        if self.logits_dense is not None:
            self.logits_dense.build((None, self.decoder.readout_dim))
        if self.scheduled_sampling is not None:
            self.scheduled_sampling.build((None, None))

    def _encode(self, inputs, training=False):
        raise NotImplementedError

    @property
    def attends(self) -> bool:  # type: ignore[override]  # read only here
        """Whether the decoder has attention; scores are all zero where not."""
        return self.decoder.attention is not None

    def _draw_masks(self, batch_size, training):
        if not training or not self.dropout_layer.rate:
            return None

        def draw(*shape):
            ones = ops.ones((batch_size, *shape), dtype=self.compute_dtype)
            return self.dropout_layer(ones, training=True)

        return DropoutMasks(
            draw(self.decoder.embedding_dim),
            tuple(draw(self.decoder.units) for _ in self.decoder.rnn.layers),
            draw(1, self.decoder.readout_dim),
        )

    def _embed(self, target_ids):
        return embed(self.target_embedding, target_ids, self.compute_dtype)

    def _logits(self, features, masks=None):
        vector = self.decoder.readout(features)
        if masks is not None:
            vector = vector * masks.readout
        if self.logits_dense is None:
            return tied_logits(self.target_embedding, vector)
        return ops.cast(self.logits_dense(vector), "float32")

    def call(
        self,
        inputs: dict[str, Tensor],
        return_attention_scores: bool = False,
        training: bool | None = None,
    ) -> Any:
        inputs = padded(inputs)
        memory, state = self._encode(inputs, training)
        target_ids = inputs["target_ids"]
        masks = self._draw_masks(ops.shape(target_ids)[0], training)
        if training and self.scheduled_sampling is not None:
            target_ids = self._mix_in_own_words(target_ids, state, memory, masks)
        tokens = self._embed(target_ids)  # (B, T, embedding_dim)
        if masks is not None:
            tokens = tokens * masks.tokens[:, None]
        features, attention_scores = self.decoder.unroll(tokens, state, memory, masks)
        logits = self._logits(features, masks)
        if training:
            self.guide(inputs, attention_scores, memory.mask)
        return (logits, attention_scores) if return_attention_scores else logits

    def _mix_in_own_words(self, target_ids, state, memory, masks):
        """The target, some tokens being what the model itself would have said.

        Choosing them takes a pass of its own, without gradient (as in Bengio et al.,
        2015, whose gradient does not flow through the choice either); `call` then
        reads the chosen tokens as it would read right ones.
        """
        target_ids = ops.cast(ops.swapaxes(target_ids, 0, 1), "int32")  # (T, B)
        shown, uniforms = self.scheduled_sampling(target_ids)

        def choose(carry, column):
            said, _, state = carry
            right_ids, shown, uniforms = column
            # Padding stays padding, and the first token comes from nobody.
            fixed = ops.logical_or(shown, ops.equal(right_ids, PAD_ID))
            token_ids = ops.where(ops.logical_or(fixed, said < 0), right_ids, said)
            tokens = self._embed(token_ids)
            if masks is not None:
                tokens = tokens * masks.tokens
            features, state = self.decoder.advance(tokens, state, memory, masks)
            logits = self._logits(features[:, None], masks)[:, 0]
            return draw_tokens(logits, uniforms), token_ids, state

        nothing_said = ops.full_like(target_ids[0], -1)
        first = nothing_said, nothing_said, state
        columns = target_ids, shown, uniforms
        chosen = scan(choose, first, columns, keep=lambda carry: carry[1])
        return ops.stop_gradient(ops.swapaxes(chosen, 0, 1))  # (B, T)

    def encode(
        self, inputs: dict[str, Tensor], num_steps: int | None = None
    ) -> tuple[Memory, Any]:
        if not self.built:
            self.build()
        return self._encode(padded(inputs))

    def step(self, token_ids: Tensor, state: Any, memory: Memory) -> Any:
        tokens = self._embed(token_ids)
        features, state = self.decoder.advance(tokens, state, memory)
        return self._logits(features), state
