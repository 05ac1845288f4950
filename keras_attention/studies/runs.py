"""Runs of a study: models as large as each other, trained once on the same data.

A study's folder holds a folder `runs/`, and in it one of the trainer's for each model.
"""

import os
import shutil
from pathlib import Path

from keras_attention.files import whole_folder
from keras_attention.studies.model_size import (
    count_parameters,
    match_units,
    model_options,
)
from keras_attention.training.recipe import load_recipe


def check_folder(folder, resume):
    """Raises a ValueError unless a study may be written into `folder`."""
    folder = Path(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    ours = (folder / "runs").is_dir()
    if not (resume and ours):
        hint = (
            "pass --resume to go on with the study in it, or"
            if ours
            else "it is not a study's:"
        )
        raise ValueError(
            f"{folder} holds files already; {hint} choose another folder with --out"
        )


class StudyRun:
    """One model of a study. Subclasses say `with_units` and `matched`.

    Args:
        folder: Path. The trainer's.
        variant: has a `name`, and a `label` for people.
        base: `Recipe` of the study.

    Attributes:
        units: int. Found so that models have as many parameters; None leaves those of
            the recipe.
        source: `StudyRun`, optional, whose prepared data this one takes.

    Raises:
        ValueError: the recipe starts from a bundle.
    """

    test_of = "pair"

    def __init__(self, folder, variant, base):
        if base.training.start:
            raise ValueError(
                "the models of a study differ and begin alike, untrained; received "
                f'training.start="{base.training.start}". Leave it out'
            )
        self.folder, self.variant, self.base = Path(folder), variant, base
        self.units = None
        self.source = None

    def with_units(self, units):
        """The recipe of a model of so many units."""
        raise NotImplementedError

    @property
    def matched(self):
        """Whether units are to be found for it."""
        raise NotImplementedError

    @property
    def recipe(self):
        return self.with_units(self.units)

    @property
    def finished(self):
        kept = (self.folder / "recipe.toml").exists()
        return kept and (self.folder / "bundle").exists()

    def describe(self):
        units = "" if self.units is None else f", {self.units} units"
        return f"{self.variant.label}{units}"

    def _kept(self):
        path = self.folder / "recipe.toml"
        return load_recipe(path) if path.exists() else None

    def check_steps(self):
        """What a run's fingerprint leaves open, and the budget does not."""
        kept, wanted = self._kept(), self.base.training.max_steps
        if kept is not None and kept.training.max_steps != wanted:
            raise ValueError(
                f"{self.folder} was begun for {kept.training.max_steps} steps, and "
                f"{wanted} are asked for: budgets must be equal; ask for as many "
                "steps, or choose another folder with --out"
            )

    def take_kept_units(self):
        if self.finished and self.matched:
            self.units = self._kept().model.options.get("units")

    def prepare(self, console):
        """Prepares the data; returns the sizes of vocabularies."""
        work = self._work(console)
        corpus = self.corpus(console)
        if not len(corpus.test):
            corpora = ", ".join(self.base.data.corpus_names())
            raise ValueError(
                f"no test {self.test_of} in {corpora}, and the study "
                "measures that split; raise data.test_share, or give more data"
            )
        return tuple(work.sizes(corpus).values())

    def corpus(self, console):
        """The prepared data of the run."""
        from keras_attention.training.run_folder import claim_folder

        claim_folder(self.folder, self.recipe, resume=True)
        options = model_options(self.recipe)
        return self._work(console).prepare(self.folder / "data", options)

    def _work(self, console):
        from keras_attention.training.trainer import WORK

        return WORK[self.base.task](self.recipe, console)

    def train(self, console):
        """Trains what is not trained yet."""
        import keras

        from keras_attention.training.run_folder import claim_folder
        from keras_attention.training.trainer import Trainer

        claim_folder(self.folder, self.recipe, resume=True)
        if self.finished:
            return
        data = self.folder / "data"
        if self.source is not None and not data.exists():
            # The same tokenizers and the same batches.
            with whole_folder(data) as new:
                shutil.copytree(
                    self.source.folder / "data",
                    new,
                    copy_function=_link,
                    dirs_exist_ok=True,
                )
        keras.utils.clear_session()
        Trainer(self.recipe, self.folder, console).run(resume=True)


def match_runs(runs, console):
    """Prepares the data of the first run, and finds the sizes of those `matched`."""
    for run in runs:
        run.take_kept_units()
    if all(run.finished for run in runs):
        return
    ours = runs[0]
    sizes = ours.prepare(console)
    wanted = count_parameters(ours.recipe, *sizes)
    for run in runs[1:]:
        if run.finished:
            continue
        run.source = ours
        if run.matched:
            run.units = match_units(
                lambda units, run=run: count_parameters(run.with_units(units), *sizes),
                wanted,
            )


def train_runs(runs, console):
    """Yields each run once it is trained."""
    for number, run in enumerate(runs, 1):
        console.print(f"run {number} of {len(runs)}: {run.describe()}", style="bold")
        run.train(console)
        yield run


def _link(source, target):
    """Prepared data never change: where file systems allow, they are there once."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
