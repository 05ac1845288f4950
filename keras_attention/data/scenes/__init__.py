"""Scenes: composed pictures of which everything is known, with captions in five
languages; see docs/scenes.md."""

from keras_attention.data.scenes.language import Statement, describe, read_caption
from keras_attention.data.scenes.scenes import Scenes
from keras_attention.data.scenes.things import LANGUAGES, load_things

__all__ = [
    "LANGUAGES",
    "Scenes",
    "Statement",
    "describe",
    "load_things",
    "read_caption",
]
