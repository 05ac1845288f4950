"""Versions come and go with the files on disk, and requests never notice."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from keras_attention.serving.config import ServedModelConfig, VersionPolicy
from keras_attention.serving.options import ServerOptions
from keras_attention.serving.versions.repository import Repository
from keras_attention.serving.wire.errors import Code, ServingError
from tests.serving.support import eventually
from tests.serving.versions.support import (
    Loader,
    latest,
    looks,
    serving,
    states_of,
    write_version,
)


@pytest.fixture
def base_path(tmp_path):
    """Has version 1 so far."""
    write_version(tmp_path / "m", 1)
    return tmp_path / "m"


@pytest.fixture
def loader():
    return Loader()


def add(base_path, number, content="fine"):
    """Adds a version as an export does: write, then rename."""
    write_version(base_path / "unfinished", number, content)
    (base_path / "unfinished" / str(number)).rename(base_path / str(number))


def test_a_new_version_takes_over_and_a_removed_one_gives_back(base_path):
    with serving({"m": base_path}) as repository:
        assert latest(repository) == 1
        add(base_path, 2)
        eventually(lambda: states_of(repository) == {1: "END", 2: "AVAILABLE"})
        assert latest(repository) == 2
        with pytest.raises(ServingError, match=r"Specific\(m, 1\)"):
            repository.use("m", 1)
        shutil.rmtree(base_path / "2")
        eventually(lambda: states_of(repository) == {1: "AVAILABLE", 2: "END"})
        assert latest(repository) == 1


def test_the_old_version_serves_until_the_new_one_is_loaded(base_path, loader):
    gate = loader.gate("m", 2)
    with serving({"m": base_path}, loader) as repository:
        add(base_path, 2)
        eventually(lambda: states_of(repository).get(2) == "LOADING")
        assert states_of(repository)[1] == "AVAILABLE"
        assert latest(repository) == 1
        gate.set()
        eventually(lambda: states_of(repository) == {1: "END", 2: "AVAILABLE"})
    assert [model.closed for model in loader.models] == [1, 1]


def test_requests_never_notice_a_new_version(base_path):
    stop = threading.Event()

    def send(repository):
        numbers = []
        while not stop.is_set():
            with repository.use("m") as version:
                assert not version.model.closed
                numbers.append(version.number)
        return numbers

    with serving({"m": base_path}) as repository, ThreadPoolExecutor(2) as pool:
        running = [pool.submit(send, repository) for _ in range(2)]
        for number in (2, 3, 4):
            add(base_path, number)
            eventually(lambda number=number: latest(repository) == number)
        stop.set()
        for numbers in running:
            assert numbers.result() == sorted(numbers.result())
            assert numbers.result()[-1] >= 3


@pytest.mark.parametrize("retries", [0, 5])
def test_a_broken_version_leaves_the_old_one_serving(base_path, retries):
    options = {"max_load_retries": retries, "load_retry_seconds": 60}
    with serving({"m": base_path}, **options) as repository:
        add(base_path, 2, content="broken")
        state = "LOADING" if retries else "END"
        eventually(lambda: repository.status("m")[0][2])
        assert states_of(repository) == {1: "AVAILABLE", 2: state}
        ((_, _, error),) = repository.status("m", 2)
        assert (error.code, error.message) == (Code.INTERNAL, "it is broken")
        assert latest(repository) == 1

        (base_path / "2" / "saved_model.pb").write_text("fine")  # repaired
        eventually(lambda: states_of(repository) == {1: "END", 2: "AVAILABLE"})
        assert repository.status("m", 2)[0][2] is None


def test_a_load_that_fails_is_tried_again(base_path, loader):
    options = {"max_load_retries": 2, "load_retry_seconds": 0.01}
    with serving({"m": base_path}, loader, **options) as repository:
        add(base_path, 2, content="broken")
        eventually(lambda: states_of(repository).get(2) == "END")
        looks(repository)
        assert loader.calls == [("m", 1)] + 3 * [("m", 2)]
        assert latest(repository) == 1


def test_a_newer_version_does_not_wait_for_the_retries_of_an_older_one(base_path):
    options = {"max_load_retries": 5, "load_retry_seconds": 3600}
    with serving({"m": base_path}, **options) as repository:
        add(base_path, 2, content="broken")
        eventually(lambda: states_of(repository).get(2) == "LOADING")
        add(base_path, 3)
        states = {1: "END", 2: "END", 3: "AVAILABLE"}
        eventually(lambda: states_of(repository) == states)


def test_a_version_in_use_waits_for_its_last_request(base_path, loader):
    with serving({"m": base_path}, loader) as repository:
        with repository.use("m") as version:
            add(base_path, 2)
            eventually(lambda: states_of(repository).get(1) == "UNLOADING")
            assert latest(repository) == 2
            assert not version.model.closed
            add(base_path, 3)  # life goes on
            eventually(lambda: states_of(repository).get(2) == "END")
            assert latest(repository) == 3
        eventually(lambda: states_of(repository)[1] == "END")
        assert loader.models[0].closed == 1


@pytest.mark.parametrize(
    ("policy", "served"),
    [
        (VersionPolicy(), [3]),
        (VersionPolicy(latest=2), [2, 3]),
        (VersionPolicy(every=True), [1, 2, 3]),
        (VersionPolicy(specific=(1, 3)), [1, 3]),
        (VersionPolicy(specific=(1, 7)), [1]),
    ],
)
def test_policies(base_path, policy, served):
    write_version(base_path, 2)
    write_version(base_path, 3)
    with serving({"m": ServedModelConfig(base_path, policy)}) as repository:
        assert sorted(states_of(repository)) == served
        assert latest(repository) == served[-1]
        for number in served:
            assert latest(repository, version=number) == number


def test_new_versions_are_loaded_highest_first(base_path, loader):
    write_version(base_path, 2)
    write_version(base_path, 3)
    with serving(
        {"m": ServedModelConfig(base_path, VersionPolicy(every=True))}, loader
    ):
        assert loader.calls == [("m", 3), ("m", 2), ("m", 1)]


def test_what_changes_in_a_version_that_serves_changes_nothing(base_path, loader):
    with serving({"m": base_path}, loader) as repository:
        (base_path / "1" / "saved_model.pb").write_text("broken")
        (base_path / "1" / "variables" / "variables.index").unlink()
        looks(repository)
        assert loader.calls == [("m", 1)]
        assert latest(repository) == 1


def test_a_slow_load_holds_up_no_other_model(base_path, tmp_path, loader):
    write_version(tmp_path / "other", 1)
    gate = loader.gate("m", 2)
    models = {"m": base_path, "other": tmp_path / "other"}
    with serving(models, loader, num_load_threads=2) as repository:
        add(base_path, 2)
        eventually(lambda: loader.running == 1)
        add(tmp_path / "other", 2)
        eventually(lambda: latest(repository, "other") == 2)
        assert latest(repository) == 1
        gate.set()
        eventually(lambda: latest(repository) == 2)


def test_no_more_loads_at_once_than_there_are_threads(tmp_path, loader):
    names = ["a", "b", "c", "d"]
    for name in names:
        write_version(tmp_path / name, 1)
    models = {name: tmp_path / name for name in names}
    with serving(models, loader, num_load_threads=1) as repository:
        assert repository.is_ready()
        assert loader.most_at_once == 1
        gate = loader.gate("a", 2)
        add(tmp_path / "a", 2)
        eventually(lambda: loader.running == 1)
        add(tmp_path / "b", 2)
        eventually(lambda: states_of(repository, "b").get(2) == "START")
        del models["c"]  # unloading takes no thread
        repository.reload(models)
        eventually(lambda: states_of(repository, "c") == {1: "END"})
        gate.set()
        eventually(lambda: latest(repository, "b") == 2)
        assert loader.most_at_once == 1


@pytest.mark.parametrize("poll_seconds", [0, -1])
def test_without_polling_the_disk_is_read_once(base_path, poll_seconds, loader):
    with serving({"m": base_path}, loader, poll_seconds=poll_seconds) as repository:
        add(base_path, 2)
        with repository.use("m"):
            pass
        repository.reload({"m": base_path})  # polls once more
        eventually(lambda: loader.calls == [("m", 1), ("m", 2)])
        eventually(lambda: latest(repository) == 2)


def test_wrong_paths_fail_at_once_and_say_what_to_do(tmp_path, base_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "half" / "1").mkdir(parents=True)
    write_version(tmp_path / "broken", 1, content="broken")
    (tmp_path / "file").write_text("")
    never = ServedModelConfig(base_path, VersionPolicy(specific=(9,)))
    for path, message in (
        (tmp_path / "absent", "does not exist; check the path"),
        (tmp_path / "file", "not a folder; check the path"),
        (tmp_path / "empty", "found an empty folder; export a model"),
        (tmp_path / "half", r"found 1 \(no saved_model.pb\); export a model"),
        (base_path / "1", "give its parent folder"),
        (tmp_path / "broken", "can be loaded from .*broken; version 1: .*it is broken"),
        (never, "its policy chooses none"),
    ):
        repository = Repository({"m": path}, ServerOptions(), load=Loader())
        with pytest.raises(ValueError, match=message):
            repository.start()


def test_waiting_for_models_lasts_until_they_are_there(tmp_path):
    repository = Repository(
        {"m": tmp_path / "m"},
        ServerOptions(poll_seconds=0.05, wait_for_models=True),
        load=Loader(),
    )
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(repository.start)
        looks(repository)
        assert not started.done() and not repository.is_ready()
        write_version(tmp_path / "m", 1)
        started.result(20)
        assert latest(repository) == 1
        repository.stop()


def test_waiting_for_models_ends_when_their_retries_do(tmp_path):
    write_version(tmp_path / "m", 1, content="broken")
    options = ServerOptions(
        wait_for_models=True, max_load_retries=1, load_retry_seconds=0.01
    )
    with pytest.raises(ValueError, match="version 1: INTERNAL: it is broken"):
        Repository({"m": tmp_path / "m"}, options, load=Loader()).start()


def test_stopping_interrupts_every_wait(tmp_path):
    threads = set(threading.enumerate())
    write_version(tmp_path / "m", 1, content="broken")
    options = ServerOptions(
        wait_for_models=True, max_load_retries=9, load_retry_seconds=3600
    )
    models = {"m": tmp_path / "m", "absent": tmp_path / "absent"}
    loader = Loader()
    repository = Repository(models, options, load=loader)
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(repository.start)
        eventually(lambda: loader.calls)
        repository.stop()
        with pytest.raises(ServingError, match="is shutting down"):
            started.result(20)
    eventually(lambda: set(threading.enumerate()) == threads)  # the pool's goes too


def test_a_stopped_repository_serves_nothing_and_leaves_no_thread(base_path, loader):
    threads = set(threading.enumerate())
    with serving({"m": base_path}, loader) as repository:
        assert set(threading.enumerate()) > threads
    assert set(threading.enumerate()) == threads
    assert loader.models[0].closed == 1
    assert states_of(repository) == {1: "END"}
    with pytest.raises(ServingError, match=r"Latest\(m\)"):
        repository.use("m")


def test_stopping_leaves_alone_what_is_used_too_long(base_path, loader, caplog):
    with serving({"m": base_path}, loader) as repository:
        with repository.use("m"):
            repository.stop(timeout=0.05)
            assert not loader.models[0].closed
    assert "m is still in use" in caplog.text
    eventually(lambda: loader.models[0].closed == 1)


def test_what_is_not_there_is_not_found(base_path):
    with serving({"m": base_path}) as repository:
        for choice, message in (
            ({"name": "n"}, r"Servable not found for request: Latest\(n\)"),
            ({"name": "n", "version": 3}, r"request: Specific\(n, 3\)"),
            ({"name": "m", "version": 3}, r"request: Specific\(m, 3\)"),
        ):
            with pytest.raises(ServingError, match=message) as caught:
                repository.use(**choice)
            assert caught.value.code is Code.NOT_FOUND
        for choice, message in (
            ({"name": "n"}, "Could not find any versions of model n"),
            ({"name": "m", "version": 3}, "Could not find version 3 of model m"),
        ):
            with pytest.raises(ServingError, match=message) as caught:
                repository.status(**choice)
            assert caught.value.code is Code.NOT_FOUND


def test_a_model_that_does_not_close_cleanly_is_gone_all_the_same(
    base_path, loader, monkeypatch, caplog
):
    with serving({"m": base_path}, loader) as repository:
        monkeypatch.setattr(loader.models[0], "close", lambda: 1 / 0)
        add(base_path, 2)
        eventually(lambda: states_of(repository) == {1: "END", 2: "AVAILABLE"})
        eventually(lambda: "ZeroDivisionError" in caplog.text)
