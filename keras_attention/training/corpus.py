"""From a recipe to a prepared corpus with its tokenizers."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

from rich.progress import Progress, TextColumn, TimeElapsedColumn

from keras_attention.data.corpora import corpus_path, shipped_corpora
from keras_attention.data.report import SkipReport
from keras_attention.data.text.alignment_file import AlignmentFile
from keras_attention.data.text.alignments import piece_words, word_links
from keras_attention.data.text.distinct_sources import few_sources
from keras_attention.data.text.toy import TASKS, toy_alignment, toy_pairs
from keras_attention.data.text.translations import PairFiles, prepare, train_tokenizers
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.evaluation.alignments import toy_gold
from keras_attention.files import whole_file
from keras_attention.training.toml import unknown


@dataclasses.dataclass(frozen=True)
class ToyPairs:
    """A toy task that is read like a file: as often as needed, always the same."""

    task: str
    count: int
    max_length: int
    seed: int
    swap: bool = False

    def __call__(self, report=None):
        pairs = toy_pairs(self.task, self.count, self.max_length, seed=self.seed)
        return [pair[::-1] for pair in pairs] if self.swap else pairs

    def fingerprint(self):
        return repr(self)


@dataclasses.dataclass(frozen=True)
class ToyAlignments:
    """Which words of a toy pair belong together, `(source word, target word)`."""

    task: str
    swap: bool = False

    def __call__(self, source, target):
        if self.swap:
            return set(enumerate(toy_alignment(self.task, target)))
        return {(s, t) for t, s in enumerate(toy_alignment(self.task, source))}

    def fingerprint(self):
        return repr(self)


@dataclasses.dataclass(frozen=True)
class TrainingCorpus:
    """The three splits of a prepared corpus, and what made ids of them."""

    train: Any
    valid: Any
    test: Any
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer


def prepare_corpus(recipe, folder, console):
    """Trains tokenizers and tokenises, or opens what was prepared before.

    Args:
        recipe: `Recipe`.
        folder: path. Tokenizers and arrays are kept here.
        console: `rich.console.Console`, for progress and the report of skipped lines.

    Returns:
        `TrainingCorpus`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    pairs = _pairs(recipe.data, folder, recipe.training.seed)
    source_tokenizer, target_tokenizer = _tokenizers(recipe, pairs, folder, console)
    report = SkipReport()
    with counter(console) as progress:
        task = progress.add_task("tokenising", done=0)
        corpus = prepare(
            pairs,
            folder / "corpus",
            source_tokenizer=source_tokenizer,
            target_tokenizer=target_tokenizer,
            max_source_length=recipe.data.max_source_length,
            max_target_length=recipe.data.max_target_length,
            valid_share=recipe.data.valid_share,
            test_share=recipe.data.test_share,
            alignments=_alignments(recipe),
            report=report,
            progress=lambda done: progress.update(task, done=done),
        )
    if report.num_skipped or report.notes:
        console.print(report.summary())
    if not len(corpus.valid):
        # Corpora that were prepared earlier may not know.
        few = few_sources(report.num_good, corpus.meta.get("num_sources"))
        few = few if recipe.data.valid_share else ""
        raise ValueError(
            f"no validation pair among {report.num_good:,} good ones"
            + (f". {few}" if few else "; raise data.valid_share, or give more data")
        )
    warn_without_test(len(corpus.test), console)
    return TrainingCorpus(
        corpus.train, corpus.valid, corpus.test, source_tokenizer, target_tokenizer
    )


def warn_without_test(count, console):
    """Says beforehand that the final scores will be of what chose the weights."""
    if not count:
        console.print(
            "warning: nothing is left to test on; the final scores will be of the "
            "validation split, which chooses the weights too and flatters them. Raise "
            "data.test_share, or give more data",
        )


def gold_alignments(recipe, corpus):
    """How the words of the test split are aligned, to measure attention by.

    Args:
        recipe: `Recipe` of the corpus.
        corpus: `TrainingCorpus`.

    Returns:
        For each pair of `corpus.test` a `GoldAlignment`, or a set of sure links
        `(source word, target word)`; None where neither the recipe nor its task knows.
    """
    sources, targets = corpus.test.texts()
    data = recipe.data
    if data.corpus in TASKS and not data.alignments:
        if not data.swap:
            return toy_gold(data.corpus, sources)
        links = ToyAlignments(data.corpus, swap=True)
        return [links(*pair) for pair in zip(sources, targets, strict=True)]
    if corpus.test.alignments is None:
        return None
    words = (
        piece_words(corpus.source_tokenizer, sources),
        piece_words(corpus.target_tokenizer, targets),
    )
    return list(map(word_links, corpus.test.alignments, *words))


def _alignments(recipe):
    """What `prepare` is to know of words that belong together."""
    data = recipe.data
    if data.alignments:
        return AlignmentFile(data.alignments, swap=data.swap)
    if data.corpus in TASKS and recipe.training.guided_alignment:
        return ToyAlignments(data.corpus, data.swap)
    return None


def check_corpus(data):
    """Finds out before anything is written whether there is what a recipe names.

    Args:
        data: `DataConfig`.

    Raises:
        ValueError: an unknown corpus, or a file that is not there.
    """
    path, names = Path(data.corpus), [*shipped_corpora(), *TASKS]
    named = data.corpus == "-" or (data.corpus in names and not path.exists())
    if not named and not path.exists() and path.name == data.corpus and not path.suffix:
        raise ValueError(
            unknown(f"data.corpus {data.corpus!r}", data.corpus, names)
            + "; or give the path of a file"
        )
    for key in ("corpus", "target", "alignments"):
        name = getattr(data, key)
        if not name or (key == "corpus" and named):
            continue
        if not Path(name).exists():
            raise ValueError(f"data.{key}: there is no file {name} (from {Path.cwd()})")
        if Path(name).is_dir():
            raise ValueError(f"data.{key}: {name} is a folder; give a file in it")


def _pairs(data, folder, seed):
    """What `prepare` reads, as often as it wants."""
    check_corpus(data)
    if data.corpus in TASKS:
        sizes = data.toy_count, data.toy_max_length
        return ToyPairs(data.corpus, *sizes, seed, data.swap)
    if data.corpus == "-":
        path = _keep_standard_input(folder / "standard-input.tsv")
        return PairFiles(path, swap=data.swap)
    path = Path(data.corpus)
    if path.exists():
        keys = {"source_key": data.source_key, "target_key": data.target_key}
        target = data.target or None
        return PairFiles(path, target_path=target, swap=data.swap, **keys)
    return PairFiles(corpus_path(data.corpus), swap=data.swap)


def _keep_standard_input(path):
    """Standard input comes once; tokenizer and corpus read it twice."""
    if not path.exists():
        with whole_file(path) as temporary, temporary.open("wb") as file:
            while block := sys.stdin.buffer.read(1 << 20):
                file.write(block)
    return path


def _tokenizers(recipe, pairs, folder, console):
    paths = [folder / "source.model", folder / "target.model"]
    if recipe.tokenizer.shared:
        paths[1] = paths[0]
    if not all(path.exists() for path in paths):
        config = recipe.tokenizer
        with counter(console) as progress:
            progress.add_task("training the tokenizer", done="")
            tokenizers = train_tokenizers(
                pairs,
                config.vocabulary_size,
                shared=config.shared,
                valid_share=recipe.data.valid_share,
                test_share=recipe.data.test_share,
                model_type=config.type,
                character_coverage=config.character_coverage,
                byte_fallback=config.byte_fallback,
            )
        for tokenizer, path in zip(tokenizers, paths, strict=True):
            with whole_file(path) as temporary:
                tokenizer.save(temporary)
    source = Tokenizer.load(paths[0])
    return source, source if paths[1] == paths[0] else Tokenizer.load(paths[1])


def counter(console):
    """A line that says what is being done, how far it is and since when."""
    return Progress(
        TextColumn("{task.description}"),
        TextColumn("{task.fields[done]}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
