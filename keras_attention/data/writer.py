"""Writes tokenised sentences as they come."""

import contextlib

import numpy as np

from keras_attention.data.store import OFFSET_DTYPE, SIDES, flatten_ids


class SplitWriter:
    """Appends pairs to the files of one split. Use as a context manager.

    Args:
        folder: Path, made here.
        dtypes: the type of the ids, of source and of target.
        keep_texts: bool. Whether to write the texts too.
    """

    def __init__(self, folder, dtypes, keep_texts):
        folder.mkdir()
        self.num_pairs = 0
        self.num_tokens = [0, 0]
        self._dtypes = dtypes
        self._files = contextlib.ExitStack()
        self._tokens = [self._open(folder / f"{side}_tokens.bin") for side in SIDES]
        self._offsets = [self._open(folder / f"{side}_offsets.bin") for side in SIDES]
        self._texts = [
            self._open(folder / f"{side}.txt") for side in SIDES if keep_texts
        ]
        for file in self._offsets:
            file.write(np.zeros(1, OFFSET_DTYPE))

    def append(self, ids, texts):
        """`ids` and `texts` each hold two lists of one length, source and target."""
        self.num_pairs += len(ids[0])
        for side in range(2):
            tokens, lengths = flatten_ids(ids[side], self._dtypes[side])
            self._tokens[side].write(tokens)
            self._offsets[side].write(np.cumsum(lengths) + self.num_tokens[side])
            self.num_tokens[side] += len(tokens)
        for file, side_texts in zip(self._texts, texts, strict=False):
            lines = "".join(text.replace("\n", " ") + "\n" for text in side_texts)
            file.write(lines.encode("utf-8", "replace"))

    def _open(self, path):
        return self._files.enter_context(path.open("wb"))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return self._files.__exit__(*exception)
