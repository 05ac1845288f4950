"""Characters that SentencePiece had to spell in bytes, put together for people to read.

A character without a subword of its own becomes the bytes of its UTF-8, as `<0xE7>`
`<0x95>` `<0x8C>` for 界. Models read and say bytes; people see characters, in figures
and in JSON. Bytes that make no whole character stay as they are.

Attention to a character is the sum over its bytes, attention from it the mean over its
own, as of words and their subwords
([Clark et al., 2019](https://arxiv.org/abs/1906.04341), section 4.1).
"""

import re

import numpy as np

_BYTE = re.compile("<0x([0-9A-F]{2})>")
# A whole character of UTF-8 begins with a byte of one of these ranges.
_LENGTHS = ((0x00, 0x7F, 1), (0xC2, 0xDF, 2), (0xE0, 0xEF, 3), (0xF0, 0xF4, 4))


def characters(subwords):
    """Puts byte tokens together.

    Args:
        subwords: list of str.

    Returns:
        `(tokens, starts)`: subwords with characters in place of their bytes, and the
        number of the subword with which each begins.

    Example:

    >>> characters(["▁", "<0xE7>", "<0x95>", "<0x8C>", "!", "<0xE7>", "</s>"])
    (['▁', '界', '!', '<0xE7>', '</s>'], [0, 1, 4, 5, 6])
    """
    values = [_byte(subword) for subword in subwords]
    tokens, starts = [], []
    i = 0
    while i < len(subwords):
        character = _character(values, i)
        starts.append(i)
        tokens.append(subwords[i] if character is None else character)
        i += 1 if character is None else len(character.encode())
    return tokens, starts


def sum_columns(attention, starts):
    """Attention to characters: float `(..., S)` to `(..., number of starts)`."""
    attention = np.asarray(attention)
    if len(starts) == attention.shape[-1]:
        return attention
    return np.add.reduceat(attention, starts, axis=-1)


def mean_rows(attention, starts):
    """Attention from characters: float `(T, ...)` to `(number of starts, ...)`."""
    attention = np.asarray(attention)
    if len(starts) == len(attention):
        return attention
    counts = np.diff([*starts, len(attention)])
    counts = counts.reshape(-1, *[1] * (attention.ndim - 1))
    return np.add.reduceat(attention, starts, axis=0) / counts.astype(attention.dtype)


def _byte(subword):
    found = _BYTE.fullmatch(subword)
    return int(found[1], 16) if found else None


def _character(values, i):
    """The character whose bytes begin at `i`; None where there is none."""
    first = values[i]
    for least, most, length in _LENGTHS:
        if first is not None and least <= first <= most:
            found = values[i : i + length]
            if len(found) < length or None in found:
                return None
            try:
                return bytes(found).decode()
            except UnicodeDecodeError:
                return None
    return None
