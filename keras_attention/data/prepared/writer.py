"""Writes tokenised sentences as they come."""

import contextlib

import numpy as np

from keras_attention.data.prepared.store import (
    ALIGNMENT,
    OFFSET_DTYPE,
    SIDES,
    flatten_ids,
)


class SplitWriter:
    """Appends pairs to the files of one split. Use as a context manager.

    Args:
        folder: Path, made here.
        dtypes: the type of the ids, of source and of target; and of the positions in
            alignments, if there are any.
        keep_texts: bool. Whether to write the texts too.
    """

    def __init__(self, folder, dtypes, keep_texts):
        folder.mkdir()
        self.num_pairs = 0
        self.num_tokens = [0] * len(dtypes)
        self._dtypes = dtypes
        stems = (*SIDES, ALIGNMENT)[: len(dtypes)]
        self._files = contextlib.ExitStack()
        self._tokens = [self._open(folder / f"{stem}_tokens.bin") for stem in stems]
        self._offsets = [self._open(folder / f"{stem}_offsets.bin") for stem in stems]
        self._texts = [
            self._open(folder / f"{side}.txt") for side in SIDES if keep_texts
        ]
        for file in self._offsets:
            file.write(np.zeros(1, OFFSET_DTYPE))

    def append(self, ids, texts):
        """`ids` and `texts` each hold two lists of one length, source and target; `ids`
        also a third, of the flat links of each pair, if there are alignments."""
        self.num_pairs += len(ids[0])
        # Without alignments in this split, those that come are not kept.
        for i, (rows, dtype) in enumerate(zip(ids, self._dtypes, strict=False)):
            tokens, lengths = flatten_ids(rows, dtype)
            self._tokens[i].write(tokens)
            self._offsets[i].write(np.cumsum(lengths) + self.num_tokens[i])
            self.num_tokens[i] += len(tokens)
        for file, side_texts in zip(self._texts, texts, strict=False):
            lines = "".join(text.replace("\n", " ") + "\n" for text in side_texts)
            file.write(lines.encode("utf-8", "replace"))

    def _open(self, path):
        return self._files.enter_context(path.open("wb"))

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return self._files.__exit__(*exception)
