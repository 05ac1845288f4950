"""Scenes: composed images of which everything is known, with captions in five
languages; the documentation has a page on them."""

from pathlib import Path
from typing import TYPE_CHECKING

from keras_attention.lazy import lazy_names

if TYPE_CHECKING:
    from keras_attention.data.scenes.language import Statement as Statement
    from keras_attention.data.scenes.language import describe as describe
    from keras_attention.data.scenes.language import read_caption as read_caption
    from keras_attention.data.scenes.scenes import Scenes as Scenes
    from keras_attention.data.scenes.things import LANGUAGES as LANGUAGES
    from keras_attention.data.scenes.things import load_things as load_things

HOMES = {
    "LANGUAGES": "things",
    "Scenes": "scenes",
    "Statement": "language",
    "describe": "language",
    "load_things": "things",
    "read_caption": "language",
}

__all__ = [*HOMES]
__getattr__, __dir__ = lazy_names(__name__, HOMES)

# What a recipe and the command line call them.
SCENES = "scenes"


def is_scenes(corpus):
    """Whether a corpus of this name is of scenes: they are, unless there is such a file
    or folder."""
    return str(corpus) == SCENES and not Path(SCENES).exists()
