"""One JSON value as an array of a given type, and back.

Lists are checked and converted level by level, in C where possible. Only when that
fails are they walked value by value, to find the culprit and to name it in the words
of the protocol.
"""

import base64
import binascii
import itertools
import math

import numpy as np
import orjson

from keras_attention.serving.rest.json_text import dump_array, show, type_of
from keras_attention.serving.wire import tensors
from keras_attention.serving.wire.errors import Code, ServingError, invalid_argument

MAX_NESTING = 64  # axes that an array of NumPy may have
_FLOATS = {1, 2, 14, 19}  # float, double, bfloat16, half
_BOOL = 10
_NO_SPACES = str.maketrans("", "", " \t\n\v\f\r")
_INTEGERS = {n for n, dtype in tensors.DTYPES.items() if dtype.kind in "iu"}


def decode_tensor(value, dtype, max_nesting=MAX_NESTING):
    """Reads a scalar or nested lists as an array of a DataType.

    What `json_numbers` has made an array already is converted, or refused in no
    particular words.
    """
    if isinstance(value, np.ndarray):
        return _convert(value, dtype, max_nesting)
    shape = _shape(value, max_nesting)
    array = _quickly(value, shape, dtype)
    if array is None:
        _check(value, dtype, shape)
        raise AssertionError("the value was sound, and yet it could not be read")
    return array


def decode_column(items, dtype, max_nesting=MAX_NESTING):
    """One input of all rows; None if any of `items` is not as it should be."""
    if isinstance(items, np.ndarray):
        return _convert(items, dtype, max_nesting)
    if any(isinstance(item, np.ndarray) for item in items):
        return _convert(_stack(items), dtype, max_nesting)
    shape = _shape(items[0], max_nesting - 1)
    return _quickly(items, [len(items), *shape], dtype)


def check_item(item, dtype, first, max_nesting=MAX_NESTING):
    """Checks one row of an input, which must be like the first one.

    Args:
        item: scalar or nested lists.
        dtype: number of a DataType.
        first: list of int, the shape of the first row; None for that row itself.
        max_nesting: int.

    Returns:
        List of int, the shape.

    Raises:
        ServingError: INVALID_ARGUMENT with the protocol's text.
    """
    shape = _shape(item, max_nesting - 1)
    _check(item, dtype, shape)
    if first is None or shape == first:
        return shape
    size, expected = math.prod(shape), math.prod(first)
    if size != expected:
        raise invalid_argument(f"Expecting tensor size: {expected} but got: {size}")
    raise invalid_argument(f"Expecting shape {_print(first)} but got: {_print(shape)}")


def _stack(items):
    if any(not isinstance(item, np.ndarray) for item in items):
        raise _mismatch()
    if any(item.shape != items[0].shape for item in items):
        raise _mismatch()
    return np.stack(items)


def _convert(array, dtype, max_nesting):
    """An array of int64 or float64 as one of a DataType, if that is of its kind."""
    if array.ndim > max_nesting:
        raise _mismatch()
    if dtype in _INTEGERS and array.dtype == np.int64:
        bounds = np.iinfo(tensors.DTYPES[dtype])
        if array.min() < bounds.min or array.max() > bounds.max:
            raise _mismatch()
    elif dtype not in _FLOATS:
        raise _mismatch()
    return _rounded(array, dtype)


def _mismatch() -> ServingError:
    return invalid_argument("JSON Value: a list of numbers does not fit")


def _shape(value, max_nesting=MAX_NESTING):
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        if len(shape) > max_nesting:
            raise invalid_argument(
                f"JSON Value: nested too deeply, expecting at most {max_nesting} levels"
            )
        if not value:
            break
        value = value[0]
    return shape


def _print(shape):
    return f"[{','.join(map(str, shape))}]"


def _quickly(value, shape, dtype):
    """The array, or None if anything in `value` is not as it should be."""
    values = [value]
    for size in shape:
        if any(type(v) is not list or len(v) != size for v in values):
            return None
        values = list(itertools.chain.from_iterable(values))
    try:
        return _leaves(values, dtype).reshape(shape)
    except (ValueError, TypeError, OverflowError, ServingError):
        return None


def _leaves(values, dtype):
    """A flat list as an array; raises if one value does not fit."""
    kinds = set(map(type, values))
    if dtype == tensors.STRING:
        if not kinds <= {str, dict}:
            raise TypeError("not strings")
        array = np.empty(len(values), dtype=object)
        if dict in kinds:
            array[:] = [_decode_string(value) for value in values]
        else:
            array[:] = [value.encode() for value in values]
        return array
    if dtype == _BOOL:
        allowed: set[type] = {bool}
    elif dtype in _INTEGERS:
        allowed = {int}
    elif dtype in _FLOATS:
        allowed = {int, float}
    else:
        raise TypeError("a type that JSON cannot express")
    if not kinds <= allowed:
        raise TypeError("values of another type")
    if dtype not in _FLOATS:
        return np.array(values, tensors.DTYPES[dtype])  # raises if one is out of range
    return _rounded(np.array(values, np.float64), dtype)


def _rounded(array, dtype):
    """Numbers as a DataType; what is too large for a float becomes infinite."""
    with np.errstate(over="ignore"):
        return array.astype(tensors.DTYPES[dtype])


def _check(value, dtype, shape, level=0):
    """Finds what is wrong with a value, and raises it in the protocol's words."""
    if isinstance(value, list):
        if level >= len(shape):
            raise invalid_argument(
                f"Encountered list at unexpected level: {level} expected < {len(shape)}"
            )
        if len(value) != shape[level]:
            raise invalid_argument(
                f"Encountered list at unexpected size: {len(value)} at level: {level} "
                f"expected size: {shape[level]}"
            )
        for item in value:
            _check(item, dtype, shape, level + 1)
        return
    if level != len(shape):
        raise invalid_argument(
            f"JSON Value: {show(value)} found at incorrect level: {level + 1} in the "
            f"JSON DOM. Expected at level: {len(shape)}"
        )
    if dtype == tensors.STRING and isinstance(value, str | dict):
        _decode_string(value)
        return
    if dtype not in _FLOATS | _INTEGERS | {_BOOL, tensors.STRING}:
        raise ServingError(
            Code.UNIMPLEMENTED,
            f"Conversion of JSON Value: {show(value)} to type: "
            f"{tensors.type_name(dtype)}",
        )
    try:
        _leaves([value], dtype)
    except (TypeError, OverflowError):
        raise invalid_argument(
            f"JSON Value: {show(value)} Type: {type_of(value)} is not of expected "
            f"type: {tensors.type_name(dtype)}"
        ) from None


def is_base64(value):
    return (
        isinstance(value, dict)
        and len(value) == 1
        and isinstance(value.get("b64"), str)
    )


def _decode_string(value):
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError:  # half of a surrogate pair
            raise invalid_argument(
                "JSON Parse error: The surrogate pair in string is invalid."
            ) from None
    if not is_base64(value):
        raise invalid_argument(
            f"JSON Value: {show(value)} not formatted correctly for base64 data"
        )
    text = value["b64"].translate(_NO_SPACES)
    content = text.rstrip("=")
    missing = -len(content) % 4
    try:
        # Padding may be missing, as in the reference implementation, but not be wrong.
        if len(text) - len(content) not in (0, missing):
            raise ValueError("wrong padding")
        return base64.b64decode(content + "=" * missing, validate=True)
    except (binascii.Error, ValueError):
        raise invalid_argument("Unable to base64 decode") from None


def encode_tensor(array, as_base64=False):
    """Prepares an array for `json_text.dump`.

    Args:
        array: NumPy array; strings are an object array of `bytes`.
        as_base64: bool. Write strings as `{"b64": ...}` rather than as text.
    """
    if array.dtype == object:
        return _map(_encode_base64 if as_base64 else _decode_text, array)
    return orjson.Fragment(dump_array(_writable(array)))


def encode_rows(array, as_base64=False):
    """As `encode_tensor`, an iterable with one item for each row."""
    if array.dtype == object:
        return encode_tensor(array, as_base64)
    array = _writable(array)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        return (orjson.Fragment(dump_array(row)) for row in array)
    return array


def _writable(array):
    if array.dtype.kind == "c":
        number = tensors.NUMBERS[array.dtype]
        raise invalid_argument(
            f"Failed to write JSON value for tensor type: {tensors.type_name(number)}"
        )
    if array.dtype.itemsize == 2 and array.dtype.kind not in "iu":  # 16-bit floats
        array = array.astype(np.float32)
    return np.ascontiguousarray(array) if array.ndim else array


def _map(function, array):
    flat = np.empty(array.size, dtype=object)
    flat[:] = [function(item) for item in array.ravel().tolist()]
    return flat.reshape(array.shape).tolist()


def _encode_base64(item):
    return {"b64": base64.b64encode(item).decode()}


def _decode_text(item):
    return item.decode(errors="replace")
