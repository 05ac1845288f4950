"""A folder is one process's at a time, and nobody's when that process is dead."""

import errno
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from keras_attention.data.captions.features import compute_features
from keras_attention.data.text.translations import prepare
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.locks import locked


def holder(folder):
    """Another process that holds the folder until it is killed."""
    script = (
        "import sys, time; from keras_attention.locks import locked\n"
        f"with locked({str(folder)!r}, 'training'):\n"
        "    print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    return process


def test_a_live_process_keeps_others_out_and_a_dead_one_does_not(tmp_path):
    folder = tmp_path / "run"
    process = holder(folder)
    try:
        expected = f"run is in use by process {process.pid} on .*, training since"
        with pytest.raises(ValueError, match=expected), locked(folder, "training"):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        with locked(folder, "training"):
            pass
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert not [*tmp_path.iterdir()]


def in_another_thread(function, *args):
    """The error of a function that another thread calls, "" if there is none."""
    found = []

    def call():
        try:
            function(*args)
        except ValueError as error:
            found.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return "".join(found)


def take(folder):
    with locked(folder, "training"):
        pass


def test_a_block_inside_of_a_block_is_one(tmp_path):
    with locked(tmp_path / "a", "training"):
        take(tmp_path / "a")
        assert "training since" in in_another_thread(take, tmp_path / "a")
        assert not in_another_thread(take, tmp_path / "b")
    assert not in_another_thread(take, tmp_path / "a")


def test_a_link_to_a_folder_is_the_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    with locked(tmp_path / "a", "training"):
        assert "link is in use by" in in_another_thread(take, tmp_path / "link")


def test_a_full_disk_takes_no_lock_away(tmp_path, monkeypatch):
    """It is only not said who has it."""

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.write", full)
    with locked(tmp_path / "a", "training"):
        assert "another process" in in_another_thread(take, tmp_path / "a")
    assert not [*tmp_path.iterdir()]


def test_an_error_gives_the_folder_back(tmp_path):
    with pytest.raises(KeyboardInterrupt), locked(tmp_path / "a", "training"):
        raise KeyboardInterrupt
    assert not in_another_thread(take, tmp_path / "a")
    assert not [*tmp_path.iterdir()]


def test_what_a_killed_process_left_is_taken_over(tmp_path):
    (tmp_path / ".a.lock").write_text("process 1 on elsewhere, training since long\n")
    with locked(tmp_path / "a", "training"):
        said = (tmp_path / ".a.lock").read_text()
        assert str(os.getpid()) in said and "elsewhere" not in said
    assert not [*tmp_path.iterdir()]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_a_forked_worker_holds_nothing(tmp_path):
    """It lives on, and the folder is free all the same."""
    stop, go = os.pipe()
    with locked(tmp_path / "a", "training"):
        child = os.fork()
        if not child:
            os.close(go)
            os.read(stop, 1)
            os._exit(0)
        assert "in use" in in_another_thread(take, tmp_path / "a")
    assert not in_another_thread(take, tmp_path / "a")
    os.write(go, b"x")
    os.waitpid(child, 0)
    for end in (stop, go):
        os.close(end)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_parent_that_may_not_be_written_locks_nothing(tmp_path, monkeypatch, number):
    def refuse(*args, **kwargs):
        raise OSError(number, "refused")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    take(tmp_path / "a")


def test_whoever_writes_a_corpus_or_features_asks_for_the_folder(tmp_path):
    words = Tokenizer.train(["a b c"] * 9, 8, "word")
    images = np.zeros((2, 4, 4, 3), "uint8")
    corpus, features = tmp_path / "corpus", tmp_path / "features"

    def write_corpus():
        options = {"source_tokenizer": words, "target_tokenizer": words}
        prepare([("a b", "b a")] * 9, corpus, **options)

    def write_features():
        grids = np.zeros((32, 2, 2, 3), "float32")
        compute_features(lambda batch: grids, images, features, "a name")

    with locked(corpus, "preparing"), locked(features, "computing"):
        assert "corpus is in use by" in in_another_thread(write_corpus)
        assert "features is in use by" in in_another_thread(write_features)
        assert {path.suffix for path in tmp_path.iterdir()} == {".lock"}
    assert not in_another_thread(write_features)
