"""A change that is wrong changes nothing, and going back always works."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from keras_attention.serving.config import ServedModelConfig, VersionPolicy
from keras_attention.serving.wire.errors import Code, ServingError
from tests.serving.support import eventually
from tests.serving.versions.support import (
    Loader,
    content,
    latest,
    looks,
    requesting,
    serving,
    states_of,
    write_version,
)

ALL = VersionPolicy(every=True)
LABELS = {"stable": 1, "canary": 2}
CHOICES = [{}, {"version": 1}, {"label": "stable"}, {"label": "canary"}]


def only(*numbers):
    return VersionPolicy(specific=numbers)


@pytest.fixture
def base_path(tmp_path):
    """Has the versions 1, 2 and 3."""
    for number in (1, 2, 3):
        write_version(tmp_path / "m", number)
    return tmp_path / "m"


@pytest.fixture
def good(base_path):
    return {"m": ServedModelConfig(base_path, only(1, 2), LABELS)}


@pytest.fixture
def loader():
    return Loader()


WRONG = {
    "no such versions": ("m", only(11, 12), {}, "chooses none"),
    "nor labels": ("m", only(11, 12), LABELS, "chooses none"),
    "a label on what goes": ("m", only(2), LABELS, "label to version 1 of"),
    "a label on what is not there": ("m", only(1, 2, 9), {"a": 9}, "to version 9"),
    "a label on what is not chosen": ("m", only(1, 2), {"a": 3}, "to version 3"),
    "no such folder": ("absent", only(1, 2), LABELS, "does not exist"),
    "an empty folder": ("empty", ALL, {}, "found an empty folder"),
    "a file": ("file", VersionPolicy(), {}, "not a folder"),
    "half a version": ("half", VersionPolicy(), {}, "no saved_model.pb"),
    "other versions elsewhere": ("other", ALL, LABELS, "label to version 2 of"),
    "others of them elsewhere": ("other", only(2), {}, "chooses none"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_whole(tmp_path, base_path, good, loader, case):
    folder, policy, labels, message = WRONG[case]
    write_version(tmp_path / "other", 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "half" / "1").mkdir(parents=True)
    with serving(good, loader) as repository, requesting(repository, *CHOICES):
        before, calls = states_of(repository), list(loader.calls)
        wrong = {
            "new": ServedModelConfig(tmp_path / "other"),
            "m": ServedModelConfig(tmp_path / folder, policy, labels),
        }
        for timeout in (None, 0):
            with pytest.raises(ServingError, match=message):
                repository.reload(wrong, timeout)
        looks(repository)
        assert (states_of(repository), loader.calls) == (before, calls)
        assert repository.model_names() == ["m"]
        repository.reload(good)
        assert loader.calls == calls


def test_a_label_moves_with_its_version(base_path, good, loader):
    gate = loader.gate("m", 3)
    labels = {"stable": 2, "canary": 3}
    with serving(good, loader) as repository, ThreadPoolExecutor(1) as pool:
        with requesting(repository, {}, {"label": "stable"}, {"label": "canary"}):
            change = {"m": ServedModelConfig(base_path, only(2, 3), labels)}
            reload = pool.submit(repository.reload, change)
            eventually(lambda: loader.running)
            assert latest(repository, label="stable") == 1
            assert latest(repository, label="canary") == latest(repository) == 2
            gate.set()
            reload.result(20)
            assert latest(repository, label="stable") == 2
            assert latest(repository, label="canary") == latest(repository) == 3
        eventually(lambda: states_of(repository)[1] == "END")


@pytest.mark.parametrize("back", [True, False])
def test_what_cannot_be_loaded_leaves_all_as_it_was(base_path, good, loader, back):
    """Also what else the change loaded; until it is mended, or taken back."""
    write_version(base_path, 4, "broken")
    labels = {"stable": 3, "canary": 4}
    change = {"m": ServedModelConfig(base_path, only(3, 4), labels)}
    with serving(good, loader) as repository:
        with requesting(repository, *CHOICES):
            for _ in range(2):  # saying it again does not make it true
                with pytest.raises(ServingError, match="m version: 4.*it is broken"):
                    repository.reload(change)
            looks(repository)
            assert latest(repository) == 2
            assert latest(repository, label="stable") == 1
            assert loader.calls.count(("m", 4)) == 2  # it was asked for twice
            with pytest.raises(ServingError, match=r"Specific\(m, 3\)"):
                repository.use("m", 3)
            if back:
                repository.reload(good)
        if back:
            eventually(lambda: states_of(repository)[3] == "END")
            assert loader.models[2].closed == 1
        else:
            (base_path / "4" / "saved_model.pb").write_text("fine")
            eventually(lambda: latest(repository, label="canary") == 4)
            assert latest(repository, label="stable") == 3
            eventually(lambda: states_of(repository)[1] == "END")


def test_what_fails_at_first_takes_over_when_a_retry_succeeds(base_path, good, loader):
    (base_path / "3" / "saved_model.pb").write_text("broken")
    options = {"max_load_retries": 5, "load_retry_seconds": 0.2}
    with serving(good, loader, **options) as repository:
        with requesting(repository, {}, *CHOICES[2:]):
            change = {
                "m": ServedModelConfig(base_path, only(2, 3), dict(canary=3, stable=2))
            }
            with pytest.raises(ServingError, match="m version: 3.*it is broken"):
                repository.reload(change)
            assert latest(repository, label="canary") == 2
            loader.mended = True
            eventually(lambda: latest(repository, label="canary") == 3)
            assert latest(repository, label="stable") == 2


def test_a_change_under_way_is_taken_back(base_path, good, loader):
    gate = loader.gate("m", 3)
    with serving(good, loader) as repository, requesting(repository, *CHOICES):
        repository.reload({"m": ServedModelConfig(base_path, only(3))}, timeout=0)
        eventually(lambda: loader.running)
        repository.reload(good, timeout=5)  # waits for nothing
        gate.set()
        eventually(lambda: states_of(repository)[3] == "END")
        assert [model.closed for model in loader.models] == [0, 0, 1]


def test_of_two_changes_at_once_the_last_one_counts(base_path, good):
    changes = [
        {"m": ServedModelConfig(base_path, only(n, 3), {"stable": n, "canary": 3})}
        for n in (1, 2)
    ]
    with serving(good) as repository, ThreadPoolExecutor(4) as pool:
        with requesting(repository, {}, *CHOICES[2:]):
            for reload in [pool.submit(repository.reload, c) for c in changes * 3]:
                reload.result(20)
            repository.reload(changes[0])
            assert latest(repository, label="stable") == 1
            assert latest(repository, label="canary") == 3
        eventually(lambda: states_of(repository)[2] == "END")


def test_a_label_does_not_wait_for_a_version_that_is_just_being_loaded(
    base_path, loader
):
    def config(**labels):
        return {"m": ServedModelConfig(base_path, ALL, labels)}

    gate = loader.gate("m", 4)
    with serving(config(stable=1), loader) as repository:
        write_version(base_path, 4)
        eventually(lambda: loader.running)
        repository.reload(config(stable=2), timeout=5)
        assert latest(repository, label="stable") == 2
        gate.set()
        eventually(lambda: latest(repository) == 4)


def test_versions_that_were_broken_before_hold_up_no_label(base_path):
    write_version(base_path, 4, "broken")
    with serving({"m": ServedModelConfig(base_path, ALL, {"stable": 1})}) as repository:
        repository.reload({"m": ServedModelConfig(base_path, ALL, {"stable": 2})})
        assert latest(repository, label="stable") == 2
        with pytest.raises(ServingError, match="m version: 4.*it is broken"):
            repository.reload({"m": ServedModelConfig(base_path, ALL, {"stable": 4})})
        assert latest(repository, label="stable") == 2


def test_what_the_policy_lists_may_come_later(base_path):
    with serving({"m": base_path}) as repository:
        repository.reload(
            {"m": ServedModelConfig(base_path, only(2, 9), {"stable": 2})}
        )
        assert latest(repository, label="stable") == latest(repository) == 2
        write_version(base_path, 9)
        eventually(lambda: latest(repository) == 9)


def test_a_model_that_is_renamed_goes_when_it_has_come(base_path, loader):
    gate = loader.gate("n", 3)
    with serving({"m": base_path}, loader) as repository:
        with requesting(repository, {}):
            repository.reload({"n": base_path}, timeout=0)
            eventually(lambda: loader.running)
            assert repository.model_names() == ["m", "n"]
        gate.set()
        repository.reload({"n": base_path})
        assert repository.model_names() == ["n"] and latest(repository, "n") == 3
        with pytest.raises(ServingError, match=r"Latest\(m\)"):
            repository.use("m")


def test_a_model_stays_if_its_new_name_cannot_be_loaded(base_path):
    with serving({"m": base_path}) as repository, requesting(repository, {}):
        (base_path / "3" / "saved_model.pb").write_text("broken")
        with pytest.raises(ServingError, match="n version: 3.*it is broken"):
            repository.reload({"n": base_path})
        looks(repository)
        assert repository.model_names() == ["m", "n"]
        repository.reload({"m": base_path})
        assert repository.model_names() == ["m"]


def test_the_end_of_the_server_ends_a_change_and_closes_what_it_loaded(
    base_path, good, loader
):
    threads = set(threading.enumerate())
    gate = loader.gate("m", 1)
    gate.set()
    with serving(good, loader) as repository, ThreadPoolExecutor(1) as pool:
        gate.clear()
        write_version(base_path.with_name("other"), 1)
        write_version(base_path.with_name("other"), 2)
        change = {"m": ServedModelConfig(base_path.with_name("other"), ALL)}
        reload = pool.submit(repository.reload, change)
        eventually(lambda: loader.running and len(loader.models) == 3)
        repository.stop_waiting()
        with pytest.raises(ServingError) as caught:
            reload.result(20)
        assert caught.value.code is Code.UNAVAILABLE
        gate.set()
    eventually(lambda: set(threading.enumerate()) == threads)  # the pool's goes too
    assert [model.closed for model in loader.models] == [1, 1, 1, 1]


def test_a_change_waits_for_a_version_that_is_still_being_copied(base_path, good):
    write_version(base_path, 4)
    with serving(good) as repository:
        change = {"m": ServedModelConfig(base_path, only(4), {"stable": 4})}
        repository.reload(change)
        assert latest(repository, label="stable") == 4
        assert content(repository) == "fine"
