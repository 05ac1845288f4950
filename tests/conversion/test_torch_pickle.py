"""Pickles are read as data: nothing in them is called, however it is asked for."""

import collections
import io
import os
import pickle
import struct

import pytest

from keras_attention.conversion.torch_pickle import (
    MOST_BYTES,
    Storage,
    StoredTensor,
    read_pickle,
)

# A tuple that holds one tuple twice, and so on: 300 bytes, and 2^60 names when written.
DOUBLED = b"X\x01\x00\x00\x00x" + b"".join(
    b"q%ch%c\x86" % (place, place) for place in range(60)
)


def read(data):
    return read_pickle(io.BytesIO(data))


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def tensor(count=6, offset=0, shape=(2, 3), strides=(3, 1), kind="FloatStorage"):
    """A pickle of a dict with one tensor, as torch.save writes it."""

    def string(value):
        return b"X" + struct.pack("<I", len(value)) + value

    def number(value):
        if isinstance(value, bytes):  # steps of their own
            return value
        return b"\x8a\x08" + struct.pack("<q", value)

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = b"(" + string(b"storage") + b"ctorch\n" + kind.encode() + b"\n"
    storage += string(b"0") + string(b"cpu") + number(count) + b"tQ"
    arguments = b"(" + storage + number(offset) + numbers(shape) + numbers(strides)
    arguments += b"\x89ccollections\nOrderedDict\n)Rt"
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"
    return b"\x80\x02}(" + string(b"w") + rebuilt + b"u."


def test_a_dict_of_tensors():
    wanted = StoredTensor(Storage("float32", "0", 6), 0, (2, 3), (3, 1))
    assert read(tensor()) == {"w": wanted}


def test_plain_values_and_protocols():
    value = {"a": [1, 2, (True, None)], "b": {"c": 300, "d": (1, 2, 3, 70000)}}
    for protocol in (2, 3, 4, 5):
        assert read(pickle.dumps(value, protocol)) == value
    noted = collections.OrderedDict(a=1)
    noted._metadata = collections.OrderedDict()
    assert read(pickle.dumps(noted, 2)) == {"a": 1}


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
@pytest.mark.parametrize(
    "call",
    [
        Calls(os.system, "touch ran"),
        Calls(eval, "open('ran', 'w')"),
        Calls(getattr, Calls(__import__, "os"), "system"),
        Calls(collections.OrderedDict, [("a", 1)]),
    ],
    ids=["os.system", "eval", "getattr", "OrderedDict"],
)
def test_no_code_is_run(call, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="the pickle"):
        read(pickle.dumps({"w": call}, protocol))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"offset": 1}, "does not fit"),
        ({"offset": -1}, "does not fit"),
        ({"shape": (2, 4)}, "does not fit"),
        ({"strides": (-3, 1)}, "does not fit"),
        ({"strides": (4, 1)}, "does not fit"),
        ({"strides": (0, 0), "shape": (2**40, 2**20)}, "does not fit"),
        ({"shape": (1,) * 9, "strides": (1,) * 9}, "does not fit"),
        ({"shape": (6,)}, "does not fit"),
        ({"count": -6}, "kind that is not known"),
        ({"count": 2**62}, "kind that is not known"),
        ({"kind": "UntypedStorage"}, "asks for 'torch UntypedStorage'"),
    ],
    ids=str,
)
def test_tensors_must_lie_within_their_numbers(changes, message):
    with pytest.raises(ValueError, match=message):
        read(tensor(**changes))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02",
        b"\x80\x02.",
        b"\x80\x02}",
        b"\x80\x02h\x05.",  # what was never kept
        b"\x80\x02K\x01K\x02s.",  # an item of a number
        b"\x80\x02}(K\x01u.",  # a key without a value
        b"\x80\x02}()K\x01u.",  # a key that is a tuple
        b"\x80\x02K\x01)R.",  # a call of a number
        b"\x80\x02\x85.",
        b"\x80\x02t.",
        b"\x80\x02X\xff\xff\xff\xffabc.",  # a string of 4 GB
        b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"abc.",  # bytes of an exabyte
        b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b"abc.",
        b"\x80\x02N2.",  # duplicates, which tensors do not need
        b"I" + b"9" * 10000 + b"\n.",
        b"(" * 100,
        b"\x80\x04" + DOUBLED + b"\x8c\x01a\x93.",  # the name of a module
        b"\x80\x04\x8c\x01a" + DOUBLED + b"\x93.",
        tensor(shape=(DOUBLED, 3)),
        tensor(strides=(DOUBLED, 1)),
        tensor(offset=DOUBLED),
    ],
    ids=repr,
)
def test_damaged_pickles(data):
    with pytest.raises(ValueError):
        read(data)


def test_a_place_to_keep_things_costs_nothing():
    # The C library makes room for all places up to the one that is named.
    assert read(b"\x80\x02K\x07r\xff\xff\xff\x7f.") == 7


def test_a_pickle_of_tensors_is_short():
    data = pickle.dumps({"a": "x" * MOST_BYTES}, 2)
    with pytest.raises(ValueError):
        read(data)
