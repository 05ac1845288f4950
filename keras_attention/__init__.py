"""Attention models in Keras: train them, visualise attention, serve them.

Importing this package is instant: a name below imports its module, and with it Keras,
when it is first asked for. Saved models load whenever Keras comes: see `registration`.
"""

from typing import TYPE_CHECKING

from keras_attention.lazy import lazy_names
from keras_attention.registration import register_with_keras

if TYPE_CHECKING:
    from keras_attention.data.tokenizer import Tokenizer as Tokenizer
    from keras_attention.layers.bahdanau import BahdanauAttention as BahdanauAttention
    from keras_attention.layers.luong import LuongAttention as LuongAttention
    from keras_attention.layers.multi_head import (
        MultiHeadCrossAttention as MultiHeadCrossAttention,
    )
    from keras_attention.layers.multi_head import (
        MultiHeadSelfAttention as MultiHeadSelfAttention,
    )
    from keras_attention.layers.position import (
        SinePositionEncoding as SinePositionEncoding,
    )
    from keras_attention.layers.soft_image import (
        SoftImageAttention as SoftImageAttention,
    )
    from keras_attention.layers.transformer import (
        TransformerDecoderBlock as TransformerDecoderBlock,
    )
    from keras_attention.layers.transformer import (
        TransformerEncoderBlock as TransformerEncoderBlock,
    )
    from keras_attention.models.recurrent import RecurrentSeq2Seq as RecurrentSeq2Seq
    from keras_attention.models.recurrent_captioner import (
        RecurrentCaptioner as RecurrentCaptioner,
    )
    from keras_attention.models.transformer import Transformer as Transformer
    from keras_attention.models.transformer_captioner import (
        TransformerCaptioner as TransformerCaptioner,
    )
    from keras_attention.serving.client.client import AsyncClient as AsyncClient
    from keras_attention.serving.client.client import Client as Client
    from keras_attention.tasks.captioner import Captioner as Captioner
    from keras_attention.tasks.translator import Translator as Translator
    from keras_attention.training.trainer import Trainer as Trainer

__version__ = "0.1.0"

HOMES = {
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
PACKAGES = (
    "conversion",
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

__all__ = ["__version__", *HOMES]
__getattr__, __dir__ = lazy_names(__name__, HOMES, PACKAGES)

register_with_keras()
