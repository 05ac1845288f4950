"""JSON as the protocol has it: NaN and infinities, and errors in its own words."""

import itertools
import json

import orjson

from keras_attention.serving.errors import invalid_argument

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
_SHOWN = 256  # characters of a value that an error message repeats
_TYPES = {dict: "Object", list: "Array", str: "String", type(None): "Null"}


def parse(body):
    """Parses the bytes of a request, which must hold an object."""
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
        return json.loads(text)
    except UnicodeDecodeError as error:
        reason, offset = "Invalid encoding in string.", error.start
    except RecursionError:
        raise invalid_argument(
            "JSON Parse error: Terminate parsing, the document is nested too deeply"
        ) from None
    except json.JSONDecodeError as error:
        found = (v for k, v in _PARSE_ERRORS.items() if error.msg.startswith(k))
        reason, offset = next(found, "Invalid value."), error.pos
        offset = len(text[:offset].encode())
    raise invalid_argument(f"JSON Parse error: {reason} at offset: {offset}")


def show(value):
    """Prints a value for an error message, cut where it gets long."""
    encoder = json.JSONEncoder(indent=4, ensure_ascii=False)
    try:
        # Piece by piece, so that a huge value is never printed as a whole.
        pieces = itertools.islice(encoder.iterencode(value), _SHOWN)
        text = "".join(pieces)
    except RecursionError:
        return "(nested too deeply to show)"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def type_of(value):
    if isinstance(value, bool):
        return str(value)
    return _TYPES.get(type(value), "Number")


def dump(value, plain=False):
    """Writes JSON.

    Args:
        value: dicts, lists and scalars, NumPy's among them; arrays unless `plain`.
        plain: bool. Take the slower way, which knows NaN and Infinity.
    """
    if plain:
        return json.dumps(value, ensure_ascii=False).encode()
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
