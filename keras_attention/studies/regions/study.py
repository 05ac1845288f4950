"""Visual grounding: captions from a pooled vector, and from attention to regions.

One vector has the same size for one thing and for four; attention goes to each while
it is named. The study shows what that brings, as Xu et al. (2015) found against
Vinyals et al. (2015), and what can be seen of it.

<folder>/runs/<model>/    a run of the trainer each, and what it said of the test split
         regions.png      scores by the number of things in the image
         attention.png    attention inside the box of what is being said
         positions.png    errors by position in the caption
         gallery.png      wrong words, and where attention was when they were said
         regions.csv      all numbers
         report.md        the setup, the results, what made it
"""

import functools
import json
from pathlib import Path

from keras_attention.evaluation.captioning import caption_split
from keras_attention.files import write_whole
from keras_attention.locks import locked
from keras_attention.os_errors import writing
from keras_attention.studies.regions.caption_files import kept_captions
from keras_attention.studies.regions.metrics import MeasuredImages, measure
from keras_attention.studies.regions.name_errors import NamesSaid, say_names
from keras_attention.studies.regions.position_errors import WordsSaid, say_words
from keras_attention.studies.regions.report import findings, write_report
from keras_attention.studies.regions.variants import (
    VARIANTS,
    check_recipe,
    region_recipe,
)
from keras_attention.studies.runs import (
    StudyRun,
    check_folder,
    match_runs,
    train_runs,
)
from keras_attention.training.console import plain_console


def run_regions(recipe, folder, resume=False, command="", console=None):
    """Trains a recipe's model, two without attention and two that learn differently.

    Args:
        recipe: `Recipe`, a recurrent one with soft attention, of scenes.
        folder: path. Everything is written into it.
        resume: bool. Go on with a study that is there; finished models stay.
        command: str. What was typed, for the report.
        console: `rich.console.Console` for progress; standard error by default.

    Returns:
        Path of the report.

    Raises:
        ValueError: if the folder is in use, a run in it is of another recipe, or the
            recipe has no model that could be compared.
    """
    folder, console = Path(folder), console or plain_console()
    check_recipe(recipe)
    with writing(folder), locked(folder, "studying"):
        return _studied(recipe, folder, resume, command, console)


def _studied(recipe, folder, resume, command, console):
    check_folder(folder, resume)
    runs = [RegionRun(folder / "runs", variant, recipe) for variant in VARIANTS]
    for run in runs:
        run.check_steps()
    match_runs(runs, console)
    for run in train_runs(runs, console):
        run.speak(console)
    images = runs[0].images(console)
    results = []
    for run in runs:
        console.print(f"measuring: {run.describe()}")
        results.append(run.result(images, console))
    report = write_report(results, images, folder, command)
    for paragraph in findings(results, images):
        console.print(paragraph)
    return report


class RegionRun(StudyRun):
    """One model, and what it says of the test split."""

    test_of = "image"

    def __init__(self, folder, variant, base):
        super().__init__(folder / variant.name, variant, base)

    @property
    def matched(self):
        return not self.variant.attends

    def with_units(self, units):
        return region_recipe(self.base, self.variant, units)

    def images(self, console):
        """`MeasuredImages` of the test split."""
        test = self.corpus(console).test
        return MeasuredImages(
            test.images,
            test.references,
            test.truths,
            self.base.data.language,
        )

    def speak(self, console):
        """Has the model say all that is measured, and keeps it in files."""
        self.captions(console)
        if self.variant.attends:
            self.forced_captions(console)
        self.words(console)
        self.names(console)
        # Models and their programs are let go before the next one is trained.
        self.__dict__.pop("_captioner", None)

    @functools.cached_property
    def _captioner(self):
        from keras_attention.tasks.captioner import Captioner

        return Captioner.load(self.folder / "bundle")

    def captions(self, console):
        """Captions of the test split, decoded as the recipe says."""

        def make():
            console.print("captioning the test split")
            test = self.corpus(console).test
            attends = self.variant.attends
            return caption_split(
                self._captioner, test, console=console, return_attention=attends
            )

        return kept_captions(self.folder / "captions.jsonl", make)

    def forced_captions(self, console):
        """The first reference of each image, with attention while it is said."""

        def make():
            console.print("having it say the references")
            test = self.corpus(console).test
            texts = [texts[0] for texts in test.references]
            inputs = {"images": test.images}
            return self._captioner.force_inputs(
                inputs, texts, test.names, batch_size=64
            )

        return kept_captions(self.folder / "references.jsonl", make)

    def words(self, console):
        """`WordsSaid` of each image."""
        path = self.folder / "words.jsonl"
        if not path.exists():
            console.print("having it guess each next word")
            test = self.corpus(console).test
            inputs = {"images": test.images}
            _write_lines(path, say_words(self._captioner, inputs, test.references))
        return [WordsSaid(**row) for row in _read_lines(path)]

    def names(self, console):
        """`NamesSaid` of each image."""
        path = self.folder / "names.jsonl"
        if not path.exists():
            console.print("having it name each next thing")
            test = self.corpus(console).test
            firsts = [texts[0] for texts in test.references]
            inputs = {"images": test.images}
            said = say_names(self._captioner, inputs, firsts, test.truths)
            _write_lines(path, said)
        return [NamesSaid(**row) for row in _read_lines(path)]

    def result(self, images, console):
        """All that was measured of it."""
        config = self.folder / "bundle" / "config.json"
        return measure(
            self.variant,
            self.folder.name,
            json.loads(config.read_text(encoding="utf-8")),
            images,
            self.captions(console),
            self.forced_captions(console) if self.variant.attends else None,
            self.words(console),
            self.names(console),
        )


def _write_lines(path, tuples):
    lines = (json.dumps(each._asdict(), ensure_ascii=False) for each in tuples)
    write_whole(path, "".join(f"{line}\n" for line in lines))


def _read_lines(path):
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
