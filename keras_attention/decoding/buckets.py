"""Few shapes for many batches, each of which is compiled once."""

from typing import Any, NamedTuple

import numpy as np

from keras_attention.decoding.hypotheses import Hypotheses

# Lengths of sources and of prefixes begin with this.
LEAST_LENGTH = 16


class Bucket(NamedTuple):
    """How many rows and columns a batch is padded to.

    Rows are a power of two, columns 16, 24, 32, 48, 64 and so on.
    """

    rows: int
    source_length: int  # 0 where there are no `source_ids`
    prefix_length: int  # 0 without prefixes

    @classmethod
    def of(
        cls, inputs: dict[str, np.ndarray], prefix_ids: np.ndarray | None
    ) -> "Bucket":
        """The smallest that holds a batch."""
        rows = len(next(iter(inputs.values())))
        lengths = [
            0 if ids is None else round_up(np.shape(ids)[1])
            for ids in (inputs.get("source_ids"), prefix_ids)
        ]
        return cls(1 << (rows - 1).bit_length(), *lengths)

    def pad(
        self, inputs: dict[str, np.ndarray], prefix_ids: np.ndarray | None
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """Fills up with rows of zeros, and rows of ids with padding."""
        inputs = {
            name: _filled(
                values, self.rows, self.source_length if name == "source_ids" else None
            )
            for name, values in inputs.items()
        }
        if prefix_ids is not None:
            prefix_ids = _filled(prefix_ids, self.rows, self.prefix_length)
        return inputs, prefix_ids


def cut(found: Hypotheses, inputs: dict[str, np.ndarray], num_steps: int) -> Hypotheses:
    """Of hypotheses of a padded batch, what belongs to the batch."""
    rows = len(next(iter(inputs.values())))
    token_ids, *rest, scores = found
    if not isinstance(scores, tuple):
        scores = scores[:rows, :, :num_steps]
        if "source_ids" in inputs:
            scores = scores[..., : np.shape(inputs["source_ids"])[1]]
    lengths, totals, log_probs = (part[:rows] for part in rest)
    token_ids = token_ids[:rows, :, :num_steps]
    return Hypotheses(token_ids, lengths, totals, log_probs, scores)


def round_up(length: int) -> int:
    """The next of 16, 24, 32, 48, 64, 96, 128 and so on."""
    power = max(LEAST_LENGTH, 1 << (length - 1).bit_length())
    three_quarters = power * 3 // 4
    return power if length > three_quarters or power == LEAST_LENGTH else three_quarters


def _filled(values: Any, rows: int, columns: int | None) -> np.ndarray:
    values = np.asarray(values)
    missing = [(0, rows - len(values))] + [(0, 0)] * (values.ndim - 1)
    if columns is not None:
        missing[1] = (0, columns - values.shape[1])
    return np.pad(values, missing)
