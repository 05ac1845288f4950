"""Recurrent captioning: from one pooled vector, or with soft attention over regions.

image ─ encoder ─ regions ─┬─ mean ─► first state
                           └─► memory
                                 │ attend, where there is attention
target_ids ─ embed ─ RNN ◄───────┘
                      └─► deep output ─► logits
"""

from typing import Any

import keras

from keras_attention.annotations import Shape
from keras_attention.layers.token_embedding import token_embedding
from keras_attention.models.caption_decoders import (
    INJECTIONS,
    PooledDecoder,
    SoftImageDecoder,
)
from keras_attention.models.encoder_decoder import Memory
from keras_attention.models.image_regions import ImageRegions, ReadsImages
from keras_attention.models.recurrent_encoder_decoder import RecurrentEncoderDecoder

PRESETS: dict[str, dict[str, Any]] = {
    # Tests.
    "tiny": {
        "image_size": 32,
        "grid_size": 4,
        "region_dim": 32,
        "embedding_dim": 32,
        "units": 64,
    },
    # Some ten thousand captions.
    "small": {
        "region_dim": 256,
        "embedding_dim": 128,
        "units": 256,
        "dropout": 0.2,
    },
    # Xu et al.'s sizes for COCO: 14×14 regions of 512 features.
    "base": {
        "encoder": "efficientnet-lite0",
        "image_size": 224,
        "grid_size": 14,
        "train_encoder": False,
        "region_dim": 512,
        "embedding_dim": 512,
        "units": 1024,
        "dropout": 0.5,
    },
}

ATTENTIONS = ("soft", None)
READOUTS = ("linear", "tanh", "maxout")


@keras.saving.register_keras_serializable(package="keras_attention")
class RecurrentCaptioner(ReadsImages, RecurrentEncoderDecoder):
    """A recurrent decoder that writes about an image.

    Args:
        target_vocabulary_size: int. Id 0 is padding.
        encoder: str. See `ImageEncoder`.
        image_size: int. Pixels along each side of an image.
        grid_size: int, N. Regions along each side; `L` = N².
        train_encoder: bool. False keeps the encoder as it is.
        region_dim: int. Width to which a region's features are brought.
        attention: "soft", or None: the mean of all regions is all that the decoder
            knows. "none" is taken for None, since TOML has no such value.
        inject: "first" (unless given; pre-inject) or "every" (par-inject): the steps
            at which that mean is an input of a decoder without attention.
        cell: "lstm", "gru" or "rnn" (a plain tanh).
        embedding_dim: int.
        units: int. Width of states.
        num_layers: int. Of the decoder.
        attention_units: int. Width in which state and region meet; `units` by default.
        gate: bool. Whether soft attention has its gate β.
        readout: "linear" (Xu et al., equation 7), "tanh" or "maxout".
        dropout: float. On embeddings, layers' outputs and read-out; one mask a
            caption, none within the recurrence.
        layer_norm: bool. Of layers' outputs.
        tie_embeddings: bool. Embeddings serve as output weights.
        encoder_config: dict, optional. What the preset of KerasHub that is `encoder`
            says; bundles keep it. See `KerasHubBackbone`.
        **kwargs: `name`, `dtype` and the like, for `keras.Model`.

    Call arguments:
        inputs: dict of `images`, uint8 or float `(B, image_size, image_size, 3)` from 0
            to 255, or `features`, float `(B, N, N, D)`, what the encoder made of them;
            `target_ids`, int `(B, T)`; and where images do not fill their squares
            `windows`, int `(B, 4)`, `(x0, y0, x1, y1)` in pixels: cells without image
            are not known to the decoder.
        return_attention_scores: bool.

    Returns:
        Logits, float32 `(B, T, target_vocabulary_size)`, and if asked scores
        `(B, T, L)`, all zero without attention, and zero at cells without image.

    Raises:
        ValueError: an unknown encoder, cell, attention, readout or inject; a grid that
            the encoder does not have; no layer; dropout not in [0, 1); `inject` beside
            attention.

    Example:

    >>> model = RecurrentCaptioner(9, **RecurrentCaptioner.presets["tiny"])
    >>> images = np.zeros((1, 32, 32, 3), "uint8")
    >>> ids = np.array([[1, 4, 5]])
    >>> tuple(model({"images": images, "target_ids": ids}).shape)
    (1, 3, 9)

    References:
        [Vinyals et al., 2015](https://arxiv.org/abs/1411.4555), section 3;
        [Xu et al., 2015](https://arxiv.org/abs/1502.03044), sections 3.1 and 4.2;
        pre- and par-inject: [Tanti et al., 2018](https://arxiv.org/abs/1703.09137).
    """

    presets = PRESETS

    def __init__(
        self,
        target_vocabulary_size: int,
        encoder: str = "small-cnn",
        image_size: int = 128,
        grid_size: int = 8,
        train_encoder: bool = True,
        region_dim: int = 256,
        attention: str | None = "soft",
        inject: str | None = None,
        cell: str = "lstm",
        embedding_dim: int = 256,
        units: int = 256,
        num_layers: int = 1,
        attention_units: int | None = None,
        gate: bool = True,
        readout: str = "linear",
        dropout: float = 0.0,
        layer_norm: bool = False,
        tie_embeddings: bool = False,
        encoder_config: dict | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target_vocabulary_size = target_vocabulary_size
        self.encoder = encoder
        self.image_size = image_size
        self.grid_size = grid_size
        self.train_encoder = train_encoder
        self.region_dim = region_dim
        self.attention = None if attention == "none" else attention
        self.inject = inject
        self.cell = cell
        self.embedding_dim = embedding_dim
        self.units = units
        self.num_layers = num_layers
        self.attention_units = attention_units
        self.gate = gate
        self.readout = readout
        self.dropout = dropout
        self.layer_norm = layer_norm
        self.tie_embeddings = tie_embeddings
        self._check()

        self.regions = ImageRegions(
            encoder,
            image_size,
            grid_size,
            region_dim,
            train_encoder,
            encoder_config,
            dtype=self.dtype_policy,
            name="regions",
        )
        self.target_embedding = token_embedding(
            target_vocabulary_size,
            embedding_dim,
            self.dtype_policy,
            "target_embedding",
        )
        self.make_decoder(self._decoder(), dropout, tie_embeddings)

    def _check(self):
        if self.attention not in ATTENTIONS:
            raise ValueError(
                f"attention must be one of {', '.join(map(repr, ATTENTIONS))} "
                f'("none" in a recipe); received attention={self.attention!r}'
            )
        if self.inject not in (None, *INJECTIONS):
            raise ValueError(
                f"inject must be one of {', '.join(map(repr, INJECTIONS))}; received "
                f"inject={self.inject!r}"
            )
        if self.inject is not None and self.attention is not None:
            raise ValueError(
                "inject says at which steps a decoder without attention is fed the "
                f"image; received inject={self.inject!r} with "
                f'attention={self.attention!r}. Leave it out, or take attention="none"'
            )
        if self.readout not in READOUTS:
            raise ValueError(
                f"readout must be one of {', '.join(map(repr, READOUTS))}; received "
                f"readout={self.readout!r}"
            )
        if not 0 <= self.dropout < 1:
            raise ValueError(
                f"dropout must be at least 0 and below 1; received {self.dropout}"
            )

    def _decoder(self):
        options = {
            "readout": self.readout,
            "num_layers": self.num_layers,
            "cell": self.cell,
            "layer_norm": self.layer_norm,
            "dtype": self.dtype_policy,
            "name": "decoder",
        }
        sizes = self.units, self.embedding_dim, self.region_dim
        if self.attention is None:
            return PooledDecoder(*sizes, self.inject or "first", **options)
        attention_units = self.attention_units or self.units
        return SoftImageDecoder(*sizes, attention_units, self.gate, **options)

    def build(self, input_shape: Shape | None = None) -> None:
        self.regions.build()
        self.build_decoder()

    def _encode(self, inputs, training=False):
        value = self.regions(inputs, training=training)
        mask = self.source_mask(inputs)
        key = self.decoder.project_key(value)
        return Memory(value, key, mask), self.decoder.start(value, mask)

    def get_config(self) -> dict[str, Any]:
        names = (
            "target_vocabulary_size encoder image_size grid_size train_encoder "
            "region_dim attention inject cell embedding_dim units num_layers "
            "attention_units gate readout dropout layer_norm tie_embeddings "
            "encoder_config"
        ).split()
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
