"""Writes captioned images as they come."""

import hashlib
import json
from contextlib import ExitStack

import numpy as np

from keras_attention.data.captions.store import PLACE_DTYPE, WINDOW_DTYPE
from keras_attention.data.prepared.store import OFFSET_DTYPE, flatten_ids


class CaptionSplitWriter:
    """Appends images to the files of one split. Use as a context manager.

    Args:
        folder: Path, made here.
        dtype: the type of the ids.

    Attributes:
        pixels: a hash of all images so far.
    """

    def __init__(self, folder, dtype):
        folder.mkdir()
        self.num_images = self.num_captions = self.num_tokens = 0
        self.pixels = hashlib.blake2b(digest_size=16)
        self._dtype = dtype
        self._files = ExitStack()
        self._images = self._open(folder / "images.bin")
        self._windows = self._open(folder / "windows.bin")
        self._annotations = self._open(folder / "pictures.jsonl")
        self._tokens = self._open(folder / "target_tokens.bin")
        self._offsets = self._open(folder / "target_offsets.bin")
        self._image_of = self._open(folder / "caption_images.bin")
        self._place_of = self._open(folder / "caption_places.bin")
        self._offsets.write(np.zeros(1, OFFSET_DTYPE))

    def append(self, pixels, window, example, captions, ids, places):
        """One image: uint8 `(S, S, 3)` and where in it the image is, all its
        captions, and the ids of those at `places` among them, which can be trained
        on."""
        pixels = np.ascontiguousarray(pixels)
        self._images.write(pixels)
        self._windows.write(np.asarray(window, WINDOW_DTYPE))
        self.pixels.update(pixels)
        annotation = {
            "name": example.name,
            "captions": captions,
            "truth": example.truth,
        }
        line = json.dumps(annotation, ensure_ascii=False) + "\n"
        self._annotations.write(line.encode("utf-8", "replace"))
        tokens, lengths = flatten_ids(ids, self._dtype)
        self._tokens.write(tokens)
        self._offsets.write(np.cumsum(lengths) + self.num_tokens)
        self._image_of.write(np.full(len(ids), self.num_images, PLACE_DTYPE))
        self._place_of.write(np.asarray(places, PLACE_DTYPE))
        self.num_tokens += len(tokens)
        self.num_captions += len(ids)
        self.num_images += 1

    def _open(self, path):
        return self._files.enter_context(path.open("wb"))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return self._files.__exit__(*exception)
