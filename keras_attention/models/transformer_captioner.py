"""A Transformer that writes about an image: cross attention over its regions.

image ─ encoder ─ regions ─ encoder blocks ──► memory
                                                 │ cross attention
target_ids ─ embed + position ─ decoder blocks ◄─┘
                                    └─► logits
"""

from typing import Any

import keras

from keras_attention.annotations import Shape
from keras_attention.models.image_regions import WINDOWS, ImageRegions, ReadsImages
from keras_attention.models.transformer_encoder_decoder import TransformerEncoderDecoder

PRESETS: dict[str, dict[str, Any]] = {
    # Tests.
    "tiny": {
        "image_size": 32,
        "grid_size": 4,
        "num_layers": 2,
        "model_dim": 32,
        "num_heads": 4,
        "feed_forward_dim": 64,
        "dropout": 0.1,
    },
    # Some ten thousand captions.
    "small": {
        "num_layers": 2,
        "model_dim": 256,
        "num_heads": 4,
        "feed_forward_dim": 512,
        "dropout": 0.2,
    },
    # The sizes with which Transformers reach CIDEr 1.13 and more on COCO.
    "base": {
        "encoder": "efficientnet-lite0",
        "image_size": 224,
        "grid_size": 14,
        "train_encoder": False,
        "num_layers": 3,
        "model_dim": 512,
        "num_heads": 8,
        "feed_forward_dim": 2048,
        "dropout": 0.1,
    },
}


@keras.saving.register_keras_serializable(package="keras_attention")
class TransformerCaptioner(ReadsImages, TransformerEncoderDecoder):
    """Encoder blocks over the regions of an image, decoder blocks over words.

    Args:
        target_vocabulary_size: int. Id 0 is padding.
        encoder: str. See `ImageEncoder`.
        image_size: int. Pixels along each side of an image.
        grid_size: int, N. Regions along each side; `L` = N².
        train_encoder: bool. False keeps the encoder as it is.
        num_layers, model_dim, num_heads, feed_forward_dim, dropout, attention_dropout,
            activation, norm_first, alignment_layer, max_steps: as in `Transformer`;
            regions are `model_dim` wide.
        encoder_config: dict, optional. What the preset of KerasHub that is `encoder`
            says; bundles keep it. See `KerasHubBackbone`.
        **kwargs: `name`, `dtype` and the like, for `keras.Model`.

    Call arguments:
        inputs: dict of `images`, uint8 or float `(B, image_size, image_size, 3)` from 0
            to 255, or `features`, float `(B, N, N, D)`, what the encoder made of them;
            `target_ids`, int `(B, T)`; and where images do not fill their squares
            `windows`, int `(B, 4)`, `(x0, y0, x1, y1)` in pixels: nobody attends to
            cells without image.
        return_attention_scores: bool.

    Returns:
        Logits, float32 `(B, T, target_vocabulary_size)`, and if asked scores
        `(B, T, L)`.

    Raises:
        ValueError: an unknown encoder, a grid that it does not have, no layer, or
            `num_heads` that does not divide `model_dim`.

    Example:

    >>> model = TransformerCaptioner(9, **TransformerCaptioner.presets["tiny"])
    >>> images = np.zeros((1, 32, 32, 3), "uint8")
    >>> ids = np.array([[1, 4, 5]])
    >>> tuple(model({"images": images, "target_ids": ids}).shape)
    (1, 3, 9)

    References:
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), section 3;
        over regions: [Cornia et al., 2020](https://arxiv.org/abs/1912.08226), section
        3, without its memories.
    """

    presets = PRESETS

    def __init__(
        self,
        target_vocabulary_size: int,
        encoder: str = "small-cnn",
        image_size: int = 128,
        grid_size: int = 8,
        train_encoder: bool = True,
        num_layers: int = 3,
        model_dim: int = 512,
        num_heads: int = 8,
        feed_forward_dim: int = 2048,
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        activation: str = "relu",
        norm_first: bool = True,
        alignment_layer: int = -1,
        max_steps: int = 64,
        encoder_config: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target_vocabulary_size = target_vocabulary_size
        self.encoder = encoder
        self.image_size = image_size
        self.grid_size = grid_size
        self.train_encoder = train_encoder
        self.num_layers = num_layers
        self.model_dim = model_dim
        self.num_heads = num_heads
        self.feed_forward_dim = feed_forward_dim
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        self.activation = activation
        self.norm_first = norm_first
        self.alignment_layer = alignment_layer
        self.max_steps = max_steps
        self.regions = ImageRegions(
            encoder,
            image_size,
            grid_size,
            model_dim,
            train_encoder,
            encoder_config,
            dtype=self.dtype_policy,
            name="regions",
        )
        self.make_stacks()

    def build(self, input_shape: Shape | None = None) -> None:
        self.regions.build()
        self.build_stacks()

    def _encode(self, inputs, training=False):
        features = self.regions(inputs, training=training)
        mask = self.source_mask(inputs)
        features = self.dropout_layer(features, training=training)
        # Where all is image, no mask keeps kernels from being fused.
        value_mask = mask if WINDOWS in inputs else None
        for block in self.encoder_blocks:
            features = block(features, value_mask=value_mask, training=training)
        return self.encoder_norm(features), mask

    def get_config(self) -> dict[str, Any]:
        names = (
            "target_vocabulary_size encoder image_size grid_size train_encoder "
            "num_layers model_dim num_heads feed_forward_dim dropout attention_dropout "
            "activation norm_first alignment_layer max_steps encoder_config"
        ).split()
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
