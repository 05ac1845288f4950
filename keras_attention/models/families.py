"""The families of models that a recipe may name, each with its sizes."""

from keras_attention.models.recurrent import PRESETS as RECURRENT_PRESETS
from keras_attention.models.recurrent import RecurrentSeq2Seq
from keras_attention.models.transformer import PRESETS as TRANSFORMER_PRESETS
from keras_attention.models.transformer import Transformer

FAMILIES = {
    "transformer": (Transformer, TRANSFORMER_PRESETS),
    "recurrent": (RecurrentSeq2Seq, RECURRENT_PRESETS),
}
