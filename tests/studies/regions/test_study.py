"""The study takes nobody's folder, trains equals, and trains nothing twice."""

import csv
import json

import pytest

from keras_attention.cli import main
from keras_attention.studies.regions.study import run_regions
from keras_attention.training.run_folder import claim_folder
from keras_attention.training.trainer import Trainer
from tests.studies.regions.support import regions_recipe
from tests.studies.support import studied_recipe
from tests.training.support import quiet


def refused(message, recipe, folder, **options):
    with pytest.raises(ValueError, match=message):
        run_regions(recipe, folder, console=quiet(), **options)


def test_somebody_elses_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for resume in (False, True):
        message = "it is not a study's: choose another folder"
        refused(message, regions_recipe(), tmp_path, resume=resume)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_budget_cannot_change_halfway(tmp_path):
    claim_folder(tmp_path / "runs" / "soft", regions_recipe(steps=30))
    message = "was begun for 30 steps, and 20 are asked for"
    refused(message, regions_recipe(steps=20), tmp_path, resume=True)


def test_mistakes_are_found_before_anything_is_written(tmp_path):
    refused("such as scenes-soft", studied_recipe(), tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--recipe", "scenes-sofd"], "did you mean 'scenes-soft'"),
        (["--set", "training.max_step=1"], "did you mean 'max_steps'"),
        (["--recipe", "scenes-pooled"], 'Name the recipe with "soft"'),
    ],
)
def test_the_command_line_is_checked_first(argv, message, tmp_path, capsys):
    folder = tmp_path / "new"
    assert main(["study", "regions", "--out", str(folder), *argv]) == 1
    assert message in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_whole_study_in_little(tmp_path, monkeypatch):
    """Five models of some steps; the third is interrupted; none is trained twice."""
    recipe = regions_recipe()
    folder, run, trained = tmp_path / "study", Trainer.run, []

    def counted(trainer, **options):
        trained.append(trainer.folder.name)
        if len(trained) == 3:
            raise KeyboardInterrupt
        return run(trainer, **options)

    monkeypatch.setattr(Trainer, "run", counted)
    with pytest.raises(KeyboardInterrupt):
        run_regions(recipe, folder, console=quiet())
    assert not (folder / "report.md").exists()

    console = quiet()
    report = run_regions(recipe, folder, True, "as typed", console)
    names = "soft pooled pooled-every pooled-every soft-stochastic soft-sampling"
    assert trained == names.split()
    assert "run 5 of 5: soft, scheduled sampling" in console.file.getvalue()
    assert "    as typed" in report.read_text(encoding="utf-8")
    for name in ("regions.png", "attention.png", "positions.png"):
        assert (folder / name).exists()

    runs = sorted((folder / "runs").iterdir())
    assert len({(r / "data" / "target.model").read_bytes() for r in runs}) == 1
    # Prepared once, for all.
    assert len({(r / "data/corpus/train/images.bin").stat().st_ino for r in runs}) == 1
    made = [json.loads((r / "bundle/config.json").read_text()) for r in runs]
    assert {each["training"]["steps"] for each in made} == {20}
    parameters = [each["training"]["parameters"] for each in made]
    assert parameters == pytest.approx([max(parameters)] * 5, rel=0.05)

    with (folder / "regions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == {r.name for r in runs}

    # Again: nothing is trained, nothing is captioned.
    (folder / "report.md").unlink()
    captioned = (runs[0] / "captions.jsonl").stat().st_mtime_ns
    run_regions(recipe, folder, resume=True, console=quiet())
    assert len(trained) == 6
    assert (runs[0] / "captions.jsonl").stat().st_mtime_ns == captioned
    assert (folder / "report.md").exists()
    other = regions_recipe(learning_rate=1.0)
    refused("begun with another recipe", other, folder, resume=True)
