"""Reads weights that PyTorch saved before version 1.6, without PyTorch."""

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


def read_legacy_weights(path):
    """The arrays of a `state_dict` in PyTorch's old format.

    The file is a pickle, and pickles can run code: only what a `state_dict` is made of
    is allowed here.

    Args:
        path: str or Path.

    Returns:
        dict of str to NumPy arrays.

    Raises:
        ValueError: another kind of file, or one that holds more than arrays.
    """
    with open(path, "rb") as file:  # noqa: PTH123  pickles are read one after another
        try:
            if pickle.Unpickler(file).load() != MAGIC:
                raise ValueError("its first number is another one")
            for _ in ("protocol version", "sizes of the machine"):
                _Unpickler(file).load()
            unpickler = _Unpickler(file)
            tensors = unpickler.load()
            storages = _read_storages(file, unpickler.kinds)
        except (pickle.UnpicklingError, EOFError, struct.error, ValueError) as error:
            raise ValueError(
                f"{path} is no state_dict in PyTorch's format before 1.6: {error}"
            ) from None
    return {
        name: _array(storages, tensor)
        for name, tensor in tensors.items()
        if isinstance(tensor, tuple)
    }


class _Unpickler(pickle.Unpickler):
    """Knows tensors as `(storage key, offset, shape, strides)`, and no other class."""

    def __init__(self, file):
        super().__init__(file)
        self.kinds = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: (
                storage,
                offset,
                shape,
                strides,
            )
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed in it")

    def persistent_load(self, saved):
        _, kind, key, *_ = saved
        self.kinds[key] = kind
        return key


def _read_storages(file, kinds):
    storages = {}
    for key in pickle.Unpickler(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        dtype = np.dtype(kinds[key])
        content = file.read(count * dtype.itemsize)
        storages[key] = np.frombuffer(content, dtype.newbyteorder("<"), count)
    return storages


def _array(storages, tensor):
    key, offset, shape, strides = tensor
    flat = storages[key][offset:]
    strides = [stride * flat.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(flat, shape, strides).copy()
