"""Reads weights that PyTorch saved before version 1.6, without PyTorch.

Such a file is five pickles, one after another (a magic number, the version of the
protocol, the sizes of the machine's integers, the tensors, the keys of their storages),
and then each storage: how many numbers, and the numbers themselves.
"""

import collections
import pickle
import struct

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
# What the pickle module raises for files that are none, and for broken ones.
BROKEN = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
    struct.error,
)


def read_legacy_weights(path):
    """The arrays of a `state_dict` in PyTorch's old format.

    Pickles can run code: in all five of them only what a `state_dict` is made of is
    allowed, and a tensor may not reach out of its storage.

    Args:
        path: str or Path.

    Returns:
        dict of str to NumPy arrays.

    Raises:
        ValueError: another kind of file, a broken one, or one that holds more than
            arrays.
    """
    with open(path, "rb") as file:  # noqa: PTH123  pickles are read one after another
        try:
            return _read(file)
        except BROKEN as error:
            raise ValueError(
                f"{path} is no state_dict in PyTorch's format before 1.6: {error}"
            ) from None


def _read(file):
    if _Unpickler(file).load() != MAGIC:
        raise ValueError("its first number is another one")
    for _ in ("protocol version", "sizes of the machine"):
        _Unpickler(file).load()
    unpickler = _Unpickler(file)
    tensors = unpickler.load()
    storages = {
        key: _read_storage(file, unpickler.kinds[key])
        for key in _Unpickler(file).load()
    }
    return {
        name: _array(name, storages, *tensor)
        for name, tensor in tensors.items()
        if isinstance(tensor, _Tensor)
    }


class _Tensor(tuple):
    """Storage key, offset, shape and strides, counted in numbers."""


class _Unpickler(pickle.Unpickler):
    """Knows tensors, the names of storages, and no other class."""

    def __init__(self, file):
        super().__init__(file)
        self.kinds = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda key, offset, shape, strides, *_: _Tensor(
                (key, offset, shape, strides)
            )
        if module == "torch" and name in STORAGES:
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in it")

    def persistent_load(self, saved):
        _, kind, key, *_ = saved
        self.kinds[key] = STORAGES[kind]
        return key


def _read_storage(file, dtype):
    (count,) = struct.unpack("<q", file.read(8))
    dtype = np.dtype(dtype).newbyteorder("<")
    if count < 0:
        raise ValueError(f"a storage of {count} numbers")
    content = file.read(count * dtype.itemsize)
    return np.frombuffer(content, dtype, count)


def _array(name, storages, key, offset, shape, strides):
    flat = storages[key]
    if len(shape) != len(strides) or min((offset, *shape, *strides), default=0) < 0:
        raise ValueError(f"{name} has the shape {shape} with the strides {strides}")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if 0 in shape:
        return np.zeros(shape, flat.dtype)
    if last >= len(flat):
        raise ValueError(f"{name} reaches out of its storage of {len(flat)} numbers")
    strides = [step * flat.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, strides).copy()
