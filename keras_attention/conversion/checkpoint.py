"""The weights in a folder of Hugging Face's: one file or several, of either kind."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_attention.conversion.torch_file import open_torch
from keras_attention.files import read_json

# In the order in which transformers looks for them.
FILES = ("model.safetensors", "pytorch_model.bin")
FLOATS = ("float32", "float16", "bfloat16")


class Checkpoint:
    """Tensors by name, read one by one.

    Args:
        folder: path. It holds `model.safetensors` or `pytorch_model.bin`, or the
            `.index.json` of either, with the files named there.

    Raises:
        ValueError: if there are no weights, or what is there is damaged.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._homes: dict[str, Any] = {}
        for path in _weight_files(self.folder):
            file = (
                _Safetensors(path)
                if path.suffix == ".safetensors"
                else open_torch(path)
            )
            for name in file.shapes:
                if name in self._homes:
                    raise ValueError(f"{path} has {name!s:.80}, as another file has")
                self._homes[name] = file
        self.shapes: dict[str, tuple[int, ...]] = {
            name: file.shapes[name] for name, file in self._homes.items()
        }

    def read(self, name: str, dtype: str | None = "float32") -> np.ndarray:
        """One tensor.

        Args:
            name: str.
            dtype: str, optional. As the file has it where None.

        Raises:
            ValueError: if it holds other numbers than floats, or is damaged.
        """
        file = self._homes[name]
        if file.dtypes[name] not in FLOATS:
            raise ValueError(
                f"{file.path}: {name} must be one of {', '.join(FLOATS)}; received "
                f"{file.dtypes[name]}"
            )
        array = file.read(name)
        array = array if dtype is None else array.astype(dtype, copy=False)
        if not np.isfinite(array).all():
            raise ValueError(f"{file.path}: {name} has numbers that are not finite")
        return array

    def is_same(self, name: str, other: str) -> bool:
        """Whether two names are of one tensor in a file, which need not be read twice.

        False says nothing of the numbers: they may be the same, and be there twice.
        """
        file = self._homes[name]
        return file is self._homes[other] and file.is_same(name, other)


def _weight_files(folder):
    for name in FILES:
        if (folder / name).is_file():
            return [folder / name]
        if (folder / f"{name}.index.json").is_file():
            return _shards(folder / f"{name}.index.json", Path(name).suffix)
    raise ValueError(
        f"{folder} has no weights: it needs {' or '.join(FILES)}, or the .index.json "
        "of one. Those of TensorFlow or Flax are to be saved by transformers first"
    )


def _shards(index, suffix):
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not names:
        raise ValueError(f"{index} is damaged: it lacks weight_map")
    names = sorted(set(map(str, names.values())))
    for name in names:
        # Nothing outside of the folder, whatever the index says.
        if Path(name).name != name or "\\" in name or Path(name).suffix != suffix:
            raise ValueError(
                f"{index}: files must be names that end in {suffix}, without folders; "
                f"received {name!r:.80}"
            )
        if not (index.parent / name).is_file():
            raise ValueError(f"{index.parent} lacks {name}, which {index.name} names")
    return [index.parent / name for name in names]


class _Safetensors:
    """A file of safetensors, which checks its header and its offsets itself."""

    NAMES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}

    def __init__(self, path: Path) -> None:
        self.path = path
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.dtypes: dict[str, str] = {}
        with self._open() as file:
            for name in file.keys():
                part = file.get_slice(name)
                dtype = part.get_dtype()
                self.shapes[name] = tuple(part.get_shape())
                self.dtypes[name] = self.NAMES.get(dtype, dtype)

    def read(self, name: str) -> np.ndarray:
        with self._open() as file:
            return file.get_tensor(name)

    def is_same(self, name: str, other: str) -> bool:
        return name == other  # The format allows of no numbers that two tensors share.

    @contextlib.contextmanager
    def _open(self) -> Iterator[Any]:
        import ml_dtypes  # noqa: F401  teaches NumPy bfloat16, which safetensors asks for
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path, framework="np") as file:
                yield file
        except SafetensorError as error:
            raise ValueError(f"{self.path} is damaged: {error!s:.300}") from error
