"""Arrays of a client: made to fit a signature, to JSON and back."""

import base64
import json

import numpy as np
import orjson

from keras_attention.serving.wire import tensors


def convert(inputs, signature):
    """Makes inputs what a signature takes.

    Args:
        inputs: dict of arrays or nested lists; strings are str or bytes.
        signature: `Signature`.

    Returns:
        Dict of arrays of the signature's types; strings are object arrays of bytes.

    Raises:
        ValueError: if names, types or shapes are others than the signature's.
    """
    if not hasattr(inputs, "items"):
        raise ValueError(
            f"inputs must be a dict of input names to arrays; the signature takes "
            f"{_names(signature.inputs)}; received {type(inputs).__name__}"
        )
    unknown = [name for name in inputs if name not in signature.inputs]
    optional = {*inputs, *signature.defaults}
    missing = [name for name in signature.inputs if name not in optional]
    if unknown or missing:
        raise ValueError(
            f"the signature takes {_names(signature.inputs)}; received "
            f"{_names(inputs)}"
            + (
                f"; optional are {_names(signature.defaults)}"
                * bool(signature.defaults)
            )
        )
    return {name: _fit(name, inputs[name], signature.inputs[name]) for name in inputs}


def _names(names):
    return ", ".join(map(str, names)) or "nothing"


def _fit(name, value, spec):
    try:
        if spec.dtype == tensors.STRING:
            # At once, or NumPy pads all to the longest, and mixes no str and bytes.
            value = np.array(value, dtype=object)
        else:
            value = _in_range(np.asarray(value), tensors.DTYPES.get(spec.dtype))
        array = tensors.as_array(value, spec.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        wanted = tensors.type_name(spec.dtype)
        raise ValueError(f"input {name!r} must be {wanted}: {error}") from error
    if spec.shape is not None:
        sizes = zip(spec.shape, array.shape, strict=False)
        if array.ndim != len(spec.shape) or any(
            wanted not in (-1, size) for wanted, size in sizes
        ):
            raise ValueError(
                f"input {name!r} must have shape {_shape(spec.shape)}; received "
                f"{_shape(array.shape)}"
            )
    return array


def _in_range(array, dtype):
    """The array, if its integers are among those that `dtype` has."""
    if dtype is None or array.size == 0 or np.can_cast(array.dtype, dtype):
        return array
    if array.dtype.kind in "iu" and dtype.kind in "iu":
        limits = np.iinfo(dtype)
        for item in (int(array.min()), int(array.max())):
            if not limits.min <= item <= limits.max:
                raise ValueError(
                    f"received {item}, which is not between {limits.min} and "
                    f"{limits.max}"
                )
    return array


def _shape(sizes):
    return f"[{', '.join('?' if size == -1 else str(size) for size in sizes)}]"


def readable(outputs):
    """Strings as str, but for outputs whose name ends in `_bytes`."""
    return {
        name: array
        if array.dtype != object or name.endswith("_bytes")
        else _map(lambda item: item.decode(errors="replace"), array)
        for name, array in outputs.items()
    }


def _map(function, array):
    mapped = np.empty(array.size, dtype=object)
    mapped[:] = [function(item) for item in array.ravel().tolist()]
    return mapped.reshape(array.shape)


def jsonable(inputs):
    """Prepares a dict of arrays for orjson with its NumPy option.

    Raises:
        ValueError: if JSON has no numbers like these.
    """
    return {name: _jsonable(name, array) for name, array in inputs.items()}


def _jsonable(name, array):
    if array.dtype.kind == "c":
        raise ValueError(
            f"input {name!r} has complex numbers, which JSON lacks; use "
            "transport='grpc'"
        )
    if 0 in array.shape[:-1]:
        raise ValueError(
            f"input {name!r} is empty, and nested lists do not tell its shape "
            f"{_shape(array.shape)}; use transport='grpc'"
        )
    if array.dtype == object:
        return _map(_encode_string, array).tolist()
    if array.dtype.kind not in "iub":
        if array.dtype.itemsize == 2:  # half and bfloat16
            array = array.astype(np.float32)
        if not np.isfinite(array).all():  # orjson would write null
            return orjson.Fragment(json.dumps(array.tolist()))
    return np.ascontiguousarray(array) if array.ndim else array[()]


def _encode_string(item):
    try:
        return item.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(item).decode()}


def read_json(value, spec):
    """Reads what JSON has for an output.

    Raises:
        ValueError: if it is not what `spec`, a `TensorSpec`, says.
    """
    dtype = tensors.DTYPES.get(spec.dtype)
    if dtype is None:
        raise ValueError(f"{tensors.type_name(spec.dtype)} is not supported")
    if value == [] and spec.shape:
        # Nested lists that hold nothing do not tell the sizes further in.
        return np.zeros([0, *np.maximum(spec.shape[1:], 0)], dtype)
    if spec.dtype == tensors.STRING:
        return _map(_decode_string, np.array(value, dtype=object))
    if dtype.kind not in "iub":
        return np.array(value, dtype)
    array = np.array(value)
    if array.size and (array.dtype.kind == "b") != (dtype.kind == "b"):
        raise ValueError(f"expected {dtype}, received {array.dtype}")
    return tensors.as_array(_in_range(array, dtype), spec.dtype)


def _decode_string(item):
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, dict) and isinstance(item.get("b64"), str):
        return base64.b64decode(item["b64"])
    raise ValueError(f"expected a string, received {type(item).__name__}")
