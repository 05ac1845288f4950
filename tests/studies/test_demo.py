"""The demo takes nobody's folder, and leaves a model that was served."""

import dataclasses
import gzip
import io
import itertools
from pathlib import Path

import pytest
from rich.console import Console

from keras_attention.data.corpora import corpus_path
from keras_attention.studies import demo
from keras_attention.tasks.translator import Translator
from keras_attention.training.recipe import TokenizerConfig
from tests.support import held_elsewhere
from tests.training.support import tiny_recipe
from tests.translators import OPTIONS


def test_somebody_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for force in (False, True):
        with pytest.raises(ValueError, match="it is not a demo's: choose another fold"):
            demo.run_demo(tmp_path, 1, force=force)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def begun(folder):
    from keras_attention.training.run_folder import claim_folder

    claim_folder(folder / "run", tiny_recipe())
    (folder / "run" / "history.csv").write_text("step\n")
    (folder / "saved_models" / demo.MODEL / "1").mkdir(parents=True)
    (folder / "saved_models" / "mine").mkdir()
    (folder / "attention.png").write_bytes(b"")
    (folder / "notes.txt").write_text("mine")
    return folder


def test_a_demo_of_a_live_process_is_left_alone(tmp_path):
    with held_elsewhere(tmp_path / "demo"):
        with pytest.raises(ValueError, match="demo is in use by process"):
            demo.run_demo(tmp_path / "demo", 1, force=True)
    assert not [*tmp_path.iterdir()]


def test_a_demo_is_not_run_over(tmp_path):
    begun(tmp_path)
    with pytest.raises(ValueError, match="pass --resume to go on with it, --force to"):
        demo.run_demo(tmp_path, 1)
    assert (tmp_path / "run" / "history.csv").exists()


def test_force_deletes_the_demo_and_nothing_else(tmp_path):
    demo._claim(begun(tmp_path), resume=False, force=True)
    left = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")}
    assert left == {"run", "notes.txt", "saved_models", "saved_models/mine"}


def test_the_page_that_it_names_last_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # not the clone
    console = Console(file=io.StringIO(), width=500)
    demo._next_steps(tmp_path, console)
    page = Path(console.file.getvalue().split()[-1])
    assert page.name == "training.md" and page.is_file()


def test_resume_leaves_what_is_there(tmp_path):
    demo._claim(begun(tmp_path), resume=True, force=False)
    assert (tmp_path / "run" / "history.csv").exists()
    assert (tmp_path / "saved_models" / demo.MODEL / "1").exists()


@pytest.mark.slow
def test_the_whole_way_in_little(tmp_path, monkeypatch):
    """A demo of twenty steps: trained, translated, drawn, exported, served, compared.

    It raises by itself if REST, gRPC and this process differ.
    """
    pairs = tmp_path / "pairs.tsv"
    with gzip.open(corpus_path("help-en-de"), "rt", encoding="utf-8") as file:
        pairs.write_text("".join(itertools.islice(file, 300)), encoding="utf-8")
    recipe = tiny_recipe()
    data = {"corpus": str(pairs), "max_source_length": 60, "max_target_length": 60}
    recipe = dataclasses.replace(
        recipe,
        data=dataclasses.replace(recipe.data, **data),
        tokenizer=TokenizerConfig(vocabulary_size=450),
        decoding=OPTIONS,
    )
    monkeypatch.setattr(
        "keras_attention.training.recipe.load_recipe", lambda *_: recipe
    )
    said = io.StringIO()
    monkeypatch.setattr(demo, "plain_console", lambda **_: Console(file=said))
    demo.run_demo(tmp_path / "demo", 1)
    text = said.getvalue()
    assert "the same texts, scores and attention for 3 sentences" in " ".join(
        text.split()
    )
    assert (tmp_path / "demo" / "attention.png").exists()
    assert (tmp_path / "demo/saved_models" / demo.MODEL / "1").is_dir()
    assert Translator.load(tmp_path / "demo/run/bundle").metrics["model"]
    # Again, it goes on from where it was: nothing is left to do but to serve.
    demo.run_demo(tmp_path / "demo", 1, resume=True)
