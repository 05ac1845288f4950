"""Files of weights that are damaged, cut or made to harm are refused by name."""

import functools
import io
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_attention.conversion.checkpoint import Checkpoint
from keras_attention.conversion.marian_config import read_config
from keras_attention.conversion.marian_tensors import read_tables
from keras_attention.conversion.marian_weights import (
    OUTPUT,
    SHARED,
    SOURCE_TABLE,
    TARGET_TABLE,
)
from keras_attention.conversion.torch_file import open_torch
from tests.conversion.support import CHECKPOINTS
from tests.conversion.test_torch_pickle import Calls, tensor

# A tuple that holds one tuple twice, and so on: endless when it is written out.
DOUBLED = functools.reduce(lambda inner, _: (inner, inner), range(60), "x")


def safetensors(header, data=b"", length=None):
    header = json.dumps(header).encode() if isinstance(header, dict) else header
    size = len(header) if length is None else length
    return struct.pack("<Q", size) + header + data


def zipped(entries, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return file.getvalue()


def torch_zip(state=None, data=bytes(24), root="archive", **entries):
    state = tensor() if state is None else state
    names = {f"{root}/data.pkl": state, f"{root}/data/0": data}
    return zipped({**names, **{f"{root}/{n}": d for n, d in entries.items()}})


def legacy(state=None, keys=("0",), count=6, data=bytes(24), little=True):
    parts = [pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001)]
    parts += [pickle.dumps({"little_endian": little}, 2)]
    parts += [tensor() if state is None else state, pickle.dumps(list(keys), 2)]
    return b"".join(parts) + struct.pack("<q", count) + data


def opened(folder, name, data):
    (folder / name).write_bytes(data)
    checkpoint = Checkpoint(folder)
    return {name: checkpoint.read(name) for name in checkpoint.shapes}


@pytest.mark.parametrize("make", [torch_zip, legacy])
def test_views_of_a_storage(make, tmp_path):
    numbers = np.arange(6, dtype="float32")
    turned = tensor(shape=(3, 2), strides=(1, 3))
    found = opened(tmp_path, "pytorch_model.bin", make(turned, data=numbers.tobytes()))
    np.testing.assert_array_equal(found["w"], numbers.reshape(2, 3).T)


@pytest.mark.parametrize("make", [torch_zip, legacy])
def test_half_floats(make, tmp_path):
    import ml_dtypes

    numbers = np.array([1.5, -2, 3, 0, 5, 0.25])
    for kind, dtype in (("Half", np.float16), ("BFloat16", ml_dtypes.bfloat16)):
        state = tensor(kind=f"{kind}Storage", shape=(6,), strides=(1,))
        data = numbers.astype(dtype).tobytes()
        found = opened(tmp_path, "pytorch_model.bin", make(state, data=data))
        np.testing.assert_array_equal(found["w"], numbers)


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        safetensors({"w": F32}, bytes(8), length=2**60),
        safetensors({"w": F32}, bytes(4)),
        safetensors({"w": {**F32, "data_offsets": [0, 2**40]}}, bytes(8)),
        safetensors({"w": {**F32, "data_offsets": [-8, 0]}}, bytes(8)),
        safetensors({"w": {**F32, "shape": [2**40, 2**40]}}, bytes(8)),
        safetensors({"w": {**F32, "shape": [3]}}, bytes(8)),
        safetensors({"w": {**F32, "dtype": "F31"}}, bytes(8)),
        safetensors(b"{not json", bytes(8)),
        safetensors(b"[" * 5000, bytes(8)),
        safetensors({"w": F32, "v": F32}, bytes(8)),
    ],
    ids=range(11),
)
def test_damaged_safetensors(data, tmp_path):
    with pytest.raises(ValueError, match=r"model\.safetensors is damaged"):
        opened(tmp_path, "model.safetensors", data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no file of torch.save"),
        (b"\x80\x02K\x01.", "no file of torch.save"),
        (zipped({"a/data.pkl": b"", "b/data.pkl": b""}), "received 2"),
        (zipped({"a/other": b""}), "received 0"),
        (zipped({"../data.pkl": tensor()}), "lacks data/0"),
        (torch_zip(data=bytes(20)), "should have 24 bytes; received 20"),
        (torch_zip(data=bytes(28)), "too large"),
        (torch_zip(byteorder=b"big"), "big-endian"),
        (torch_zip(pickle.dumps([1], 2)), "no dict of tensors"),
        (torch_zip(pickle.dumps({"w": 1}, 2)), "no dict of tensors"),
        (
            zipped(
                {"a/data.pkl": tensor(), "a/data/0": bytes(24)}, zipfile.ZIP_DEFLATED
            ),
            "compressed",
        ),
        (zipped({"a/data.pkl": bytes(10**8)}, zipfile.ZIP_DEFLATED), "compressed"),
        (torch_zip()[:-60], "cannot be read"),
        (legacy(little=False), "big-endian"),
        (legacy(count=2**62), "counts its numbers otherwise"),
        (legacy(count=-1), "counts its numbers otherwise"),
        (legacy(data=bytes(20)), "cut short"),
        (legacy(tensor(count=2**50), count=2**50), "cut short"),
        (legacy(keys=()), "lacks numbers"),
        (legacy(keys=("0", "1")), "numbers of no tensor"),
        (legacy(keys=({},)), "lacks numbers"),
        (legacy()[:30], "cannot be read"),
        (legacy(keys=("0", [])), "numbers of no tensor"),
        (legacy(keys=("0", DOUBLED)), "numbers of no tensor"),
    ],
    ids=range(24),
)
def test_damaged_torch_files(data, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        opened(tmp_path, "pytorch_model.bin", data)
    assert str(tmp_path / "pytorch_model.bin") in str(error.value)


@pytest.mark.parametrize("make", [torch_zip, legacy])
def test_no_code_of_a_file_is_run(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state = pickle.dumps({"w": Calls(os.system, "touch ran")}, 2)
    with pytest.raises(ValueError, match="a file that runs code is not read"):
        opened(tmp_path, "pytorch_model.bin", make(state))
    assert not (tmp_path / "ran").exists()


def test_a_changed_number_is_noticed_in_a_zip(tmp_path):
    data = torch_zip(data=b"\x01\x02\x03\x04" * 6)
    data = data.replace(b"\x01\x02\x03\x04", b"\x01\x02\x03\x05", 1)
    with pytest.raises(ValueError, match="is damaged: Bad CRC"):
        opened(tmp_path, "pytorch_model.bin", data)


def test_numbers_must_be_finite_floats(tmp_path):
    save_file({"w": np.arange(3)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="w must be one of float32.*received I64"):
        Checkpoint(tmp_path).read("w")
    save_file({"w": np.array([1, np.nan])}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="received F64"):
        Checkpoint(tmp_path).read("w")
    save_file({"w": np.array([1, np.nan], "f")}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="not finite"):
        Checkpoint(tmp_path).read("w")


def shards(folder, **homes):
    index = {"weight_map": homes}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def test_shards_are_one_checkpoint(tmp_path):
    save_file({"a": np.ones(2, "f")}, tmp_path / "1.safetensors")
    save_file({"b": np.ones(3, "f")}, tmp_path / "2.safetensors")
    shards(tmp_path, a="1.safetensors", b="2.safetensors")
    assert Checkpoint(tmp_path).shapes == {"a": (2,), "b": (3,)}
    save_file({"a": np.ones(3, "f")}, tmp_path / "2.safetensors")
    with pytest.raises(ValueError, match="has a, as another file has"):
        Checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../1.safetensors", "without folders"),
        ("/etc/1.safetensors", "without folders"),
        ("..\\1.safetensors", "without folders"),
        ("1.bin", "end in .safetensors"),
        ("1.safetensors", "lacks 1.safetensors"),
        (7, "end in .safetensors"),
    ],
)
def test_an_index_names_files_beside_it(name, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Checkpoint(shards(tmp_path, a=name))


@pytest.mark.parametrize("text", ["{}", '{"weight_map": []}', "[]", "{", "[" * 9999])
def test_an_index_that_is_damaged(text, tmp_path):
    (tmp_path / "pytorch_model.bin.index.json").write_text(text)
    with pytest.raises(ValueError, match="index.json is damaged"):
        Checkpoint(tmp_path)


def test_a_folder_without_weights(tmp_path):
    (tmp_path / "tf_model.h5").touch()
    with pytest.raises(ValueError, match="has no weights: it needs model.safetensors"):
        Checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("gelu-unscaled", [SHARED]),
        ("tc-big", [SOURCE_TABLE, TARGET_TABLE]),
    ],
)
def test_tensors_that_share_their_numbers_are_read_once(name, read, monkeypatch):
    found, once = [], Checkpoint.read

    def counted(checkpoint, name, dtype="float32"):
        found.append(name)
        return once(checkpoint, name, dtype)

    monkeypatch.setattr(Checkpoint, "read", counted)
    checkpoint = Checkpoint(CHECKPOINTS / name)
    assert OUTPUT in checkpoint.shapes
    read_tables(read_config(CHECKPOINTS / name), checkpoint)
    assert found == read


def test_shapes_are_listed_once():
    checkpoint = Checkpoint(CHECKPOINTS / "tc-big")
    assert checkpoint.shapes is checkpoint.shapes
    file = open_torch(CHECKPOINTS / "tc-big" / "pytorch_model.bin")
    assert file.shapes is file.shapes and file.dtypes is file.dtypes


@pytest.mark.parametrize("name", ["gelu-unscaled", "tc-big"])
def test_every_cut_of_a_real_file_is_refused(name, tmp_path):
    data = (CHECKPOINTS / name / "pytorch_model.bin").read_bytes()
    for part in (0.001, 0.1, 0.5, 0.9, 0.999):
        with pytest.raises(ValueError, match=r"pytorch_model\.bin"):
            opened(tmp_path, "pytorch_model.bin", data[: int(len(data) * part)])
