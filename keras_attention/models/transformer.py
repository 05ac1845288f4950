"""The Transformer for translation (Vaswani et al., 2017).

    source_ids ─ embed + position ─ encoder blocks ──► memory
                                                         │ cross attention
    target_ids ─ embed + position ─ decoder blocks ◄─────┘
                                          └─► logits

`call` runs all target positions at once for training, `step` feeds one token with
cached keys and values for decoding; both give the same numbers.
"""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Shape, Tensor
from keras_attention.layers.token_embedding import check_one_vocabulary, token_embedding
from keras_attention.models.encoder_decoder import ids_spec, padded
from keras_attention.models.transformer_encoder_decoder import TransformerEncoderDecoder
from keras_attention.special_tokens import PAD_ID

PRESETS: dict[str, dict[str, Any]] = {
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


@keras.saving.register_keras_serializable(package="keras_attention")
class Transformer(TransformerEncoderDecoder):
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
        num_decoder_layers: int. Blocks in the decoder, where not as many as in the
            encoder.
        epsilon: float. Of the layer norms.
        output_bias: bool. Whether logits have a bias of their own, float32
            `(target_vocabulary_size,)`. It is not trained: models that bring one, as
            Marian's do, keep words out by it.
        max_wavelength: float. See `SinePositionEncoding`.
        position_offset: int. Position of the first token; 2 in fairseq's models.
        **kwargs: `name`, `dtype` and the like, for `keras.Model`.

    Call arguments:
        inputs: dict of int tensors, `source_ids` `(B, S)` and `target_ids` `(B, T)`.
        return_attention_scores: bool.

    Returns:
        Logits, float32 `(B, T, target_vocabulary_size)`, and if asked scores
        `(B, T, S)`.

    Raises:
        ValueError: no layer, `num_heads` that does not divide `model_dim`, or
            `share_embeddings` with two vocabularies of different sizes.

    Example:

    >>> model = Transformer(9, 9, **Transformer.presets["tiny"])
    >>> ids = np.array([[4, 5, 3]])
    >>> tuple(model({"source_ids": ids, "target_ids": ids}).shape)
    (1, 3, 9)

    References:
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), section 3;
        tied embeddings: [Press & Wolf, 2017](https://arxiv.org/abs/1608.05859);
        [Garg et al., 2019](https://arxiv.org/abs/1909.02074), section 4.1.
    """

    presets = PRESETS

    def __init__(
        self,
        source_vocabulary_size: int,
        target_vocabulary_size: int,
        num_layers: int = 6,
        model_dim: int = 512,
        num_heads: int = 8,
        feed_forward_dim: int = 2048,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        activation: str = "relu",
        norm_first: bool = False,
        share_embeddings: bool = False,
        alignment_layer: int = -1,
        max_steps: int = 256,
        num_decoder_layers: int | None = None,
        epsilon: float = 1e-6,
        output_bias: bool = False,
        max_wavelength: float = 10000.0,
        position_offset: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if share_embeddings:
            check_one_vocabulary(source_vocabulary_size, target_vocabulary_size)
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
        self.num_decoder_layers = num_decoder_layers
        self.epsilon = epsilon
        self.output_bias = output_bias
        self.max_wavelength = max_wavelength
        self.position_offset = position_offset

        self.make_stacks()
        self.source_embedding = self.target_embedding
        if not share_embeddings:
            self.source_embedding = token_embedding(
                source_vocabulary_size, model_dim, self.dtype_policy, "source_embedding"
            )

    def build(self, input_shape: Shape | None = None) -> None:
        self.build_stacks()
        if not self.share_embeddings:
            self.source_embedding.build((None, None))

    def _encode(self, inputs, training=False):
        source_ids = inputs["source_ids"]
        mask = ops.not_equal(source_ids, PAD_ID)
        features = self._embed(self.source_embedding, source_ids, training)
        for block in self.encoder_blocks:
            features = block(features, value_mask=mask, training=training)
        return self.encoder_norm(features), mask

    def encoder_attention_scores(self, source_ids: Tensor) -> list[Tensor]:
        """What each source token attends to in its own sentence.

        Args:
            source_ids: int `(B, S)`.

        Returns:
            list of `(B, num_heads, S, S)`, one of each encoder block, first to last.
        """
        source_ids = padded({"source_ids": source_ids})["source_ids"]
        mask = ops.not_equal(source_ids, PAD_ID)
        features = self._embed(self.source_embedding, source_ids)
        all_scores = []
        for block in self.encoder_blocks:
            features, scores = block(
                features, value_mask=mask, return_attention_scores=True
            )
            all_scores.append(scores)
        return all_scores

    def source_signature(self) -> dict[str, Any]:
        return {"source_ids": ids_spec("source_ids")}

    def source_length(self, input_shape: dict[str, Shape]) -> int | None:
        return input_shape["source_ids"][1]

    def get_config(self) -> dict[str, Any]:
        names = (
            "source_vocabulary_size target_vocabulary_size num_layers model_dim "
            "num_heads feed_forward_dim dropout attention_dropout activation "
            "norm_first share_embeddings alignment_layer max_steps "
            "num_decoder_layers epsilon output_bias max_wavelength position_offset"
        ).split()
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
