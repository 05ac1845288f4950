"""A version is loaded once it is whole and still, however it was copied."""

import shutil
import threading

import pytest

from keras_attention.serving.config import ServedModelConfig, VersionPolicy
from tests.serving.support import eventually
from tests.serving.versions.support import (
    Loader,
    latest,
    looks,
    serving,
    states_of,
    write_version,
)

# How tools copy, file by file; None stands for a while in which nothing moves.
COPIES = {
    "cp -r": [
        ("saved_model.pb", 4),
        ("variables/variables.data-00000-of-00001", 1),
        None,
        ("variables/variables.data-00000-of-00001", 4),
        ("variables/variables.index", 5),
    ],
    "rsync": [
        (".saved_model.pb.aB3dE6", 4),
        ("saved_model.pb", ".saved_model.pb.aB3dE6"),
        ("variables/.variables.data-00000-of-00001.aB3dE6", 1),
        None,
        (
            "variables/variables.data-00000-of-00001",
            "variables/.variables.data-00000-of-00001.aB3dE6",
        ),
        ("variables/variables.index", 5),
    ],
    "aws s3 sync": [
        ("variables/variables.index.6eF5b5da", 5),
        ("variables/variables.index", "variables/variables.index.6eF5b5da"),
        ("variables/variables.data-00000-of-00001", 4),
        None,
        ("saved_model.pb.6eF5b5da", 1),
        None,
        ("saved_model.pb.6eF5b5da", 4),
        ("saved_model.pb", "saved_model.pb.6eF5b5da"),
    ],
    "kubectl cp": [
        ("variables/variables.index", 5),
        None,
        ("variables/variables.data-00000-of-00001", 4),
        None,
        ("saved_model.pb", 4),
    ],
}


@pytest.mark.parametrize("tool", COPIES)
def test_a_half_copied_version_is_never_loaded(tmp_path, tool):
    loader = Loader()
    write_version(tmp_path, 1)
    with serving({"m": tmp_path}, loader) as repository:
        (tmp_path / "2").mkdir()
        for step in COPIES[tool]:
            assert loader.calls == [("m", 1)]
            if step is None:
                looks(repository)
                continue
            path, content = tmp_path / "2" / step[0], step[1]
            path.parent.mkdir(exist_ok=True)
            if isinstance(content, str):
                (tmp_path / "2" / content).rename(path)
            else:
                path.write_text("fine."[:content])
        eventually(lambda: latest(repository) == 2)


def test_a_version_that_still_grows_is_left_alone(tmp_path):
    loader = Loader()
    write_version(tmp_path, 1)
    with serving({"m": tmp_path}, loader, poll_seconds=0.2) as repository:
        write_version(tmp_path, 2)
        (tmp_path / "2" / "assets").mkdir()
        with (tmp_path / "2" / "assets" / "words.txt").open("w") as words:
            for _ in range(25):
                words.write("word\n")
                words.flush()
                looks(repository, 0.1)  # often enough on a busy machine, too
                assert loader.calls == [("m", 1)]
        eventually(lambda: latest(repository) == 2)


def test_an_unfinished_version_does_not_end_the_one_that_serves(tmp_path):
    write_version(tmp_path, 1)
    with serving({"m": tmp_path}) as repository:
        (tmp_path / "2").mkdir()
        shutil.rmtree(tmp_path / "1")
        looks(repository)
        assert states_of(repository) == {1: "AVAILABLE"}
        write_version(tmp_path / "new", 2)
        (tmp_path / "2").rmdir()
        (tmp_path / "new" / "2").rename(tmp_path / "2")
        eventually(lambda: states_of(repository) == {1: "END", 2: "AVAILABLE"})


def test_a_version_that_has_long_been_still_is_taken_at_the_first_poll(tmp_path):
    elsewhere = write_version(tmp_path / "elsewhere", 2)
    age = threading.Event()
    age.wait(1.2)  # older than the time between two looks, and the rounding of times
    write_version(tmp_path / "m", 1)
    loader = Loader()
    with serving({"m": tmp_path / "m"}, loader, poll_seconds=0) as repository:
        # It would have been taken at the second look, had there been one.
        elsewhere.rename(tmp_path / "m" / "2")
        repository.reload({"m": tmp_path / "m"})
        eventually(lambda: latest(repository) == 2)


def test_what_was_still_written_while_it_was_loaded_is_not_served(tmp_path):
    loader = Loader()
    gate = loader.gate("m", 2)
    write_version(tmp_path, 1)
    with serving({"m": tmp_path}, loader) as repository:
        write_version(tmp_path, 2)
        eventually(lambda: loader.running == 1)
        (tmp_path / "2" / "words.txt").write_text("more")
        gate.set()
        eventually(lambda: latest(repository) == 2)
        assert loader.calls == [("m", 1), ("m", 2), ("m", 2)]
        assert [model.closed for model in loader.models] == [1, 1, 0]


def test_what_is_odd_is_said_once(tmp_path, caplog):
    write_version(tmp_path, 1)
    policy = VersionPolicy(specific=(1, 2, 9))
    with serving({"m": ServedModelConfig(tmp_path, policy)}) as repository:
        (tmp_path / "2").mkdir()
        looks(repository)
        shutil.rmtree(tmp_path / "2")
        looks(repository)
        (tmp_path / "2").mkdir()
        eventually(
            lambda: caplog.text.count("2 is not complete: no saved_model.pb") == 2
        )
        away = tmp_path.rename(tmp_path.with_name("away"))
        eventually(lambda: "m: cannot read" in caplog.text)
        looks(repository)
        away.rename(tmp_path)
    assert caplog.text.count("m: cannot read") == 1
    assert caplog.text.count(f"m: version 9 is not in {tmp_path}") <= 2
