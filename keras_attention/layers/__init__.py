"""Attention layers: tensors in, tensors out."""

from typing import TYPE_CHECKING

from keras_attention.lazy import lazy_names

if TYPE_CHECKING:
    from keras_attention.layers.bahdanau import BahdanauAttention as BahdanauAttention
    from keras_attention.layers.guided_alignment import alignment_loss as alignment_loss
    from keras_attention.layers.luong import LuongAttention as LuongAttention
    from keras_attention.layers.masking import causal_mask as causal_mask
    from keras_attention.layers.masking import combine_masks as combine_masks
    from keras_attention.layers.masking import masked_softmax as masked_softmax
    from keras_attention.layers.multi_head import (
        MultiHeadCrossAttention as MultiHeadCrossAttention,
    )
    from keras_attention.layers.multi_head import (
        MultiHeadSelfAttention as MultiHeadSelfAttention,
    )
    from keras_attention.layers.position import (
        SinePositionEncoding as SinePositionEncoding,
    )
    from keras_attention.layers.recurrent import Orthogonal as Orthogonal
    from keras_attention.layers.recurrent import RecurrentDecoder as RecurrentDecoder
    from keras_attention.layers.recurrent import RecurrentEncoder as RecurrentEncoder
    from keras_attention.layers.scheduled_sampling import (
        ScheduledSampling as ScheduledSampling,
    )
    from keras_attention.layers.soft_image import (
        SoftImageAttention as SoftImageAttention,
    )
    from keras_attention.layers.soft_image import as_grid as as_grid
    from keras_attention.layers.soft_image import (
        doubly_stochastic_penalty as doubly_stochastic_penalty,
    )
    from keras_attention.layers.transformer import (
        TransformerDecoderBlock as TransformerDecoderBlock,
    )
    from keras_attention.layers.transformer import (
        TransformerEncoderBlock as TransformerEncoderBlock,
    )

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
    "alignment_loss": "guided_alignment",
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
