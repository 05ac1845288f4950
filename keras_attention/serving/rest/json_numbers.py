"""Reads the long lists of numbers of a large JSON document as arrays.

A parser makes an object of every number and a list of every row, in one call during
which no other thread runs: 50 MB of images block all others for seconds. Here the
text of such a list is cut at commas into small chunks. Each is parsed without its
brackets, becomes an array at once, and other threads take turns in between.

    [[1, 2], [3, 4.5]]   structure  [[,],[,]]   shape [2, 2], known before any parsing
                         numbers    1, 2, 3, 4.5
"""

import time

import numpy as np
import orjson

_LONG = 32 * 1024  # bytes of a list that are worth the trouble
_CHUNK = 128 * 1024
_CHUNKS_AT_A_TIME = 4
_MAX_STRINGS = 200  # in a document; where there are more, lists are short
_OPEN, _CLOSE, _COMMA = b"[],"[0], b"[],"[1], b"[],"[2]
_SPACES = b" \t\n\r"
_NOT_STRUCTURE = b"0123456789+-.eE" + _SPACES
_NO_BRACKETS = bytes.maketrans(b"[]", b"  ")


def parse(body):
    """Parses an object whose long lists of numbers become arrays.

    Args:
        body: bytes.

    Returns:
        dict, in which a list of numbers may be an array of int64, or of float64 if not
        all of them are integers. None if `body` is not worth it, or not as it should
        be: then a parser shall say what is wrong.
    """
    if len(body) < _LONG or b"\\" in body:
        return None
    arrays = {}
    kept, position = [], 0
    for start, end in _gaps(body):
        first = body.find(b"[", start, end)
        brace = body.find(b"}", first, end)
        last = body.rfind(b"]", first, brace if brace >= 0 else end) + 1
        if first < 0 or last <= first:
            return None
        array = read(body, first, last)
        if array is None:
            return None
        mark = f"array {len(arrays)}"
        arrays[mark] = array
        kept += [body[position:first], b'"%b"' % mark.encode()]
        position = last
    kept.append(body[position:])
    rest = b"".join(kept)
    if not arrays or any(rest.count(b'"%b"' % m.encode()) != 1 for m in arrays):
        return None
    try:
        document = orjson.loads(rest)
        placed = _place(document, arrays)
    except (orjson.JSONDecodeError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    is_named = isinstance(placed.get("signature_name", ""), str)
    return placed if is_named else None


def _gaps(body):
    """Where a long list may be: where no string is; nowhere if there are many."""
    gaps = []
    start = 0
    for _ in range(_MAX_STRINGS):
        quote = body.find(b'"', start)
        end = quote if quote >= 0 else len(body)
        if end - start >= _LONG:
            gaps.append((start, end))
        start = body.find(b'"', quote + 1) + 1
        if quote < 0 or start == 0:  # at the end, or a string without one
            return gaps
    return []


def _place(value, arrays):
    if isinstance(value, str):
        return arrays.get(value, value)
    if isinstance(value, list):
        return [_place(item, arrays) for item in value]
    if isinstance(value, dict):
        return {key: _place(item, arrays) for key, item in value.items()}
    return value


def read(text, start=0, stop=None):
    """Reads nested lists of numbers, all of the same size at every level.

    Args:
        text: bytes.
        start, stop: int. Where in `text` they are; all of it by default.

    Returns:
        An array of int64, or of float64; None if there is something else.
    """
    structure = []
    arrays = []
    stop = len(text) if stop is None else stop
    while start < stop:
        end = stop
        if end - start > _CHUNK:
            end = text.find(b",", start + _CHUNK, stop) + 1 or end
        chunk = text[start:end]
        if not _is_list(_without_spaces(chunk)):
            return None
        structure.append(chunk.translate(None, _NOT_STRUCTURE))
        array = _numbers(chunk[:-1] if end < stop else chunk)
        if array is None:
            return None
        arrays.append(array)
        start = end
        if len(arrays) % _CHUNKS_AT_A_TIME == 0:
            time.sleep(0)  # whoever waits for the interpreter may have it
    shape = _shape(b"".join(structure))
    if shape is None:
        return None
    return np.concatenate(arrays).reshape(shape)


def _without_spaces(chunk):
    spaces = any(space in chunk for space in (b" ", b"\n", b"\t", b"\r"))
    return chunk.translate(None, _SPACES) if spaces else chunk


def _is_list(chunk):
    """Whether brackets stand where the grammar allows: `[[1`, not `1[[`."""
    codes = np.frombuffer(b",%b" % chunk, np.uint8)
    opening = np.flatnonzero(codes[1:] == _OPEN)
    previous = codes[opening]
    closing = np.flatnonzero(codes[:-1] == _CLOSE)
    following = codes[closing + 1]
    return bool(
        np.all((previous == _OPEN) | (previous == _COMMA))
        and np.all((following == _CLOSE) | (following == _COMMA))
    )


def _numbers(chunk):
    try:
        values = orjson.loads(b"[%b]" % chunk.translate(_NO_BRACKETS))
    except orjson.JSONDecodeError:
        return None
    try:
        array = np.array(values)
    except (ValueError, OverflowError):
        return None
    return array if array.dtype in (np.int64, np.float64) and array.size else None


def _shape(structure):
    """`[[,],[,]]` is [2, 2]; None if rows differ, or if there is more than brackets."""
    rank = len(structure) - len(structure.lstrip(b"["))
    shape = []
    unit = b""  # what one item of a level looks like
    for level in range(1, rank + 1):
        end = structure.find(b"]" * level)
        if end < 0:
            return None
        # The first list of this level, brackets and all.
        length = end + level - (rank - level)
        size, rest = divmod(length - 2 + 1, len(unit) + 1)
        if rest or size < 1:
            return None
        shape.insert(0, size)
        unit = b"[%b]" % b",".join([unit] * size)
    return shape if rank and unit == structure else None
