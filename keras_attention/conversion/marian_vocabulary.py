"""Marian's ids and ours.

ours    theirs
0       pad
1       unknown
2       what decoding starts with: a row of its own, or a copy of pad's
3       end
4 …     the rest, in their order
behind  pieces that the tokenizer knows and the model does not: read as unknown
"""

import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_attention.data.special_ids import PIECES
from keras_attention.data.tokenizer import SURROGATES
from keras_attention.files import read_json
from keras_attention.special_tokens import START_ID, UNKNOWN_ID

# Keeps a word out of a softmax in float32, and does little to the mean of all logits,
# of which label smoothing takes a part.
KEPT_OUT = -1e3


class Vocabulary(NamedTuple):
    """The pieces of one side, in the order of our ids."""

    pieces: list[str]
    rows: np.ndarray  # int (V,): which of their rows each of ours is
    is_kept_out: np.ndarray  # bool (V,): what is never said

    def with_unknown(self, pieces: Iterable[str]) -> "Vocabulary":
        """With pieces behind that are read as unknown, and never said."""
        pieces = list(pieces)
        rows = np.full(len(pieces), self.rows[UNKNOWN_ID])
        return Vocabulary(
            self.pieces + pieces,
            np.concatenate([self.rows, rows]),
            np.concatenate([self.is_kept_out, np.ones(len(pieces), bool)]),
        )


def read_vocabulary(
    path: str | Path,
    size: int,
    pad: int,
    unknown: str,
    end: int | str,
    start: int | str,
) -> Vocabulary:
    """The pieces of a `vocab.json` in the order of our ids.

    Args:
        path: of the file.
        size: int. Rows of their table, of which some may have no piece.
        pad: int. Theirs.
        unknown: str. The piece that stands for all others.
        end: int, or the piece.
        start: int. Theirs; may be one of the others, as it is in OPUS-MT's models. Or
            the piece, which may be missing where nothing starts with it.

    Raises:
        ValueError: if the file is missing or says anything but a different id below
            `size` for each piece, or if special ids are the same.
    """
    path = Path(path)
    ids = read_ids(path, size)
    for piece in (unknown, end):
        if isinstance(piece, str) and piece not in ids:
            raise ValueError(f"{path} lacks {piece!r:.40}")
    unknown_id = ids[unknown]
    start = ids.get(start, pad) if isinstance(start, str) else start
    end = ids[end] if isinstance(end, str) else end
    return in_our_order(path, ids, size, (pad, unknown_id, start, end))


def in_our_order(
    path: str | Path, ids: dict[str, int], size: int, special_ids: tuple[int, ...]
) -> Vocabulary:
    """A vocabulary of pieces and their ids.

    Args:
        path: where they are of, for errors.
        ids: dict of pieces to their ids.
        size: int. Rows of their table, of which some may have no piece.
        special_ids: theirs of pad, unknown, start and end.
    """
    pad, unknown_id, start, end = special_ids
    if len({pad, unknown_id, end}) < 3:
        raise ValueError(
            f"{path}: pad, unknown and end must have ids of their own; received {pad}, "
            f"{unknown_id} and {end}"
        )
    special = {pad, unknown_id, end, start}
    rest = [row for row in range(size) if row not in special]
    # Rows without a piece get names; so does what has the name of a special piece.
    names = {row: piece for piece, row in ids.items() if piece not in PIECES}
    pieces = [*PIECES, *(names.get(row) or _name(row, ids, size) for row in rest)]
    is_kept_out = np.zeros(len(pieces), bool)
    is_kept_out[START_ID] = start in (pad, unknown_id, end)
    return Vocabulary(
        pieces, np.array([pad, unknown_id, start, end, *rest]), is_kept_out
    )


def _name(row, ids, size):
    """A name for a row, which no piece has."""
    while f"<{row}>" in ids:
        row += size  # beyond all rows, and so another one's neither
    return f"<{row}>"


def read_ids(path: Path, size: int) -> dict[str, int]:
    """What a `vocab.json` says, checked."""
    if not path.is_file():
        raise ValueError(f"{path.parent} lacks {path.name}, the ids of its pieces")
    ids = read_json(path)
    for piece, number in ids.items():
        if not piece or "\0" in piece or SURROGATES.search(piece):
            raise ValueError(
                f"{path}: pieces must be text, without NUL and lone surrogates, of a "
                f"character at least; received {piece!r:.40}: {reprlib.repr(number)}. "
                "Take it out"
            )
        if not _is_id(number, size):
            raise ValueError(
                f"{path}: ids must be whole numbers below {size}, the size that "
                f"config.json gives; received {piece!r:.40}: {reprlib.repr(number)}"
            )
    if len(set(ids.values())) != len(ids):
        raise ValueError(f"{path}: two pieces have one id")
    return ids


def _is_id(value: Any, size: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < size
