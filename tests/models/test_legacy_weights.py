"""Weights of PyTorch's old format are read without PyTorch, and nothing else is."""

import collections
import io
import pickle
import struct
import sys
import types

import numpy as np
import pytest

from keras_attention.models.legacy_weights import MAGIC, read_legacy_weights

Storage = collections.namedtuple("Storage", "kind key count")


class Tensor:
    """Pickled as PyTorch pickles one."""

    def __init__(self, storage, offset, shape, strides):
        self.parts = (storage, offset, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.parts


@pytest.fixture
def save(tmp_path, monkeypatch):
    """Writes the old format; `save(state_dict, storages)` returns the path."""

    def named(module, name, kind):
        value = kind(name, (), {}) if kind is type else (lambda *parts: parts)
        value.__module__, value.__qualname__, value.__name__ = module, name, name
        return value

    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    utils._rebuild_tensor_v2 = named(
        "torch._utils", "_rebuild_tensor_v2", types.FunctionType
    )
    for name in ("FloatStorage", "HalfStorage", "LongStorage", "QInt8Storage"):
        setattr(torch, name, named("torch", name, type))
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                kind = getattr(torch, value.kind, value.kind)
                return ("storage", kind, value.key, "cpu", value.count, None)
            return None

    def write(state, storages, magic=MAGIC, keys=None, kept=None):
        file = io.BytesIO()
        for value in (magic, 1001, {"little_endian": True}, state):
            Pickler(file, 2).dump(value)
        Pickler(file, 2).dump(list(storages) if keys is None else keys)
        for numbers in storages.values():
            file.write(struct.pack("<q", numbers.size) + numbers.tobytes())
        path = tmp_path / "weights.pth"
        path.write_bytes(file.getvalue()[:kept])
        return path

    return write


def floats(count):
    return np.arange(count, dtype="<f4")


def example(offset=0, shape=(2, 3), strides=(3, 1), kind="FloatStorage"):
    state = {"w": Tensor(Storage(kind, "0", 6), offset, shape, strides)}
    return state, {"0": floats(6)}


def test_tensors_are_views_of_their_storages(save):
    one = Storage("FloatStorage", "0", 12)
    other = Storage("LongStorage", "1", 1)
    half = Storage("HalfStorage", "2", 2)
    state = collections.OrderedDict(
        whole=Tensor(one, 0, (3, 4), (4, 1)),
        transposed=Tensor(one, 0, (4, 3), (1, 4)),
        part=Tensor(one, 5, (2,), (2,)),
        scalar=Tensor(other, 0, (), ()),
        half=Tensor(half, 0, (2,), (1,)),
        empty=Tensor(one, 0, (0, 3), (3, 1)),
        version=7,
    )
    storages = {"0": floats(12), "1": np.array([5]), "2": np.ones(2, "float16")}
    arrays = read_legacy_weights(save(state, storages))
    expected = floats(12).reshape(3, 4)
    np.testing.assert_array_equal(arrays["whole"], expected)
    np.testing.assert_array_equal(arrays["transposed"], expected.T)
    np.testing.assert_array_equal(arrays["part"], [5, 7])
    assert arrays["scalar"].shape == () and arrays["scalar"] == 5
    assert arrays["half"].dtype == "float16" and arrays["empty"].shape == (0, 3)
    assert "version" not in arrays


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"offset": 1}, "w reaches out of its storage of 6 numbers"),
        ({"shape": (2, 4)}, "w reaches out of its storage"),
        ({"strides": (100000, 1)}, "w reaches out of its storage"),
        ({"offset": -1}, "w has the shape"),
        ({"strides": (-3, 1)}, "w has the shape"),
        ({"shape": (6,)}, "w has the shape"),
        ({"kind": "QInt8Storage"}, "torch.QInt8Storage is not allowed in it"),
        ({"kind": "O"}, "is no state_dict"),
    ],
)
def test_tensors_that_cannot_be_are_refused(save, changes, message):
    with pytest.raises(ValueError, match=message):
        read_legacy_weights(save(*example(**changes)))


def test_broken_files_are_refused_wherever_they_end(save):
    whole = save(*example()).read_bytes()
    for kept in range(0, len(whole), 7):
        with pytest.raises(ValueError, match="is no state_dict in PyTorch's format"):
            read_legacy_weights(save(*example(), kept=kept))


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", pickle.dumps(3)])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "other.pth").write_bytes(content)
    with pytest.raises(ValueError, match="is no state_dict in PyTorch's format"):
        read_legacy_weights(tmp_path / "other.pth")


class Evil:
    """Leaves a trace where it is unpickled."""

    def __reduce__(self):
        return exec, ("import sys; sys.evil = True",)


@pytest.mark.parametrize("place", ["magic", "state", "in state", "keys"])
def test_no_pickle_of_the_file_can_run_code(save, place):
    state, storages = example()
    options = {place: Evil()} if place in ("magic", "keys") else {}
    if place == "state":
        state = Evil()
    if place == "in state":
        state["x"] = Evil()
    with pytest.raises(ValueError, match="exec is not allowed in it"):
        read_legacy_weights(save(state, storages, **options))
    assert not hasattr(sys, "evil")
