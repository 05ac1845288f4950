"""Models, policies and labels change while the server runs."""

import contextlib
import random
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from keras_attention.serving.callers import Caller
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

ALL = VersionPolicy(every=True)


@pytest.fixture
def base_path(tmp_path):
    """Has the versions 1, 2 and 3."""
    for number in (1, 2, 3):
        write_version(tmp_path / "m", number)
    return tmp_path / "m"


@pytest.fixture
def other(tmp_path):
    write_version(tmp_path / "other", 1)
    return tmp_path / "other"


def test_models_are_added_and_dropped(base_path, other):
    loader = Loader()
    with serving({"m": base_path}, loader) as repository:
        repository.reload({"m": base_path, "other": other})
        assert repository.model_names() == ["m", "other"]
        assert latest(repository, "other") == 1
        repository.reload({"other": other})
        assert repository.model_names() == ["other"]
        with pytest.raises(ServingError, match=r"request: Latest\(m\)"):
            repository.use("m")
        eventually(lambda: states_of(repository, "m") == {3: "END"})
        assert loader.models[0].closed == 1
        assert repository.is_ready()
        repository.reload({"m": base_path})
        assert latest(repository, "m") == 3
        assert loader.calls == [("m", 3), ("other", 1), ("m", 3)]
        repository.reload({})
        assert repository.model_names() == []


def test_what_does_not_change_is_not_loaded_again(base_path, other):
    loader = Loader()
    with serving({"m": base_path, "other": other}, loader) as repository:
        calls = list(loader.calls)
        repository.reload({"m": base_path, "other": other})
        looks(repository)
        assert loader.calls == calls


def test_policies_change(base_path):
    with serving({"m": base_path}) as repository:
        repository.reload({"m": ServedModelConfig(base_path, ALL)})
        everything = dict.fromkeys((1, 2, 3), "AVAILABLE")
        eventually(lambda: states_of(repository) == everything)
        one = VersionPolicy(specific=(1,))  # back to an old version
        repository.reload({"m": ServedModelConfig(base_path, one)})
        eventually(
            lambda: states_of(repository) == {1: "AVAILABLE", 2: "END", 3: "END"}
        )
        assert latest(repository) == 1


def test_labels_follow_a_canary_from_its_beginning_to_its_end(base_path):
    def config(**labels):
        return {"m": ServedModelConfig(base_path, ALL, labels)}

    with serving(config(stable=1)) as repository:
        assert latest(repository, label="stable") == 1
        repository.reload(config(stable=1, canary=3))
        assert latest(repository, label="canary") == 3
        repository.reload(config(stable=3))
        assert latest(repository, label="stable") == 3
        assert repository.status("m", label="stable")[0][0] == 3
        for name, label in (("m", "canary"), ("nothing", "stable")):
            message = f"Unrecognized servable version label: {label}"
            for send in (repository.use, repository.status):
                with pytest.raises(ServingError, match=message) as caught:
                    send(name, label=label)
                assert caught.value.code is Code.INVALID_ARGUMENT


def test_a_label_keeps_its_version(base_path):
    with serving({"m": ServedModelConfig(base_path, ALL, {"stable": 1})}) as repository:
        shutil.rmtree(base_path / "1")
        looks(repository)
        assert latest(repository, label="stable") == 1
        repository.reload({"m": ServedModelConfig(base_path, ALL, {"stable": 2})})
        eventually(lambda: states_of(repository)[1] == "END")
        assert latest(repository, label="stable") == 2


def test_a_label_needs_a_version_that_will_serve(base_path):
    with serving({"m": base_path}) as repository:
        for policy, number in ((VersionPolicy(), 2), (ALL, 9)):
            labels = {"stable": number}
            with pytest.raises(ServingError) as caught:
                repository.reload({"m": ServedModelConfig(base_path, policy, labels)})
            assert caught.value.code is Code.FAILED_PRECONDITION
            assert caught.value.message == (
                f"Request to assign label to version {number} of model m, "
                f"which is not currently available for inference"
            )
            assert f"from {base_path}" in caught.value.hint
        assert states_of(repository) == {3: "AVAILABLE"}  # nothing has changed
        repository.reload({"m": ServedModelConfig(base_path, ALL, {"stable": 2})})
        assert latest(repository, label="stable") == 2


def test_a_label_at_the_start_needs_a_version_that_could_be_loaded(base_path):
    models = {"m": ServedModelConfig(base_path, version_labels={"stable": 2})}
    repository = Repository(models, ServerOptions(), load=Loader())
    with pytest.raises(ValueError, match="assign label to version 2 of model m.*fix"):
        repository.start()


def test_labels_may_wait_for_their_versions_where_that_is_allowed(base_path):
    def config(**labels):
        return {"m": ServedModelConfig(base_path, ALL, labels)}

    options = {"allow_labels_for_unavailable_versions": True}
    with serving(config(stable=4), **options) as repository:
        with pytest.raises(ServingError, match=r"Specific\(m, 4\)"):
            repository.use("m", label="stable")
        write_version(base_path, 4)
        eventually(lambda: states_of(repository).get(4) == "AVAILABLE")
        assert latest(repository, label="stable") == 4
        with pytest.raises(ServingError, match="label to version 5 of model m"):
            repository.reload(config(stable=5))  # it is in use already
        repository.reload(config(stable=4, canary=5))
        repository.reload(config(stable=4, canary=5))


def test_a_wrong_path_changes_nothing(base_path, other, tmp_path):
    with serving({"m": base_path}) as repository:
        with pytest.raises(ServingError, match="does not exist") as caught:
            repository.reload({"absent": tmp_path / "absent", "other": other})
        assert caught.value.code is Code.INVALID_ARGUMENT
        assert repository.model_names() == ["m"]


def test_a_new_model_that_fails_is_named_and_tried_again(base_path, tmp_path):
    write_version(tmp_path / "broken", 7, content="broken")
    with serving({"m": base_path}) as repository:
        with pytest.raises(ServingError) as caught:
            repository.reload({"m": base_path, "broken": tmp_path / "broken"})
        assert caught.value.code is Code.UNKNOWN
        assert caught.value.message == (
            "1 model(s) did not become available: {{{name: broken version: 7} due to "
            "error: INTERNAL: it is broken}, }"
        )
        assert latest(repository) == 3
        (tmp_path / "broken" / "7" / "saved_model.pb").write_text("fine")
        eventually(lambda: states_of(repository, "broken") == {7: "AVAILABLE"})


def test_a_reload_waits_for_what_is_new_and_for_nothing_else(base_path, other):
    loader = Loader()
    gate = loader.gate("m", 4)
    with serving({"m": base_path}, loader, num_load_threads=2) as repository:
        write_version(base_path, 4)
        eventually(lambda: loader.running == 1)
        repository.reload({"m": base_path, "other": other})
        assert latest(repository, "other") == 1
        assert latest(repository) == 3
        gate.set()
        eventually(lambda: latest(repository) == 4)


def test_a_reload_waits_no_longer_than_it_is_told_to(base_path, other):
    loader = Loader()
    with serving({"m": base_path}, loader) as repository:
        gate = loader.gate("other", 1)
        models = {"m": base_path, "other": other}
        with pytest.raises(ServingError, match="DEADLINE_EXCEEDED: .*being loaded"):
            repository.reload(models, timeout=0.05)
        gate.set()
        eventually(lambda: states_of(repository, "other") == {1: "AVAILABLE"})


def test_a_reload_goes_on_when_its_caller_has_left_and_nobody_waits(base_path, other):
    loader = Loader()
    with serving({"m": base_path}, loader) as repository:
        gate = loader.gate("other", 1)
        caller = Caller()
        timer = threading.Timer(0.1, caller.leave)
        timer.start()
        with pytest.raises(ServingError, match="CANCELLED"):
            repository.reload({"m": base_path, "other": other}, caller=caller)
        timer.join()
        gate.set()
        eventually(lambda: states_of(repository, "other") == {1: "AVAILABLE"})


@pytest.fixture
def waiting(base_path, tmp_path):
    """A repository, and a reload of it that waits for a model that is not there."""
    models = {"m": base_path, "absent": tmp_path / "absent"}
    with serving({"m": base_path}, wait_for_models=True) as repository:
        with ThreadPoolExecutor(1) as pool:
            reload = pool.submit(repository.reload, models)
            eventually(lambda: "absent" in repository.model_names())
            yield repository, reload


def test_a_reload_mends_what_an_earlier_one_still_waits_for(base_path, waiting):
    repository, first = waiting
    repository.reload({"m": base_path})
    assert first.exception(20) is None
    assert repository.model_names() == ["m"]


def test_a_reload_that_waits_ends_with_the_server(base_path, waiting):
    repository, reload = waiting
    repository.stop_waiting()
    with pytest.raises(ServingError, match="is shutting down"):
        reload.result(20)
    with pytest.raises(ServingError, match="is shutting down"):
        repository.reload({"m": base_path})


def test_requests_go_on_during_a_reload(base_path, other):
    loader = Loader()
    gate = loader.gate("other", 1)
    with serving({"m": base_path}, loader) as repository, ThreadPoolExecutor(1) as pool:
        reload = pool.submit(repository.reload, {"m": base_path, "other": other})
        eventually(lambda: loader.running == 1)
        assert latest(repository) == 3
        assert repository.status("m") and repository.model_names()
        assert not reload.done()
        gate.set()
        reload.result(20)


def test_of_another_base_path_come_other_versions(base_path, other):
    write_version(other, 3)
    write_version(other, 4)
    loader = Loader()
    with serving({"m": base_path}, loader) as repository:
        repository.reload({"m": other})
        eventually(lambda: states_of(repository) == {3: "END", 4: "AVAILABLE"})
        shutil.rmtree(other / "4")
        eventually(lambda: latest(repository) == 3)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_and_goes_no_model_is_used_after_its_end(tmp_path, seed):
    loader = Loader()
    chance = random.Random(seed)
    stop = threading.Event()
    wrong = []

    def send(repository):
        while not stop.is_set():
            name = f"m{random.randrange(2)}"
            label = random.choice(["", "", "stable"])
            try:
                with repository.use(name, label=label) as v:
                    wrong.extend([v] if v.model is None or v.model.closed else [])
            except ServingError as error:  # there is none at the moment
                if label and error.code is Code.NOT_FOUND:
                    wrong.append(error)  # but it is not without its version
            time.sleep(0)

    def change(repository):
        base_path = tmp_path / f"m{chance.randrange(2)}"
        number = chance.randrange(1, 6)
        kind = chance.choice(["add", "add", "break", "remove", "reload", "reload"])
        if kind == "reload":
            policies = [ALL, VersionPolicy(), VersionPolicy(specific=(number,))]
            labels = chance.choice([{}, {"stable": number}])
            names = chance.choice([["m0"], ["m1"], ["m0", "m1"]])
            config = {
                n: ServedModelConfig(
                    tmp_path / chance.choice(["m0", "m1"]),
                    chance.choice(policies),
                    labels,
                )
                for n in names
            }
            with contextlib.suppress(ServingError):
                repository.reload(config)
        elif kind == "remove":
            shutil.rmtree(base_path / str(number), ignore_errors=True)
        elif not (base_path / str(number)).exists():
            content = "fine" if kind == "add" else "broken"
            write_version(tmp_path / "new", number, content)
            (tmp_path / "new" / str(number)).rename(base_path / str(number))

    for name in ("m0", "m1"):
        write_version(tmp_path / name, 1)
    options = {"poll_seconds": 0.01, "num_load_threads": 2}
    models = {name: tmp_path / name for name in ("m0", "m1")}
    with serving(models, loader, **options) as repository:
        threads = [threading.Thread(target=send, args=(repository,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(100):
                change(repository)
                time.sleep(0.005)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert not wrong
    assert len(loader.models) > 5
    assert {model.closed for model in loader.models} == {1}
