"""The study takes nobody's folder, trains equals, and trains nothing twice."""

import csv
import dataclasses
import json

import pytest

from keras_attention.cli import main
from keras_attention.studies.bottleneck.study import run_bottleneck
from keras_attention.training.data_keys import CorpusConfig
from keras_attention.training.recipe import ModelConfig
from keras_attention.training.run_folder import claim_folder
from keras_attention.training.trainer import Trainer
from tests.studies.support import studied_recipe
from tests.support import held_elsewhere
from tests.training.support import quiet

TOYS = [CorpusConfig("copy"), CorpusConfig("reverse")]


def renamed(recipe, name, **data):
    data = dataclasses.replace(recipe.data, **data)
    return dataclasses.replace(recipe, name=name, data=data)


def refused(message, recipes, folder, **options):
    with pytest.raises(ValueError, match=message):
        run_bottleneck(recipes, folder, console=quiet(), **options)


def test_somebody_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for resume in (False, True):
        message = "it is not a study's: choose another folder"
        refused(message, [studied_recipe()], tmp_path, resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_study_of_a_live_process_is_left_alone(tmp_path):
    with held_elsewhere(tmp_path / "study"):
        with pytest.raises(ValueError, match="study is in use by process"):
            run_bottleneck([studied_recipe()], tmp_path / "study", console=quiet())
    assert not [*tmp_path.iterdir()]


def test_a_study_is_not_run_over(tmp_path):
    (tmp_path / "runs").mkdir()
    refused("pass --resume to go on with the study", [studied_recipe()], tmp_path)


def test_a_budget_cannot_change_halfway(tmp_path):
    claim_folder(tmp_path / "runs" / "copy-attention", studied_recipe(max_steps=30))
    message = "was begun for 30 steps, and 20 are asked for"
    refused(message, [studied_recipe()], tmp_path, resume=True)


@pytest.mark.parametrize(
    ("recipes", "options", "message"),
    [
        ([], {}, "at least one recipe"),
        (
            [dataclasses.replace(studied_recipe(), model=ModelConfig())],
            {},
            "can do without attention",
        ),
        ([renamed(studied_recipe(), "x", corpus="-")], {}, "put it into a file"),
        (
            [renamed(studied_recipe(), "x", corpus="", corpora=[CorpusConfig("-")])],
            {},
            "put it into a file",
        ),
        (
            [renamed(studied_recipe(), "x", corpus="", corpora=TOYS, test_share=0)],
            {},
            "no test pair in copy, reverse, and the study",
        ),
        (
            [renamed(studied_recipe(), "x", corpus="a.tsv")] * 2,
            {},
            "two recipes are called 'x'",
        ),
        ([studied_recipe()], {"boundaries": {"cpoy": [3]}}, "given for cpoy, which"),
        (
            [studied_recipe(model={"units": 2, "embedding_dim": 2})],
            {},
            "no model without attention has the",
        ),
    ],
    ids=[
        "none",
        "transformer",
        "stdin",
        "stdins",
        "untested",
        "names",
        "buckets",
        "size",
    ],
)
def test_mistakes_are_found_before_anything_is_trained(
    recipes, options, message, tmp_path, monkeypatch
):
    monkeypatch.setattr(Trainer, "run", None)
    refused(message, recipes, tmp_path / "new", **options)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--recipe", "reverse-bahdanua"], "did you mean 'reverse-bahdanau'"),
        (["--set", "training.max_step=1"], "did you mean 'max_steps'"),
        (
            ["--buckets", "reverse=5,x"],
            "as bible-en-es=15,25,35; received 'reverse=5,x'",
        ),
    ],
)
def test_the_command_line_is_checked_first(argv, message, tmp_path, capsys):
    folder = tmp_path / "new"
    argv = ["--recipe", "reverse-bahdanau", *argv]
    assert main(["study", "bottleneck", "--out", str(folder), *argv]) == 1
    assert message in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_study_in_little(tmp_path, monkeypatch):
    """Four models of some steps; the third is interrupted; none is trained twice."""
    recipe = studied_recipe()
    recipe = dataclasses.replace(
        recipe, data=dataclasses.replace(recipe.data, test_share=0.2)
    )
    folder, run, trained = tmp_path / "study", Trainer.run, []

    def counted(trainer, **options):
        trained.append(trainer.folder.name)
        if len(trained) == 3:
            raise KeyboardInterrupt
        return run(trainer, **options)

    monkeypatch.setattr(Trainer, "run", counted)
    with pytest.raises(KeyboardInterrupt):
        run_bottleneck([recipe], folder, console=quiet())
    assert not (folder / "report.md").exists()

    console = quiet()
    options = {"resume": True, "console": console, "boundaries": {"copy": [2]}}
    report = run_bottleneck([recipe], folder, command="as typed", **options)
    names = "attention none none-forward none-forward none-reversed".split()
    assert trained == [f"copy-{name}" for name in names]
    assert "run 4 of 4: copy, without, in one direction" in console.file.getvalue()
    assert "    as typed" in report.read_text(encoding="utf-8")
    assert (folder / "bottleneck.png").exists()

    runs = sorted((folder / "runs").iterdir())
    assert len({(r / "data" / "source.model").read_bytes() for r in runs}) == 1
    made = [json.loads((r / "bundle/config.json").read_text()) for r in runs]
    assert {each["training"]["steps"] for each in made} == {20}
    ours, *others = [each["training"]["parameters"] for each in made]
    assert others == pytest.approx([ours] * 3, rel=0.05)

    with (folder / "bottleneck.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["bucket"] for row in rows] == ["all", "1-2", "3-4"] * 4
    metrics = json.loads((runs[0] / "bundle/metrics.json").read_text())
    assert metrics["split"] == "test"

    # Again: nothing is trained, the old buckets are forgotten.
    (folder / "report.md").unlink()
    run_bottleneck([recipe], folder, resume=True, console=quiet())
    assert len(trained) == 5
    assert (folder / "report.md").exists()
    other = studied_recipe(learning_rate=1.0)
    refused("begun with another recipe", [other], folder, resume=True)
