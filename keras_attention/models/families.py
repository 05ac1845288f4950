"""The families of models that a recipe may name, each with its sizes."""

from keras_attention.models.recurrent import PRESETS as RECURRENT_PRESETS
from keras_attention.models.recurrent import RecurrentSeq2Seq
from keras_attention.models.recurrent_captioner import (
    PRESETS as RECURRENT_CAPTIONER_PRESETS,
)
from keras_attention.models.recurrent_captioner import RecurrentCaptioner
from keras_attention.models.transformer import PRESETS as TRANSFORMER_PRESETS
from keras_attention.models.transformer import Transformer
from keras_attention.models.transformer_captioner import (
    PRESETS as TRANSFORMER_CAPTIONER_PRESETS,
)
from keras_attention.models.transformer_captioner import TransformerCaptioner

# Of each task, by the name of the family.
FAMILIES = {
    "translation": {
        "transformer": (Transformer, TRANSFORMER_PRESETS),
        "recurrent": (RecurrentSeq2Seq, RECURRENT_PRESETS),
    },
    "captioning": {
        "recurrent": (RecurrentCaptioner, RECURRENT_CAPTIONER_PRESETS),
        "transformer": (TransformerCaptioner, TRANSFORMER_CAPTIONER_PRESETS),
    },
}
