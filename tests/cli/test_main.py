"""Exit codes, help and errors of the command line, before TensorFlow is there."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from keras_attention import __version__
from keras_attention.cli import main
from keras_attention.training.recipe import RECIPES, shipped_recipes

COMMANDS = (
    "recipes prepare train translate caption evaluate attend features import export "
    "serve demo"
).split()


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    printed = capsys.readouterr()
    for command in COMMANDS:
        assert command in printed.out
    assert not printed.err


def test_without_arguments_help_is_shown(capsys):
    main([])
    printed = capsys.readouterr()
    assert "Usage: keras-attention" in printed.out + printed.err


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command, capsys):
    assert main([command, "--help"]) == 0
    printed = capsys.readouterr().out
    assert f"Usage: keras-attention {command}" in printed
    options = [line.split() for line in printed.splitlines() if "--" in line]
    assert ["--help"] in [words[:1] for words in options]


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["trian", "copy"], 2, "No such command 'trian'"),
        (["train"], 2, "Missing argument"),
        (["train", "copy", "--stes", "1"], 2, "No such option"),
        (["translate", "x", "--beam", "0"], 2, "Invalid value for '--beam'"),
        (["train", "cpoy"], 1, "unknown recipe 'cpoy'; did you mean 'copy'?"),
        (["recipes", "cpoy"], 1, "unknown recipe 'cpoy'; did you mean 'copy'?"),
        (
            ["train", "copy", "--set", "training.max_step=1"],
            1,
            "did you mean 'max_steps'?",
        ),
        (
            ["train", "copy", "--resume", "--force"],
            1,
            "--resume goes on and --force begins anew; give one of them",
        ),
        (["train", "none.toml"], 1, "there is no recipe file none.toml"),
        (["attend", "nowhere", "  "], 1, "nothing to attend to in an empty text"),
        (["evaluate", "nowhere", "none.tsv"], 1, "there is no bundle at nowhere"),
        (["recipes", "x/y.toml"], 1, "there is no recipe file x/y.toml"),
        (
            ["prepare", "copy", "--out", "/dev/null/x"],
            1,
            "/dev/null is there already, and is no folder",
        ),
        (
            ["train", "help-en-de-small", "--set", "data.corpus=/tmp"],
            1,
            "data.corpus: /tmp is a folder; give a file in it",
        ),
        (["caption", "nowhere", "none.jpg"], 1, "there is no bundle at nowhere"),
        (["features", "efficientnet-lite1", "a.jpg", "--out", "x"], 1, "did you mean"),
    ],
)
def test_errors_are_one_line_and_a_code(
    argv, code, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == code
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert not printed.out
    assert not list(tmp_path.iterdir())
    if code == 1:
        assert printed.err.startswith("error: ")


def test_recipes_are_listed_with_their_titles(capsys):
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == shipped_recipes()
    assert all(line.endswith(".") for line in lines)


def test_a_recipe_of_a_file_is_printed_too(capsys, tmp_path):
    (tmp_path / "my.toml").write_text('[data]\ncorpus = "copy"\n')
    assert main(["recipes", str(tmp_path / "my.toml")]) == 0
    assert capsys.readouterr().out == '[data]\ncorpus = "copy"\n'


def test_a_recipe_is_printed_as_it_is(capsys):
    assert main(["recipes", "copy"]) == 0
    assert capsys.readouterr().out == (RECIPES / "copy.toml").read_text()


SCRIPT = """
import sys
from keras_attention.cli import main
code = main(["train", "copy", "--set", "training.schedule=cosin"])
heavy = {"tensorflow", "keras", "jax"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else code)
"""


def test_a_wrong_recipe_is_refused_before_tensorflow_is_imported():
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr.startswith("error: unknown training.schedule 'cosin'")


def test_a_reader_who_has_had_enough_is_no_error():
    """`keras-attention recipes copy | true`"""
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        [sys.executable, "-m", "keras_attention", "recipes", "copy"],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert result.stderr == ""
    assert result.returncode in (0, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_standard_output_that_is_full_is_an_error_in_one_line():
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "keras_attention", "recipes", "copy"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert result.stderr.startswith("error: standard output: there is no space left")
    assert result.stderr.count("\n") == 1
    assert result.returncode == 1


IN_LOCALE_C = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}


@pytest.mark.parametrize(
    ("argv", "code", "out", "err"),
    [
        (["train", "größe.toml"], 1, "", "error: unknown training.schedule 'ä'"),
        (["train", "中.toml"], 1, "", "error: there is no recipe file 中.toml"),
        (["recipes", "copy"], 0, "# Copy strings", ""),
    ],
)
def test_locale_c_is_utf8_too(tmp_path, argv, code, out, err):
    recipe = '[data]\ncorpus = "copy"\n[training]\nschedule = "ä"\n'
    (tmp_path / "größe.toml").write_text(recipe, encoding="utf-8")
    command = [sys.executable, "-m", "keras_attention", *argv]
    result = subprocess.run(
        [os.fsencode(word) for word in command],
        capture_output=True,
        env=IN_LOCALE_C,
        cwd=tmp_path,
    )
    assert result.returncode == code
    assert result.stdout.decode().startswith(out)
    assert result.stderr.decode().startswith(err)


def test_any_text_and_any_name_is_written(monkeypatch, tmp_path):
    """As in a process that was not begun anew, whose output is ASCII."""
    written = io.BytesIO()
    output = io.TextIOWrapper(written, encoding="ascii")
    monkeypatch.setattr("sys.stdout", output)
    assert main(["--version"]) == 0
    print("中", os.fsdecode(b"caf\xe9.jpg"), flush=True)
    assert written.getvalue() == f"{__version__}\n中 caf".encode() + b"\xe9.jpg\n"


@pytest.mark.slow
def test_training_in_locale_c_names_everything(tmp_path):
    """Console, recipe, corpus, model card, and a translation of what it learned."""
    lines = "".join(f"Größe {i} ü\tTaille {i} é 中\n" for i in range(300))
    (tmp_path / "wörter.tsv").write_text(lines, encoding="utf-8")
    changes = (
        "data.corpus=wörter.tsv tokenizer.vocabulary_size=330 model.preset=tiny "
        "training.max_steps=2 training.validate_every=2 training.batch_tokens=256 "
        "training.test_sentences=2"
    ).split()
    sets = [word for change in changes for word in ("--set", change)]
    for argv, wanted in (
        (["train", "demo", "--out", "läuft", *sets], b"bundle: l\xc3\xa4uft/bundle"),
        (["translate", "läuft/bundle", "--json", "wörter.tsv"], "Größe".encode()),
    ):
        result = subprocess.run(
            [sys.executable, "-m", "keras_attention", *map(os.fsencode, argv)],
            capture_output=True,
            env=IN_LOCALE_C,
            cwd=tmp_path,
        )
        assert result.returncode == 0, result.stderr.decode()
        assert wanted in result.stdout
    card = (tmp_path / "läuft" / "bundle" / "README.md").read_text(encoding="utf-8")
    assert "wörter.tsv" in card
