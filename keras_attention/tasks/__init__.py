"""Strings and images meet models; a bundle on disk."""

from typing import TYPE_CHECKING

from keras_attention.lazy import lazy_names

if TYPE_CHECKING:
    from keras_attention.tasks.captioner import Captioner as Captioner
    from keras_attention.tasks.loading import load as load
    from keras_attention.tasks.results import Caption as Caption
    from keras_attention.tasks.results import (
        CaptionHypothesis as CaptionHypothesis,
    )
    from keras_attention.tasks.results import Hypothesis as Hypothesis
    from keras_attention.tasks.results import Translation as Translation
    from keras_attention.tasks.translator import Translator as Translator

HOMES = {
    "Caption": "results",
    "CaptionHypothesis": "results",
    "Captioner": "captioner",
    "Hypothesis": "results",
    "Translation": "results",
    "Translator": "translator",
    "load": "loading",
}

__all__ = [*HOMES]
__getattr__, __dir__ = lazy_names(__name__, HOMES)
