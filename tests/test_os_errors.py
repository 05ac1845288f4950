"""Errors of the system name a path and what to do; nothing is left half-written."""

import errno
import os
from pathlib import Path

import pytest

from keras_attention.files import whole_file, whole_folder, write_whole
from keras_attention.os_errors import STANDARD_OUTPUT, say, writing

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


def write_to_a_full_disk():
    with FULL.open("w") as file:
        file.write("text")


@needs_full
@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_a_full_disk_is_named_and_nothing_half_written_stays(tmp_path, whole):
    path = tmp_path / "new"
    with pytest.raises(OSError, match="No space left") as caught, whole(path) as new:
        (new / "a" if new.is_dir() else new).write_text("half")
        write_to_a_full_disk()
    assert caught.value.filename == str(path)
    assert caught.value.errno == errno.ENOSPC
    assert not list(tmp_path.iterdir())


@needs_full
def test_a_full_disk_keeps_the_file_that_was_there(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "old")
    with pytest.raises(OSError, match="a.txt"), whole_file(path):
        write_to_a_full_disk()
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(OSError, match="/dev/full"):
        write_whole(FULL, "text")


def test_what_tensorflow_says_of_a_full_disk_is_understood():
    text = "{{node SaveV2}} part-0; No space left on device [Op:SaveV2]"
    with pytest.raises(OSError, match="models/1") as caught, writing("models/1"):
        raise RuntimeError(text)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file", "corpus.tsv"),
        OSError(errno.ENOSPC, "No space left on device", "inner"),
        OSError("not an image"),
        ValueError("No space left on device is no sentence pair"),
        RuntimeError("out of memory"),
    ],
)
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as caught, writing("outer"):
        raise error
    assert caught.value is error


def test_a_folder_that_cannot_be_made_is_named_as_it_was_given(tmp_path, monkeypatch):
    def denied(prefix, dir):
        raise PermissionError(errno.EACCES, "Permission denied", f"{dir}/{prefix}x1")

    monkeypatch.setattr("tempfile.mkdtemp", denied)
    with pytest.raises(PermissionError) as caught, whole_folder(tmp_path / "new"):
        pass
    assert caught.value.filename == str(tmp_path / "new")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOENT, "there is no file or folder runs/a (from "),
        (errno.EACCES, "runs/a: permission denied. Change its owner or"),
        (errno.EPERM, "runs/a: permission denied. Change its owner or"),
        (errno.EISDIR, "runs/a is a folder; give a file"),
        (errno.ENOTDIR, "runs/a goes through what is a file"),
        (errno.ENOSPC, "MB free). Make room, or choose a place on another disk"),
        (errno.EROFS, "runs/a: this disk can only be read"),
        (errno.EMFILE, "raise the limit (ulimit -n)"),
        (errno.EIO, f"runs/a: {os.strerror(errno.EIO)}"),
    ],
)
def test_each_error_is_said_with_its_path_and_what_to_do(number, words):
    said = say(OSError(number, os.strerror(number), "runs/a"))
    assert words in said and "runs/a" in said and "Errno" not in said


def test_errors_of_this_package_are_said_as_they_are():
    assert say(FileExistsError("a exists already")) == "a exists already"
    full = OSError(errno.ENOSPC, "No space left", STANDARD_OUTPUT)
    assert say(full).startswith("standard output: there is no space left to write it.")
