"""Decoding: greedy, beam and sampling, for any model that keeps the contract."""

from typing import TYPE_CHECKING

from keras_attention.lazy import lazy_names

if TYPE_CHECKING:
    from keras_attention.decoding.hypotheses import Hypotheses as Hypotheses
    from keras_attention.decoding.lexical import (
        LexicalConstraints as LexicalConstraints,
    )
    from keras_attention.decoding.options import DecodingOptions as DecodingOptions
    from keras_attention.decoding.scoring import ForcedDecoder as ForcedDecoder
    from keras_attention.decoding.search import Decoder as Decoder

HOMES = {
    "Decoder": "search",
    "DecodingOptions": "options",
    "ForcedDecoder": "scoring",
    "Hypotheses": "hypotheses",
    "LexicalConstraints": "lexical",
}

__all__ = [*HOMES]
__getattr__, __dir__ = lazy_names(__name__, HOMES)
