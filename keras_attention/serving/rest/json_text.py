"""JSON as the protocol has it: NaN and infinities, and errors in its own words."""

import itertools
import json
import re

import numpy as np
import orjson

from keras_attention.serving.wire.errors import invalid_argument

# Python's parser and the protocol's name the same mistakes differently.
_PARSE_ERRORS = {
    "Expecting property name": "Missing a name for object member.",
    "Illegal trailing comma before end of object": "Missing a name for object member.",
    "Expecting ':'": "Missing a colon after a name of object member.",
    "Expecting ','": "Missing a comma or closing bracket after an element.",
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid \\": "Invalid escape character in string.",
    "Invalid control character": "Invalid encoding in string.",
    "Extra data": "The document root must not be followed by other values.",
}
_SPECIAL = {"nan": b"NaN", "inf": b"Infinity", "-inf": b"-Infinity"}
# Numbers as the reference implementation, but not Python, reads them.
_ODD_NUMBERS = {"Inf": "Infinity", "-Inf": "-Infinity", "-NaN": "NaN"}
_ODD_NUMBER = re.compile(r"-?Inf\b|-NaN\b")
_ODD_NUMBER_QUOTE_OR_ESCAPE = re.compile(_ODD_NUMBER.pattern + r'|"|\\.')
_CHUNK = 64 * 1024  # numbers that are written in one go
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SHOWN = 256  # characters of a value that an error message repeats
_TYPES = {dict: "Object", list: "Array", str: "String", type(None): "Null"}


def parse(body):
    """Parses the bytes of a request, which must hold an object."""
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if not body:
        raise invalid_argument("JSON Parse error: The document is empty")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _parse_slowly(body)
    if not isinstance(value, dict):
        raise invalid_argument(f"JSON Value: {show(value)} Is not object")
    return value


def _parse_slowly(body):
    """For NaN and Infinity, which orjson refuses, and for a proper error."""
    try:
        text = body.decode()
        try:
            return _loads(text)
        except json.JSONDecodeError as error:
            if not _ODD_NUMBER.match(text, error.pos):
                raise
            text = _spell_out(text)
            return _loads(text)
    except UnicodeDecodeError as error:
        reason, offset = "Invalid encoding in string.", error.start
    except RecursionError:
        raise invalid_argument(
            "JSON Parse error: Terminate parsing, the document is nested too deeply"
        ) from None
    except _TooBig:
        reason, offset = "Number too big to be stored in double.", 0
    except json.JSONDecodeError as error:
        found = (v for k, v in _PARSE_ERRORS.items() if error.msg.startswith(k))
        reason, offset = next(found, "Invalid value."), error.pos
        offset = len(text[:offset].encode())
    raise invalid_argument(f"JSON Parse error: {reason} at offset: {offset}")


def _loads(text):
    return json.loads(text, parse_int=_parse_int, parse_float=_parse_float)


def _spell_out(text):
    """Odd numbers as Python reads them; what strings say is left alone.

    A pattern for whole strings would do, but for their length in memory a hundredfold.
    """
    chunks, copied, in_string = [], 0, False
    for match in _ODD_NUMBER_QUOTE_OR_ESCAPE.finditer(text):
        token = match[0]
        if token == '"':
            in_string = not in_string
        elif token in _ODD_NUMBERS and not in_string:
            chunks += [text[copied : match.start()], _ODD_NUMBERS[token]]
            copied = match.end()
    return "".join([*chunks, text[copied:]])


class _TooBig(Exception):
    pass


def _parse_int(text):
    return int(text) if len(text) <= 20 else _parse_float(text)


def _parse_float(text):
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _TooBig
    return number


def show(value):
    """Prints a value for an error message, cut where it gets long."""
    # Arrays of `json_numbers` are shown only in messages that nobody will read.
    encoder = json.JSONEncoder(indent=4, ensure_ascii=False, default=str)
    try:
        # Chunk by chunk, so that a huge value is never printed as a whole.
        chunks = itertools.islice(encoder.iterencode(value), _SHOWN)
        text = "".join(chunks)
    except RecursionError:
        return "(nested too deeply to show)"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def type_of(value):
    if isinstance(value, bool):
        return str(value)
    return _TYPES.get(type(value), "Number")


def dump(value):
    """Writes dicts, lists and scalars, NumPy's and orjson's fragments among them."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def dump_array(array):
    """Writes numbers, NaN and infinities included; floats as short as they are.

    Args:
        array: NumPy array without strings, contiguous.

    Returns:
        bytes.
    """
    if array.size <= _CHUNK or not array.ndim:
        return _dump_chunk(array)
    # One call for all of them would hold up every other thread.
    size = array.size // len(array)
    if size > _CHUNK:
        return b"[%b]" % b",".join(map(dump_array, array))
    step = _CHUNK // size
    starts = range(0, len(array), step)
    chunks = [_dump_chunk(array[start : start + step])[1:-1] for start in starts]
    return b"[%b]" % b",".join(chunks)


def _dump_chunk(array):
    text = dump(array if array.ndim else array[()])
    if array.dtype.kind != "f":
        return text
    odd = array[~np.isfinite(array)]
    if not odd.size:
        return text
    # orjson writes null for each of them; here they get their names back, in order.
    names = [_SPECIAL[str(number)] for number in odd.tolist()] + [b""]
    pairs = zip(text.split(b"null"), names, strict=True)
    return b"".join(itertools.chain.from_iterable(pairs))
