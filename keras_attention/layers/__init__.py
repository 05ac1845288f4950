"""Attention layers: tensors in, tensors out."""

from keras_attention.lazy import lazy_names

HOMES = {
    "BahdanauAttention": "bahdanau",
    "LuongAttention": "luong",
    "MultiHeadCrossAttention": "multi_head",
    "MultiHeadSelfAttention": "multi_head",
    "Orthogonal": "recurrent",
    "RecurrentDecoder": "recurrent",
    "RecurrentEncoder": "recurrent",
    "ScheduledSampling": "scheduled_sampling",
    "SinePositionEncoding": "position",
    "SoftImageAttention": "soft_image",
    "TransformerDecoderBlock": "transformer",
    "TransformerEncoderBlock": "transformer",
    "as_grid": "soft_image",
    "causal_mask": "masking",
    "combine_masks": "masking",
    "doubly_stochastic_penalty": "soft_image",
    "masked_softmax": "masking",
}

__all__ = [*HOMES]
__getattr__, __dir__ = lazy_names(__name__, HOMES)

# Before any layer, since importing Keras imports them all: see `registration`.
import keras  # noqa: E402, F401
