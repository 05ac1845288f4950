"""`pytorch_model.bin`: what `torch.save` wrote, today (a zip) or before version 1.6.

zip      <root>/data.pkl   the dict of tensors, a pickle
         <root>/data/<key> the numbers of each storage, not compressed
before   five pickles (magic number, protocol, system, dict of tensors, keys), and
         for each key an int64 count and the numbers
"""

import os
import reprlib
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from keras_attention.conversion.torch_pickle import (
    MOST_BYTES,
    Storage,
    StoredTensor,
    read_pickle,
)

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001


def open_torch(path: str | Path) -> "TorchZip | TorchLegacy":
    """The tensors of a `.bin` file.

    Raises:
        ValueError: with the file's name, if it is neither form, damaged, or would run
            code.
        OSError: it cannot be opened.
    """
    path = Path(path)
    try:
        return TorchZip(path) if zipfile.is_zipfile(path) else TorchLegacy(path)
    except (ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"{path} cannot be read: {error!s:.300}") from error


class _TorchFile:
    """Tensors by name; subclasses find the bytes of a storage."""

    path: Path
    tensors: dict[str, StoredTensor]

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tensor.shape for name, tensor in self.tensors.items()}

    @cached_property
    def dtypes(self) -> dict[str, str]:
        return {name: tensor.storage.dtype for name, tensor in self.tensors.items()}

    def read(self, name: str) -> np.ndarray:
        """One tensor, of its own dtype."""
        storage, offset, shape, strides = self.tensors[name]
        dtype = np_dtype(storage.dtype)
        numbers = np.frombuffer(self._bytes(storage), dtype)
        strides = tuple(stride * dtype.itemsize for stride in strides)
        view = np.lib.stride_tricks.as_strided(
            numbers[offset:], shape, strides, writeable=False
        )
        return np.ascontiguousarray(view).reshape(shape)

    def is_same(self, name: str, other: str) -> bool:
        """Whether two names are of the same numbers, laid out alike."""
        return self.tensors[name] == self.tensors[other]

    def _bytes(self, storage: Storage) -> bytes:
        raise NotImplementedError


class TorchZip(_TorchFile):
    """A file of PyTorch 1.6 or later."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = path.stat().st_size
        with zipfile.ZipFile(path) as archive:
            self._entries = {info.filename: info for info in archive.infolist()}
            pickles = [n for n in self._entries if n.split("/")[1:] == ["data.pkl"]]
            if len(pickles) != 1:
                raise ValueError(
                    "a zip of torch.save has one <root>/data.pkl; received "
                    f"{len(pickles)}"
                )
            self._root = pickles[0].split("/")[0]
            order = self._entry("byteorder", 16, needed=False)
            if order and archive.read(order) != b"little":
                raise ValueError("its numbers are big-endian; save it elsewhere")
            with archive.open(self._entry("data.pkl", MOST_BYTES)) as file:
                self.tensors = _state(read_pickle(file))
        for tensor in self.tensors.values():
            storage = tensor.storage
            wanted = storage.size * np_dtype(storage.dtype).itemsize
            found = self._entry(f"data/{storage.key}", wanted).file_size
            if found != wanted:
                raise ValueError(
                    f"data/{storage.key!s:.60} should have {wanted} bytes; received "
                    f"{found}"
                )

    def _entry(self, name, most, needed=True) -> Any:
        info = self._entries.get(f"{self._root}/{name}")
        if info is None:
            if needed:
                raise ValueError(f"it lacks {name!s:.60}")
            return None
        whole = info.header_offset + info.compress_size <= self._size
        stored = info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1
        if not (stored and whole and info.compress_size == info.file_size <= most):
            raise ValueError(
                f"{name!s:.60} is compressed, too large or cut short; torch.save "
                "writes it as it is"
            )
        return info

    def _bytes(self, storage):
        entry = self._entries[f"{self._root}/data/{storage.key}"]
        try:
            with zipfile.ZipFile(self.path) as archive:
                return archive.read(entry)
        except (zipfile.BadZipFile, EOFError) as error:  # its checksum, for one
            raise ValueError(f"{self.path} is damaged: {error}") from error


class TorchLegacy(_TorchFile):
    """A file of PyTorch before 1.6, as the first models on the Hub have it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        size = path.stat().st_size
        with path.open("rb") as file:
            if file.read(2) != b"\x80\x02":
                raise ValueError("it is no file of torch.save")
            file.seek(0)
            if read_pickle(file) != MAGIC_NUMBER or read_pickle(file) != PROTOCOL:
                raise ValueError("it is no file of torch.save")
            system = read_pickle(file)
            if not isinstance(system, dict) or system.get("little_endian") is not True:
                raise ValueError("its numbers are big-endian; save it elsewhere")
            self.tensors = _state(read_pickle(file))
            keys = read_pickle(file)
            storages = {t.storage.key: t.storage for t in self.tensors.values()}
            self._places: dict[str, tuple[int, int]] = {}
            # Strings alone are hashed and written: tuples in tuples may have no end.
            if not isinstance(keys, list) or not set(storages) <= {
                key for key in keys if isinstance(key, str)
            }:
                raise ValueError("it lacks numbers of some tensors")
            for key in keys:
                if not isinstance(key, str) or key not in storages:
                    received = f"{reprlib.repr(key):.60}"
                    raise ValueError(f"it has numbers of no tensor, {received}")
                count = int.from_bytes(file.read(8), "little", signed=True)
                storage = storages[key]
                length = storage.size * np_dtype(storage.dtype).itemsize
                place = file.tell()
                if count != storage.size or place + length > size:
                    raise ValueError("it is cut short, or counts its numbers otherwise")
                self._places[key] = place, length
                file.seek(length, os.SEEK_CUR)

    def _bytes(self, storage):
        place, length = self._places[storage.key]
        with self.path.open("rb") as file:
            file.seek(place)
            return file.read(length)


def _state(value) -> dict[str, StoredTensor]:
    """The dict of tensors, each storage said the same way wherever it is used."""
    fits = isinstance(value, dict) and all(
        isinstance(name, str) and isinstance(tensor, StoredTensor)
        for name, tensor in value.items()
    )
    if not fits:
        raise ValueError("it holds no dict of tensors by name (a state_dict)")
    storages: dict[str, Storage] = {}
    for tensor in value.values():
        key = tensor.storage.key
        if storages.setdefault(key, tensor.storage) != tensor.storage:
            raise ValueError(f"it describes the numbers {key!s:.60} in two ways")
    return value


def np_dtype(name: str) -> np.dtype:
    """NumPy's dtype of a name, "bfloat16" among them."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)
