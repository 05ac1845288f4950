"""Why attention: the same budget with and without, by the length of the source.

One vector has the same size for three words and for fifty; the study shows what that
costs, as figure 2 of Bahdanau et al. (2015) and figure 6 of Luong et al. (2015) do.

<folder>/runs/<data set>-<model>/    a run of the trainer each, and what it translated
         bottleneck.png              the curves
         bottleneck.csv              their numbers
         report.md                   the setup, the results, what made it
"""

import json
from pathlib import Path

from keras_attention.data.corpora import shipped_corpora
from keras_attention.data.text.toy import TASKS
from keras_attention.files import write_whole
from keras_attention.locks import locked
from keras_attention.os_errors import writing
from keras_attention.studies.bottleneck.report import (
    LengthResult,
    findings,
    write_report,
)
from keras_attention.studies.bottleneck.variants import (
    ATTENTION,
    variant_recipe,
    variants_of,
)
from keras_attention.studies.by_length import (
    Bleu,
    buckets_between,
    choose_buckets,
    exact_match,
    score_by_length,
)
from keras_attention.studies.runs import (
    StudyRun,
    check_folder,
    match_runs,
    train_runs,
)
from keras_attention.training.console import plain_console

HEADER = ("source", "reference", "hypothesis")


def run_bottleneck(
    recipes, folder, boundaries=None, resume=False, command="", console=None
):
    """Trains each recipe's model and its three rivals, and compares them.

    Args:
        recipes: list of `Recipe`, recurrent ones with attention; a data set each.
        folder: path. Everything is written into it.
        boundaries: dict, optional. For a data set, the last length of each bucket but
            the last; buckets of about a hundred sentences by default.
        resume: bool. Go on with a study that is there; finished models stay.
        command: str. What was typed, for the report.
        console: `rich.console.Console` for progress; standard error by default.

    Returns:
        Path of the report.

    Raises:
        ValueError: if the folder is in use, a run in it is of another recipe, or a
            recipe has no model that could be compared.
    """
    folder, console = Path(folder), console or plain_console()
    studied = _data_sets(recipes)
    unknown = sorted(set(boundaries or ()) - set(studied))
    if unknown:
        raise ValueError(
            f"buckets are given for {', '.join(unknown)}, which is not studied; data "
            f"sets are {', '.join(studied)}"
        )
    variants = {dataset: variants_of(recipe) for dataset, recipe in studied.items()}
    with writing(folder), locked(folder, "studying"):
        return _studied(studied, variants, folder, boundaries, resume, command, console)


def _studied(studied, variants, folder, boundaries, resume, command, console):
    check_folder(folder, resume)
    runs = [
        _Run(folder / "runs", dataset, variant, recipe)
        for dataset, recipe in studied.items()
        for variant in variants[dataset]
    ]
    for run in runs:
        run.check_steps()
    for dataset in studied:
        match_runs([run for run in runs if run.dataset == dataset], console)
    for run in train_runs(runs, console):
        run.translations(console)
    results = {dataset: [] for dataset in studied}
    for run in runs:
        results[run.dataset].append(run.result((boundaries or {}).get(run.dataset)))
    report = write_report(results, folder, command)
    for dataset, found in results.items():
        console.print(findings(dataset, found))
    return report


def _data_sets(recipes):
    """Names of data sets, which are short where a corpus has a name, and recipes."""
    studied = {}
    for recipe in recipes:
        if "-" in recipe.data.corpus_names():
            raise ValueError(
                "standard input can be read once, and a study reads its corpus for "
                "each model; put it into a file"
            )
        known = {*TASKS, *shipped_corpora()} - set(studied)
        corpus = recipe.data.corpus
        name = corpus if corpus in known else recipe.name
        if name in studied:
            raise ValueError(
                f"two recipes are called {name!r}; give one of them another `name`"
            )
        studied[name] = recipe
    if not studied:
        raise ValueError("expected at least one recipe; received none")
    return studied


class _Run(StudyRun):
    """One model on one data set."""

    def __init__(self, folder, dataset, variant, base):
        super().__init__(folder / f"{dataset}-{variant.name}", variant, base)
        self.dataset = dataset

    @property
    def matched(self):
        return self.variant is not ATTENTION

    def with_units(self, units):
        return variant_recipe(self.base, self.variant, self.dataset, units)

    def describe(self):
        return f"{self.dataset}, {super().describe()}"

    def translations(self, console=None):
        """`(source, reference, hypothesis)` of the test split, kept in a file."""
        path = self.folder / "translations.tsv"
        if path.exists():
            lines = path.read_text(encoding="utf-8").split("\n")[1:-1]
            return [tuple(line.split("\t")) for line in lines]
        from keras_attention.tasks.translator import Translator
        from keras_attention.training.final_scores import translate_with_bar

        sources, references = self.corpus(console).test.texts()
        translator = Translator.load(self.folder / "bundle")
        texts = translate_with_bar(translator, sources, console)
        rows = [
            tuple(map(_one_cell, row))
            for row in zip(sources, references, texts, strict=True)
        ]
        lines = ["\t".join(row) + "\n" for row in [HEADER, *rows]]
        write_whole(path, "".join(lines))
        return rows

    def result(self, boundaries):
        rows = self.translations()
        lengths = [len(source.split()) for source, _, _ in rows]
        if boundaries:
            buckets = buckets_between(lengths, boundaries)
        else:
            buckets = choose_buckets(lengths)
        exact = self.base.training.validation_metric == "exact"
        measure = exact_match if exact else Bleu(self._tokenize())
        all_of_them = [(min(lengths), max(lengths))]
        config = self.folder / "bundle" / "config.json"
        made = json.loads(config.read_text(encoding="utf-8"))
        return LengthResult(
            self.dataset,
            self.variant,
            self.folder.name,
            "exact match" if exact else "BLEU",
            made,
            score_by_length(rows, all_of_them, measure)[0],
            score_by_length(rows, buckets, measure),
        )

    def _tokenize(self):
        from keras_attention.evaluation.translation import tokenize_for

        return tokenize_for(self.base.data.languages()[1])


def _one_cell(text):
    return " ".join(text.replace("\t", " ").splitlines())
