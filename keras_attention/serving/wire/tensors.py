"""NumPy arrays to TensorProto and back, without TensorFlow.

The functions read and fill fields by name, so that TensorFlow's own message class and
the one in `protos` do equally well. Strings are object arrays of `bytes`.
"""

import itertools
import math

import ml_dtypes
import numpy as np

# DataType number: name in messages, NumPy type, field of TensorProto, its items' type.
# 16-bit floats travel as their bits, complex numbers as pairs.
_TABLE = {
    1: ("float", np.float32, "float_val", np.float32),
    2: ("double", np.float64, "double_val", np.float64),
    3: ("int32", np.int32, "int_val", np.int32),
    4: ("uint8", np.uint8, "int_val", np.int32),
    5: ("int16", np.int16, "int_val", np.int32),
    6: ("int8", np.int8, "int_val", np.int32),
    7: ("string", np.object_, "string_val", np.object_),
    8: ("complex64", np.complex64, "scomplex_val", np.float32),
    9: ("int64", np.int64, "int64_val", np.int64),
    10: ("bool", np.bool_, "bool_val", np.bool_),
    14: ("bfloat16", ml_dtypes.bfloat16, "half_val", np.uint16),
    17: ("uint16", np.uint16, "int_val", np.int32),
    18: ("complex128", np.complex128, "dcomplex_val", np.float64),
    19: ("half", np.float16, "half_val", np.uint16),
    22: ("uint32", np.uint32, "uint32_val", np.uint32),
    23: ("uint64", np.uint64, "uint64_val", np.uint64),
}
STRING = 7
# A few bytes that ask for a huge tensor of one value must not take all memory.
_MAX_REPEATED_BYTES = 2**28
NAMES = {number: row[0] for number, row in _TABLE.items()}
DTYPES = {number: np.dtype(row[1]) for number, row in _TABLE.items()}
NUMBERS = {dtype: number for number, dtype in DTYPES.items()}
# What JSON calls the types, and the fields that hold values.
ENUM = {f"DT_{name.upper()}": number for number, name in NAMES.items()}
FIELDS = sorted({row[2] for row in _TABLE.values()})


def type_name(number):
    """The name that error messages give a DataType."""
    return NAMES.get(number, f"type {number}")


def as_array(value, number=None):
    """Makes an array that can be sent; strings become an object array of `bytes`.

    Args:
        value: array, scalar or nested lists.
        number: int, optional. The DataType to convert to; otherwise, as NumPy thinks.

    Raises:
        ValueError: if the lists are ragged or the values do not fit the type.
    """
    if number is not None and number != STRING:
        if number not in DTYPES:
            raise ValueError(f"cannot send tensors of {type_name(number)}")
        array = np.asarray(value)
        if array.dtype == DTYPES[number]:
            return array
        if array.dtype.kind == "c" and DTYPES[number].kind != "c":
            raise ValueError(
                f"expected real numbers ({type_name(number)}), received {array.dtype}; "
                "use `.real` or `abs` if that is meant"
            )
        converted = array.astype(DTYPES[number])
        if array.size and array.dtype.kind == "f" and converted.dtype.kind in "iu":
            raise ValueError(
                f"expected integers ({type_name(number)}), received {array.dtype}; "
                f"convert the input yourself if rounding is meant"
            )
        if array.dtype.kind in "iu" and converted.dtype.kind in "iu":
            if not np.array_equal(converted, array):
                raise ValueError(
                    f"expected values that {type_name(number)} holds, received "
                    f"{array.min()} to {array.max()}"
                )
        return converted
    # Strings at once as objects: NumPy's own drop trailing NULs and cannot be mixed.
    as_objects = number == STRING or isinstance(value, bytes)
    array = np.asarray(value, dtype=object if as_objects else None)
    if as_objects or array.dtype.kind in "OSU":
        array = np.array(value, dtype=object)
        items = [_as_bytes(item) for item in array.ravel().tolist()]
        return _object_array(items, array.shape)
    return array


def _as_bytes(item):
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, bytes):
        return item
    raise ValueError(
        "expected str or bytes, in lists of equal length; received "
        f"{type(item).__name__}"
    )


def _object_array(items, shape):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)


def fill(proto, array, compact=False):
    """Writes an array into an empty TensorProto.

    Args:
        proto: TensorProto.
        array: NumPy array, as `as_array` gives.
        compact: bool. Send numbers as one block of bytes, which is quicker; by default
            they go to the typed fields, which clients like to read directly.
    """
    number = NUMBERS.get(array.dtype)
    if number is None:
        raise ValueError(f"cannot send an array of {array.dtype}")
    _, _, field, item_type = _TABLE[number]
    proto.dtype = number
    proto.tensor_shape.SetInParent()  # a scalar has a shape too, without dimensions
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if compact and number != STRING:
        proto.tensor_content = array.tobytes()
        return
    flat = np.ascontiguousarray(array).reshape(-1)
    if field in ("half_val", "scomplex_val", "dcomplex_val"):
        flat = flat.view(item_type)
    getattr(proto, field).extend(flat.tolist())


def read(proto):
    """Reads a TensorProto.

    As in TensorFlow, a typed field that is too short repeats its last item, and of one
    that is too long the first items count.

    Raises:
        ValueError: if type, shape and content contradict each other.
    """
    if proto.dtype not in _TABLE:
        raise ValueError(f"{type_name(proto.dtype)} is not supported")
    _, dtype, field, item_type = _TABLE[proto.dtype]
    dtype = np.dtype(dtype)
    shape = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or min(shape, default=0) < 0:
        raise ValueError(f"the shape is not fully known: {shape}")
    size = math.prod(shape)

    if proto.tensor_content:
        if proto.dtype == STRING:
            return _object_array(_strings(proto.tensor_content, size), shape)
        if len(proto.tensor_content) != size * dtype.itemsize:
            raise ValueError("tensor_content does not fit type and shape")
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape)

    items = getattr(proto, field)
    if proto.dtype == STRING:
        flat = _object_array(list(items), (len(items),))
    else:
        flat = np.array(items, item_type)
        # View where bits were sent, convert where a small integer rode in a larger one.
        bits = field in ("half_val", "scomplex_val", "dcomplex_val")
        flat = flat.view(dtype) if bits else flat.astype(dtype)
    flat = flat[:size]
    if len(flat) < size:
        if size * dtype.itemsize > _MAX_REPEATED_BYTES:
            raise ValueError(f"{len(flat)} values for a tensor of {size}")
        rest = flat[-1] if len(flat) else (b"" if proto.dtype == STRING else 0)
        flat = np.concatenate([flat, np.full(size - len(flat), rest, dtype)])
    return flat.reshape(shape)


def _strings(content, count):
    """Takes apart a block of strings: the lengths as varints, then all bytes."""
    lengths: list[int] = []
    position = 0
    if count > len(content):
        raise ValueError("tensor_content does not fit type and shape")
    while len(lengths) < count:
        length = shift = 0
        more = True
        while more:
            if position == len(content) or shift > 28:
                raise ValueError("tensor_content does not fit type and shape")
            byte = content[position]
            position, more = position + 1, byte >= 128
            length |= (byte & 127) << shift
            shift += 7
        lengths.append(length)
    if sum(lengths) != len(content) - position:
        raise ValueError("tensor_content does not fit type and shape")
    ends = itertools.accumulate(lengths, initial=position)
    return [content[start:end] for start, end in itertools.pairwise(ends)]
