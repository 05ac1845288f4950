"""The Transformer for translation (Vaswani et al., 2017).

    source_ids ─ embed + position ─ encoder blocks ──► memory
                                                         │ cross attention
    target_ids ─ embed + position ─ decoder blocks ◄─────┘
                                          └─► logits

`call` runs all target positions at once for training, `step` feeds one token with
cached keys and values for decoding; both give the same numbers.
"""

import math
from typing import Any, NamedTuple

import keras
from keras import ops, tree

from keras_attention.layers.position import SinePositionEncoding
from keras_attention.layers.token_embedding import (
    check_one_vocabulary,
    tied_logits,
    token_embedding,
)
from keras_attention.layers.transformer import (
    TransformerDecoderBlock,
    TransformerEncoderBlock,
)
from keras_attention.models.encoder_decoder import EncoderDecoder, Memory
from keras_attention.special_tokens import PAD_ID

PRESETS = {
    # Toy tasks and tests.
    "tiny": {
        "num_layers": 2,
        "model_dim": 64,
        "num_heads": 4,
        "feed_forward_dim": 128,
        "dropout": 0.1,
    },
    # Corpora of some ten thousand pairs.
    "small": {
        "num_layers": 3,
        "model_dim": 256,
        "num_heads": 4,
        "feed_forward_dim": 1024,
        "dropout": 0.2,
    },
    # Vaswani et al., table 3: 65 million parameters with their vocabulary of 37,000.
    "base": {
        "num_layers": 6,
        "model_dim": 512,
        "num_heads": 8,
        "feed_forward_dim": 2048,
        "dropout": 0.1,
    },
    "big": {
        "num_layers": 6,
        "model_dim": 1024,
        "num_heads": 16,
        "feed_forward_dim": 4096,
        "dropout": 0.3,
    },
}


class State(NamedTuple):
    """What the decoder carries from one token to the next.

    Hypotheses change slots as a beam is pruned; what they said stays where it was
    written, and `ancestors` remembers where that is.
    """

    index: Any  # (): tokens fed so far
    caches: Any  # per block (keys, values), each (B · H, num_steps, beams, dim)
    ancestors: Any  # int (N, num_steps): the slot each was in; negative: not yet
    attention_scores: Any  # (N, S)


@keras.saving.register_keras_serializable(package="keras_attention")
class Transformer(EncoderDecoder):
    """Encoder and decoder made of attention alone.

    Args:
        source_vocabulary_size: int. Id 0 is padding.
        target_vocabulary_size: int. Id 0 is padding.
        num_layers: int. Blocks in the encoder, and in the decoder.
        model_dim: int. Width of the features; a multiple of `num_heads`.
        num_heads: int.
        feed_forward_dim: int.
        dropout: float. On embeddings and on what each sublayer adds.
        attention_dropout: float. On attention weights; zero keeps the fused kernel.
        activation: of the feed-forward networks.
        norm_first: bool. Pre-norm blocks; False is the paper's post-norm.
        share_embeddings: bool. One table for source and target, whose vocabularies
            must then be the same. Target embeddings always serve as output weights.
        alignment_layer: int. Decoder block whose scores, averaged over heads, are
            `attention_scores`; negative counts from the last. In stacks of six the
            last but one aligns best (Garg et al., 2019, section 4.1).
        max_steps: int. Room in the caches where `encode` is not told.
        **kwargs: `name`, `dtype` and the like, for `keras.Model`.

    Call arguments:
        inputs: dict of int tensors, `source_ids` `(B, S)` and `target_ids` `(B, T)`.
        return_attention_scores: bool.

    Returns:
        Logits `(B, T, target_vocabulary_size)`, and if asked scores `(B, T, S)`.

    Example:

    >>> model = Transformer(9, 9, **PRESETS["tiny"])
    >>> ids = np.array([[4, 5, 3]])
    >>> tuple(model({"source_ids": ids, "target_ids": ids}).shape)
    (1, 3, 9)

    References:
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762);
        tied embeddings: [Press & Wolf, 2017](https://arxiv.org/abs/1608.05859);
        [Garg et al., 2019](https://arxiv.org/abs/1909.02074).
    """

    def __init__(
        self,
        source_vocabulary_size,
        target_vocabulary_size,
        num_layers=6,
        model_dim=512,
        num_heads=8,
        feed_forward_dim=2048,
        dropout=0.1,
        attention_dropout=0.0,
        activation="relu",
        norm_first=False,
        share_embeddings=False,
        alignment_layer=-1,
        max_steps=256,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if share_embeddings:
            check_one_vocabulary(source_vocabulary_size, target_vocabulary_size)
        if num_layers < 1:
            raise ValueError(f"num_layers must be positive; received {num_layers}")
        self.source_vocabulary_size = source_vocabulary_size
        self.target_vocabulary_size = target_vocabulary_size
        self.num_layers = num_layers
        self.model_dim = model_dim
        self.num_heads = num_heads
        self.feed_forward_dim = feed_forward_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation = activation
        self.norm_first = norm_first
        self.share_embeddings = share_embeddings
        self.alignment_layer = alignment_layer
        self.max_steps = max_steps

        dtype = self.dtype_policy
        # √model_dim multiplies embeddings on the way in, to unit variance.
        self.target_embedding = token_embedding(
            target_vocabulary_size, model_dim, dtype, "target_embedding"
        )
        self.source_embedding = self.target_embedding
        if not share_embeddings:
            self.source_embedding = token_embedding(
                source_vocabulary_size, model_dim, dtype, "source_embedding"
            )
        self.position_encoding = SinePositionEncoding(dtype=dtype)
        self.dropout_layer = keras.layers.Dropout(dropout, dtype=dtype)
        block = {
            "model_dim": model_dim,
            "num_heads": num_heads,
            "feed_forward_dim": feed_forward_dim,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "activation": activation,
            "norm_first": norm_first,
            "dtype": dtype,
        }
        self.encoder_blocks = [
            TransformerEncoderBlock(**block, name=f"encoder_block_{i}")
            for i in range(num_layers)
        ]
        self.decoder_blocks = [
            TransformerDecoderBlock(**block, name=f"decoder_block_{i}")
            for i in range(num_layers)
        ]
        # Pre-norm leaves the sum of all residuals unnormalised.
        norm = {"epsilon": 1e-6, "dtype": dtype}
        self.encoder_norm = (
            keras.layers.LayerNormalization(name="encoder_norm", **norm)
            if norm_first
            else keras.layers.Identity(dtype=dtype)
        )
        self.decoder_norm = (
            keras.layers.LayerNormalization(name="decoder_norm", **norm)
            if norm_first
            else keras.layers.Identity(dtype=dtype)
        )

    def build(self, input_shape=None):
        features = (None, None, self.model_dim)
        self.target_embedding.build((None, None))
        if not self.share_embeddings:
            self.source_embedding.build((None, None))
        for block in self.encoder_blocks:
            block.build(features)
        for block in self.decoder_blocks:
            block.build(features, features)
        self.encoder_norm.build(features)
        self.decoder_norm.build(features)

    def _embed(self, embedding, ids, training=False):
        features = embedding(ids) * math.sqrt(self.model_dim)
        features = features + self.position_encoding(features)
        return self.dropout_layer(features, training=training)

    def _encode(self, source_ids, training=False):
        mask = ops.not_equal(source_ids, PAD_ID)
        features = self._embed(self.source_embedding, source_ids, training)
        for block in self.encoder_blocks:
            features = block(features, value_mask=mask, training=training)
        return self.encoder_norm(features), mask

    def encoder_attention_scores(self, source_ids):
        """Where each source token looks within its own sentence.

        Args:
            source_ids: int `(B, S)`.

        Returns:
            list of `(B, num_heads, S, S)`, one of each encoder block, first to last.
        """
        mask = ops.not_equal(source_ids, PAD_ID)
        features = self._embed(self.source_embedding, source_ids)
        all_scores = []
        for block in self.encoder_blocks:
            features, scores = block(
                features, value_mask=mask, return_attention_scores=True
            )
            all_scores.append(scores)
        return all_scores

    def _logits(self, features):
        return tied_logits(self.target_embedding, self.decoder_norm(features))

    def call(self, inputs, return_attention_scores=False, training=None):
        value, mask = self._encode(inputs["source_ids"], training)
        features = self._embed(self.target_embedding, inputs["target_ids"], training)
        attention_scores = None
        guided = training and self.guided_alignment and "alignments" in inputs
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
            self.guide(inputs, attention_scores)
        return (logits, attention_scores) if return_attention_scores else logits

    @property
    def _aligning_block(self):
        layer = self.alignment_layer
        layer = layer + self.num_layers if layer < 0 else layer
        return min(max(layer, 0), self.num_layers - 1)

    def encode(self, inputs, num_steps=None):
        if not self.built:
            self.build()
            self.built = True
        num_steps = self.max_steps if num_steps is None else num_steps
        value, mask = self._encode(inputs["source_ids"])
        keys = tuple(block.project_source(value) for block in self.decoder_blocks)
        batch_size = ops.shape(value)[0]
        state = State(
            index=ops.zeros((), dtype="int32"),
            caches=tuple(
                block.make_cache(batch_size, num_steps) for block in self.decoder_blocks
            ),
            ancestors=ops.full((batch_size, num_steps), -1, dtype="int32"),
            attention_scores=ops.zeros_like(value[:, :, 0]),
        )
        return Memory(value, keys, mask), state

    def step(self, token_ids, state, memory):
        features = self.target_embedding(token_ids) * math.sqrt(self.model_dim)
        features = features + self.position_encoding.encode_positions(
            state.index, self.model_dim
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
        state = State(state.index + 1, tuple(caches), ancestors, attention_scores)
        return logits, state

    def repeat_state(self, state, count):
        caches = tree.map_structure(
            lambda cache: ops.repeat(cache, count, axis=2), state.caches
        )
        return State(
            state.index,
            caches,
            ops.repeat(state.ancestors, count, axis=0) * count,
            ops.repeat(state.attention_scores, count, axis=0),
        )

    def gather_state(self, state, indices):
        return state._replace(
            ancestors=ops.take(state.ancestors, indices, axis=0),
            attention_scores=ops.take(state.attention_scores, indices, axis=0),
        )

    def get_config(self):
        names = (
            "source_vocabulary_size target_vocabulary_size num_layers model_dim "
            "num_heads feed_forward_dim dropout attention_dropout activation "
            "norm_first share_embeddings alignment_layer max_steps"
        ).split()
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
