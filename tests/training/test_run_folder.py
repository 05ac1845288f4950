"""A run's folder is never taken, overwritten or deleted without being asked."""

import dataclasses

import pytest

from keras_attention.training.recipe import load_recipe
from keras_attention.training.run_folder import claim_folder, delete_run
from tests.training.support import tiny_recipe


@pytest.fixture
def run(tmp_path):
    """A folder in which training has begun."""
    folder = tmp_path / "run"
    claim_folder(folder, tiny_recipe())
    (folder / "data").mkdir()
    (folder / "data" / "source.model").write_bytes(b"tokenizer")
    (folder / "history.csv").write_text("step\n8\n")
    return folder


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_new_folder_keeps_the_recipe(tmp_path):
    claim_folder(tmp_path / "a" / "run", tiny_recipe())
    assert load_recipe(tmp_path / "a" / "run" / "recipe.toml") == tiny_recipe()


def test_an_empty_folder_will_do(tmp_path):
    claim_folder(tmp_path, tiny_recipe())
    assert list(content(tmp_path)) == ["recipe.toml"]


def test_a_run_is_not_begun_twice(run):
    before = content(run)
    with pytest.raises(ValueError, match="holds a run already; pass --resume"):
        claim_folder(run, tiny_recipe())
    assert content(run) == before


def test_resume_leaves_what_is_there(run):
    before = content(run)
    claim_folder(run, tiny_recipe(), resume=True)
    assert content(run) == before


def test_resume_may_go_on_for_longer(run):
    claim_folder(run, tiny_recipe(max_steps=99), resume=True)
    assert load_recipe(run / "recipe.toml").training.max_steps == 99


def test_resume_without_a_run_begins_one(tmp_path):
    claim_folder(tmp_path / "run", tiny_recipe(), resume=True)
    assert (tmp_path / "run" / "recipe.toml").exists()


def test_resume_refuses_another_recipe(run):
    before = content(run)
    changed = tiny_recipe(seed=5, clip_norm=9.0)
    changed = dataclasses.replace(
        changed, model=dataclasses.replace(changed.model, options={"dropout": 0.5})
    )
    with pytest.raises(ValueError, match="was begun with another recipe") as error:
        claim_folder(run, changed, resume=True)
    for key in ("training.seed", "training.clip_norm", "model.dropout", "model_dim"):
        assert key in str(error.value)
    assert content(run) == before


def test_force_deletes_the_run_and_nothing_else(run):
    (run / "notes.txt").write_text("mine")
    claim_folder(run, tiny_recipe(seed=5), force=True)
    assert set(content(run)) == {"notes.txt", "recipe.toml"}
    assert load_recipe(run / "recipe.toml").training.seed == 5


def test_a_run_that_made_nothing_yet_is_no_obstacle(tmp_path):
    """A wrong path in a recipe is found after the folder was made."""
    claim_folder(tmp_path, tiny_recipe())
    (tmp_path / "data").mkdir()
    claim_folder(tmp_path, tiny_recipe(seed=5))
    assert load_recipe(tmp_path / "recipe.toml").training.seed == 5


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["thesis.txt", "recipe.toml"])
def test_somebody_elses_folder_is_left_alone(tmp_path, name, force):
    (tmp_path / name).write_text('[data]\ncorpus = "copy"\n')
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "pairs.tsv").write_text("a\tb\n")
    before = content(tmp_path)
    with pytest.raises(ValueError, match="something else than a training run; choose"):
        claim_folder(tmp_path, tiny_recipe(), resume=not force, force=force)
    assert content(tmp_path) == before


def test_a_file_is_no_folder(tmp_path):
    path = tmp_path / "run"
    path.write_text("mine")
    with pytest.raises(ValueError, match="something else than a training run"):
        claim_folder(path, tiny_recipe(), force=True)
    assert path.read_text() == "mine"


def test_deleting_twice_is_deleting_once(run):
    delete_run(run)
    delete_run(run)
    assert content(run) == {}
