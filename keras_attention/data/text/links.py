"""Alignments of a tokenised corpus: which piece of the target belongs to which of the
source, in memory or mapped from disk."""

import numpy as np


class Links:
    """Links between pieces, one set for each pair of a corpus.

    Args:
        flat: `Sentences`. The links of each pair end to end: source position, target
            position, source position, …
    """

    def __init__(self, flat):
        self._flat = flat

    def __len__(self):
        return len(self._flat)

    def __getitem__(self, i):
        """int `(n, 2)`: source and target positions that are linked."""
        return self._flat[i].reshape(-1, 2)

    def padded(self, rows, lengths, shape):
        """What attention should be in a batch.

        Args:
            rows: int `(n,)`. Numbers of pairs.
            lengths: two int `(n,)`. How long their sources and targets are, without
                END, which is linked to END.
            shape: `(B, T, S)`, `B >= n`, each side longer than its longest.

        Returns:
            float32 `(B, T, S)`. Links of a target position share 1 evenly; where
            there is none, the row is zero.
        """
        starts = self._flat.offsets[rows] // 2
        counts = self._flat.offsets[rows + 1] // 2 - starts
        row = np.repeat(np.arange(len(rows)), counts)
        first = np.repeat(starts - np.cumsum(counts) + counts, counts)
        place = 2 * (first + np.arange(len(row)))
        tokens = self._flat.tokens
        weights = np.zeros(shape, "float32")
        weights[row, tokens[place + 1], tokens[place]] = 1
        source_lengths, target_lengths = lengths
        weights[np.arange(len(rows)), target_lengths, source_lengths] = 1
        return weights / np.maximum(weights.sum(axis=-1, keepdims=True), 1)
