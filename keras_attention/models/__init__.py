"""Model families, all behind one contract."""

from keras_attention.lazy import lazy_names

HOMES = {
    "Application": "image_encoder",
    "EfficientNetLite0": "image_encoder",
    "EncoderDecoder": "encoder_decoder",
    "ImageEncoder": "image_encoder",
    "ImageRegions": "image_regions",
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
