"""Attention models in Keras: train them, visualise attention, serve them.

Importing this package is instant: a name below imports its module, and with it Keras,
when it is first asked for. Saved models load whenever Keras comes: see `registration`.
"""

from keras_attention.lazy import lazy_names
from keras_attention.registration import register_with_keras

__version__ = "0.1.0"

_MODULES = {
    "AsyncClient": "serving.client.client",
    "BahdanauAttention": "layers.bahdanau",
    "Captioner": "tasks.captioner",
    "Client": "serving.client.client",
    "LuongAttention": "layers.luong",
    "MultiHeadCrossAttention": "layers.multi_head",
    "MultiHeadSelfAttention": "layers.multi_head",
    "RecurrentCaptioner": "models.recurrent_captioner",
    "RecurrentSeq2Seq": "models.recurrent",
    "SinePositionEncoding": "layers.position",
    "SoftImageAttention": "layers.soft_image",
    "Tokenizer": "data.tokenizer",
    "Trainer": "training.trainer",
    "Transformer": "models.transformer",
    "TransformerCaptioner": "models.transformer_captioner",
    "TransformerDecoderBlock": "layers.transformer",
    "TransformerEncoderBlock": "layers.transformer",
    "Translator": "tasks.translator",
}

# Reached as attributes, as `keras_attention.layers`, without an import of their own.
_PACKAGES = (
    "data",
    "decoding",
    "evaluation",
    "export",
    "layers",
    "models",
    "plotting",
    "serving",
    "studies",
    "tasks",
    "training",
)

__all__ = ["__version__", *_MODULES]
__getattr__, __dir__ = lazy_names(__name__, _MODULES, _PACKAGES)

register_with_keras()
