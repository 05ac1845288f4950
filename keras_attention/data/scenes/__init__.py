"""Scenes: composed images of which everything is known, with captions in five
languages; the documentation has a page on them."""

from pathlib import Path

from keras_attention.lazy import lazy_names

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
