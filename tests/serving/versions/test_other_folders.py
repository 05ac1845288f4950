"""What is served is what lies in the base path; while that is nothing, what was."""

import shutil

import pytest

from keras_attention.serving.config import ServedModelConfig, VersionPolicy
from keras_attention.serving.wire.errors import ServingError
from tests.serving.support import eventually
from tests.serving.versions.support import (
    Loader,
    content,
    latest,
    looks,
    replace_version,
    requesting,
    serving,
    states_of,
    write_version,
)

ALL = VersionPolicy(every=True)
LABELS = {"stable": 1, "canary": 2}
CHOICES = [
    {},
    {"version": 1},
    {"version": 2},
    {"label": "stable"},
    {"label": "canary"},
]


@pytest.fixture
def loader():
    return Loader()


@pytest.fixture
def old(tmp_path):
    for number in (1, 2):
        write_version(tmp_path / "old", number, "fine, old")
    return tmp_path / "old"


@pytest.fixture
def new(tmp_path):
    for number in (1, 2):
        write_version(tmp_path / "new", number, "fine, new")
    return tmp_path / "new"


def contents(repository):
    return {content(repository, **choice) for choice in CHOICES}


def served(base_path):
    return {"m": ServedModelConfig(base_path, ALL, LABELS)}


def test_the_same_numbers_in_another_base_path_are_loaded_anew(old, new, loader):
    with serving(served(old), loader) as repository, requesting(repository, *CHOICES):
        assert contents(repository) == {"fine, old"}
        gate = loader.gate("m", 1)
        with pytest.raises(ServingError, match="still being loaded"):
            repository.reload(served(new), timeout=0.05)
        eventually(lambda: len(loader.calls) == 4)
        assert contents(repository) == {"fine, old"}  # not one before the other
        assert states_of(repository) == dict.fromkeys((1, 2), "AVAILABLE")
        gate.set()
        repository.reload(served(new))
        assert contents(repository) == {"fine, new"}
        eventually(lambda: [m.closed for m in loader.models] == [1, 1, 0, 0])
        repository.reload(served(old))
        assert contents(repository) == {"fine, old"}


def test_another_base_path_that_fails_changes_nothing(old, new, loader):
    (new / "1" / "saved_model.pb").write_text("broken")
    with serving(served(old), loader) as repository, requesting(repository, *CHOICES):
        with pytest.raises(ServingError, match="m version: 1.*it is broken"):
            repository.reload(served(new))
        looks(repository)
        assert contents(repository) == {"fine, old"}
        assert states_of(repository) == dict.fromkeys((1, 2), "AVAILABLE")
        calls = len(loader.calls)
        repository.reload(served(old))
        assert contents(repository) == {"fine, old"} and len(loader.calls) == calls
        with pytest.raises(ServingError, match="it is broken"):
            repository.reload(served(new))
        (new / "1" / "saved_model.pb").write_text("fine, new")
        eventually(lambda: contents(repository) == {"fine, new"})


def test_a_later_version_does_not_make_good_a_label_that_lacks_its_own(old, new):
    write_version(new, 3, "broken")
    with serving(served(old)) as repository, requesting(repository, *CHOICES):
        change = {"m": ServedModelConfig(new, None, {"stable": 3})}
        with pytest.raises(ServingError, match="m version: 3.*it is broken"):
            repository.reload(change)
        write_version(new, 4, "fine, new")
        eventually(lambda: states_of(repository).get(4) == "LOADING")
        looks(repository)
        assert contents(repository) == {"fine, old"}
        with pytest.raises(ServingError, match="label to version 3"):
            repository.reload(change)
        repository.reload(served(old))


def test_the_same_folder_by_another_path_is_not_loaded_again(old, tmp_path, loader):
    (tmp_path / "link").symlink_to(old)
    with serving(served(old), loader) as repository:
        repository.reload(served(tmp_path / "link"))
        repository.reload(served(tmp_path / "link" / ".." / "old"))
        assert len(loader.calls) == 2


def test_a_version_in_use_is_swapped_and_finishes(old, new, loader):
    with serving(served(old), loader) as repository:
        with repository.use("m", 2) as version:
            repository.reload(served(new))
            assert content(repository, version=2) == "fine, new"
            looks(repository)
            assert not version.model.closed
            # Going back does not even wait for it.
            repository.reload(served(old))
            assert content(repository, version=2) == "fine, old"
        eventually(lambda: loader.models[0].closed == 1)


POLICIES = [VersionPolicy(latest=2), ALL, VersionPolicy(specific=(1, 2))]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("change", ["none", "content"])
def test_folders_vanish_and_come_back(old, tmp_path, loader, policy, change):
    models = {"m": ServedModelConfig(old, policy, LABELS)}
    with serving(models, loader) as repository, requesting(repository, *CHOICES):
        for number in (1, 2):
            (old / str(number)).rename(tmp_path / str(number))
        looks(repository)
        assert contents(repository) == {"fine, old"} and repository.is_ready()
        for number in (1, 2):
            if change == "content":
                write_version(old, number, "fine, changed")
            else:
                (tmp_path / str(number)).rename(old / str(number))
        if change == "content":
            eventually(lambda: contents(repository) == {"fine, changed"})
        looks(repository)
        assert len(loader.calls) == (4 if change == "content" else 2)


def test_a_version_goes_with_its_folder_but_not_the_last_one(old, loader):
    with serving({"m": ServedModelConfig(old, ALL)}, loader) as repository:
        shutil.rmtree(old / "1")
        eventually(lambda: states_of(repository) == {1: "END", 2: "AVAILABLE"})
        shutil.rmtree(old / "2")
        looks(repository)
        repository.reload({"m": ServedModelConfig(old, ALL, {"stable": 2})})
        assert latest(repository, label="stable") == 2
        repository.reload({"m": ServedModelConfig(old, ALL)})
        away = old.rename(old.with_name("away"))
        looks(repository)
        assert latest(repository) == 2
        away.rename(old)
        write_version(old, 1)
        eventually(lambda: states_of(repository) == {1: "AVAILABLE", 2: "END"})


def test_a_label_keeps_its_version_when_the_policy_goes_on(old, loader, caplog):
    labels = {"stable": 2}
    with serving({"m": ServedModelConfig(old, None, labels)}, loader) as repository:
        with requesting(repository, {}, {"label": "stable"}):
            write_version(old, 3)
            eventually(lambda: latest(repository) == 3)
            looks(repository)
            assert latest(repository, label="stable") == 2
            assert "version 2 stays for its label" in caplog.text
            labels = {"stable": 2, "canary": 3, "best": 2}
            repository.reload({"m": ServedModelConfig(old, None, labels)})
            repository.reload({"m": ServedModelConfig(old, None, {"canary": 3})})
        eventually(lambda: states_of(repository) == {2: "END", 3: "AVAILABLE"})


@pytest.mark.parametrize("what", ["version", "folder", "base path"])
def test_a_link_that_leads_elsewhere_is_followed(old, new, tmp_path, loader, what):
    base_path = tmp_path / "link"
    if what == "base path":
        base_path.symlink_to(old)
        links = {base_path: new}
    else:
        base_path.mkdir()
        links = {base_path / number: new / number for number in ("1", "2")}
    for link in links:
        if what == "version":
            link.symlink_to(old / link.name)
        elif what == "folder":
            shutil.copytree(old / link.name, link)
    with serving(served(base_path), loader) as repository:
        with requesting(repository, *CHOICES):
            for link, target in links.items():
                (tmp_path / "next").symlink_to(target)
                if what == "folder":
                    link.rename(tmp_path / f"away{link.name}")
                (tmp_path / "next").rename(link)
            eventually(lambda: contents(repository) == {"fine, new"})
            assert sorted(loader.calls[2:]) == [("m", 1), ("m", 2)]


def test_a_folder_in_the_place_of_a_version_is_loaded_when_it_is_whole(
    old, tmp_path, loader
):
    with serving(served(old), loader) as repository, requesting(repository, *CHOICES):
        (tmp_path / "next").mkdir()
        (old / "2").rename(tmp_path / "2")
        (tmp_path / "next").rename(old / "2")
        looks(repository)
        (old / "2").rmdir()
        write_version(old, 2, "broken")
        eventually(lambda: ("m", 2) in loader.calls[2:])
        looks(repository)
        assert content(repository, version=2) == "fine, old"
        replace_version(old, 2, "fine, new")
        eventually(lambda: content(repository, version=2) == "fine, new")
        assert content(repository, version=1) == "fine, old"
