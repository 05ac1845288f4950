"""Model families, all behind one contract."""

from typing import TYPE_CHECKING

from keras_attention.lazy import lazy_names

if TYPE_CHECKING:
    from keras_attention.models.encoder_decoder import EncoderDecoder as EncoderDecoder
    from keras_attention.models.encoder_decoder import Memory as Memory
    from keras_attention.models.ensemble import Ensemble as Ensemble
    from keras_attention.models.image_encoder import Application as Application
    from keras_attention.models.image_encoder import (
        EfficientNetLite0 as EfficientNetLite0,
    )
    from keras_attention.models.image_encoder import ImageEncoder as ImageEncoder
    from keras_attention.models.image_encoder import SmallCNN as SmallCNN
    from keras_attention.models.image_regions import ImageRegions as ImageRegions
    from keras_attention.models.keras_hub_encoder import (
        KerasHubBackbone as KerasHubBackbone,
    )
    from keras_attention.models.recurrent import RecurrentSeq2Seq as RecurrentSeq2Seq
    from keras_attention.models.recurrent_captioner import (
        RecurrentCaptioner as RecurrentCaptioner,
    )
    from keras_attention.models.transformer import Transformer as Transformer
    from keras_attention.models.transformer_captioner import (
        TransformerCaptioner as TransformerCaptioner,
    )

HOMES = {
    "Application": "image_encoder",
    "EfficientNetLite0": "image_encoder",
    "EncoderDecoder": "encoder_decoder",
    "Ensemble": "ensemble",
    "ImageEncoder": "image_encoder",
    "ImageRegions": "image_regions",
    "KerasHubBackbone": "keras_hub_encoder",
    "Memory": "encoder_decoder",
    "RecurrentCaptioner": "recurrent_captioner",
    "RecurrentSeq2Seq": "recurrent",
    "SmallCNN": "image_encoder",
    "Transformer": "transformer",
    "TransformerCaptioner": "transformer_captioner",
}

__all__ = [*HOMES]
__getattr__, __dir__ = lazy_names(__name__, HOMES)

# Before any model, since importing Keras imports them all: see `registration`.
import keras  # noqa: E402, F401
