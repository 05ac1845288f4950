"""What is read back from disk is whole, or named as damaged."""

import numpy as np
import pytest

from keras_attention.files import read_arrays, read_json, whole_folder


@pytest.fixture
def path(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.arange(5000.0), b=np.ones((30, 40)))
    return tmp_path / "a.npz"


def test_arrays_come_back(path):
    arrays = read_arrays(path)
    assert list(arrays) == ["a", "b"]
    np.testing.assert_array_equal(arrays["a"], np.arange(5000.0))


@pytest.mark.parametrize("place", [0.0, 0.3, 0.7, 0.95, 0.999])
@pytest.mark.parametrize("is_cut", [False, True])
def test_damaged_arrays_are_named(path, place, is_cut):
    content = bytearray(path.read_bytes())
    at = int(place * len(content))
    content[at : at + 400] = bytes(255 - byte for byte in content[at : at + 400])
    path.write_bytes(content[:at] if is_cut else content)
    with pytest.raises(ValueError, match="a.npz is damaged: "):
        read_arrays(path)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "9" * 5000, "\0"])
def test_what_is_no_object_is_named(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match="a.json is damaged: "):
        read_json(tmp_path / "a.json")


def test_a_folder_that_another_process_wrote_meanwhile_stays(tmp_path):
    path = tmp_path / "1"
    with pytest.raises(FileExistsError, match="was written meanwhile"):
        with whole_folder(path) as ours, whole_folder(path) as theirs:
            (ours / "a").write_text("ours")
            (theirs / "a").write_text("theirs")
    assert (path / "a").read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]
