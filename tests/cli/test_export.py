"""export on the command line; and what all commands say without a bundle."""

import pytest

from tests.cli.support import run, type_in


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
