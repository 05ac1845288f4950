"""export on the command line; and what all commands say without a bundle."""

import copy
import shutil

import pytest

from tests.cli.support import run, type_in
from tests.tasks.support import edit


@pytest.mark.parametrize(
    "command",
    [["translate"], ["caption"], ["attend", "text"], ["export"], ["evaluate", "x.tsv"]],
    ids=lambda argv: argv[0],
)
def test_a_bundle_that_is_not_there(command, tmp_path, monkeypatch, capsys):
    type_in(monkeypatch, b"")
    argv = [command[0], str(tmp_path / "none"), *command[1:]]
    code, out, err = run(argv, capsys)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: there is no bundle at {tmp_path / 'none'}: a bundle")


def test_export_refuses_what_the_search_cannot_give(loaded, tmp_path, capsys):
    argv = ["export", "bundle", "--out", str(tmp_path), "--n-best", "9"]
    code, _, err = run(argv, capsys)
    assert code == 1
    assert "n_best=9 hypotheses cannot come out of beam=3" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "/a", "a\\b", "a b", "a:b", "a=b", ".a", "a\n", "a%2F"],
)
def test_export_refuses_names_that_no_server_would_find(tmp_path, capsys, name):
    argv = ["export", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    code, out, err = run([*argv, "--name", name], capsys)
    assert (code, out) == (1, "")
    assert err.startswith("error: name must be a folder name without spaces or slashes")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options, why",
    [
        (["float8"], "must be one of float32, mixed_bfloat16, mixed_float16; received"),
        (["float32", "--format", "marian"], "is of SavedModels; received it with"),
    ],
)
def test_export_refuses_precisions(tmp_path, capsys, options, why):
    argv = ["export", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    code, _, err = run([*argv, "--precision", *options], capsys)
    assert code == 1 and f"--precision {why}" in err
    assert not list(tmp_path.iterdir())


def test_the_name_that_a_bundle_gives_is_checked_too(
    load, translator, tmp_path, capsys
):
    named = copy.copy(translator)
    named.training = {"name": "../up"}
    load(named)
    code, _, err = run(["export", "bundle", "--out", str(tmp_path / "out")], capsys)
    assert code == 1
    assert "received '../up'" in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("version", ["3", str(2**63)])
def test_export_never_offers_to_overwrite(tmp_path, capsys, version):
    (tmp_path / "out" / "a" / "3").mkdir(parents=True)
    argv = ["export", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    code, _, err = run([*argv, "--name", "a", "--version", version], capsys)
    assert code == 1
    assert err.startswith("error: ")
    assert "overwr" not in err
    assert "a/3 exists already and is left as it is" in err or "at most" in err


def test_a_newer_bundle_is_a_warning_on_the_command_line(bundle, tmp_path, capsys):
    newer = shutil.copytree(bundle, tmp_path / "newer")
    edit(newer, package_version="9.0")
    code, _, err = run(["export", str(newer), "--n-best", "9"], capsys)
    assert code == 1
    first, second = err.splitlines()
    assert first.startswith(
        f"warning: {newer} was written by keras-attention-models 9."
    )
    assert second.startswith("error: n_best=9")
