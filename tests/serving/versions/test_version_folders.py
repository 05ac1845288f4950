"""Versions have numbers for names, and say what they lack."""

import os
import shutil

import pytest

from keras_attention.serving.versions.version_folders import (
    missing,
    take_snapshot,
    version_folders,
)
from tests.serving.versions.support import write_version


@pytest.fixture
def folder(tmp_path):
    return write_version(tmp_path, 1)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("1", 1),
        ("0001", 1),
        ("0", 0),
        ("1700000000", 1_700_000_000),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("-1", None),
        ("1.tmp", None),
        (".2", None),
        ("٣", None),
        ("three", None),
    ],
)
def test_versions_are_folders_with_a_number_for_a_name(tmp_path, name, number):
    (tmp_path / name).mkdir()
    (tmp_path / "7").write_text("a file")
    expected = {} if number is None else {number: tmp_path / name}
    assert version_folders(tmp_path) == expected


def test_a_version_may_be_a_link_to_a_folder(tmp_path, folder):
    (tmp_path / "2").symlink_to(folder)
    assert sorted(version_folders(tmp_path)) == [1, 2]
    assert not missing(tmp_path / "2")


@pytest.mark.parametrize(
    ("gone", "lacks"),
    [
        ("saved_model.pb", "no saved_model.pb"),
        ("variables/variables.index", "no variables/variables.index"),
        (
            "variables/variables.data-00000-of-00001",
            "0 of 1 variables/variables.data-*",
        ),
    ],
)
def test_what_is_missing_is_named(folder, gone, lacks):
    assert not missing(folder)
    (folder / gone).unlink()
    assert missing(folder).startswith(lacks)


def test_every_shard_of_the_variables_is_needed(folder):
    variables = folder / "variables"
    (variables / "variables.data-00000-of-00001").rename(
        variables / "variables.data-00000-of-00003"
    )
    assert missing(folder) == "1 of 3 variables/variables.data-*"


def test_copies_under_temporary_names_do_not_count(folder):
    data = folder / "variables" / "variables.data-00000-of-00001"
    for name in (
        f".{data.name}.x1Y2z3",
        f"{data.name}.6eF5b5da",
        f"{data.name}_.gstmp",
    ):
        data = data.rename(data.with_name(name))
        assert missing(folder).startswith("0 of 1")


def test_a_model_without_variables_is_whole(folder):
    shutil.rmtree(folder / "variables")
    assert not missing(folder)
    (folder / "variables").mkdir()
    assert not missing(folder)


def test_tflite_models_count_only_when_they_are_wanted(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "model.tflite").write_text("")
    assert missing(tmp_path / "1") == "no saved_model.pb"
    assert not missing(tmp_path / "1", ["model.tflite"])


def test_a_poll_tells_every_change(folder):
    snapshots = {take_snapshot(folder).fingerprint}
    (folder / "assets").mkdir()
    snapshots.add(take_snapshot(folder).fingerprint)
    (folder / "assets" / "words.txt").write_text("a")
    snapshots.add(take_snapshot(folder).fingerprint)
    (folder / "assets" / "words.txt").write_text("ab")
    snapshots.add(take_snapshot(folder).fingerprint)
    assert len(snapshots) == 4
    assert take_snapshot(folder) == take_snapshot(folder)


def test_old_times_of_modification_do_not_hide_a_fresh_copy(folder):
    before = take_snapshot(folder).changed_at
    os.utime(folder / "saved_model.pb", (0, 0))
    assert take_snapshot(folder).changed_at >= before
