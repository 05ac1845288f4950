"""From a recipe to a prepared corpus with its tokenizers."""

import dataclasses
from pathlib import Path
from typing import Any

from rich.progress import Progress, TextColumn, TimeElapsedColumn

from keras_attention.data.report import SkipReport
from keras_attention.data.text.alignments import subword_words, word_links
from keras_attention.data.text.distinct_sources import few_sources
from keras_attention.data.text.toy import TASKS
from keras_attention.data.text.translations import prepare, train_tokenizers
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.evaluation.alignments import toy_gold
from keras_attention.files import whole_file
from keras_attention.training.corpus_files import (
    ToyAlignments,
    check_file,
    corpus_parts,
)
from keras_attention.training.data_checks import check_sampling


@dataclasses.dataclass(frozen=True)
class TrainingCorpus:
    """The three splits of a prepared corpus, and what made ids of them.

    `parts` are those of `PreparedCorpus`, the corpora first.
    """

    train: Any
    valid: Any
    test: Any
    source_tokenizer: Tokenizer
    target_tokenizer: Tokenizer
    parts: list[dict[str, Any]] = dataclasses.field(default_factory=list)


def prepare_corpus(recipe, folder, console, tokenizers=None):
    """Trains tokenizers and tokenises, or opens what was prepared before.

    Args:
        recipe: `Recipe`.
        folder: path. Tokenizers and arrays are kept here.
        console: `rich.console.Console`, for progress and the report of skipped lines.
        tokenizers: `[source, target]`, optional: these, and none are trained.

    Returns:
        `TrainingCorpus`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parts = corpus_parts(recipe, folder)
    source_tokenizer, target_tokenizer = _tokenizers(
        recipe, parts, folder, console, tokenizers
    )
    reports = [SkipReport() for _ in parts]
    with counter(console) as progress:
        task = progress.add_task("tokenising", done=0)
        corpus = prepare(
            parts,
            folder / "corpus",
            source_tokenizer=source_tokenizer,
            target_tokenizer=target_tokenizer,
            max_source_length=recipe.data.max_source_length,
            max_target_length=recipe.data.max_target_length,
            valid_share=recipe.data.valid_share,
            test_share=recipe.data.test_share,
            report=reports,
            progress=lambda done: progress.update(task, done=done),
        )
    for part, report in zip(parts, reports, strict=True):
        if len(parts) > 1:
            console.print(f"{part.name}: {report.summary()}")
        elif report.num_skipped or report.notes:
            console.print(report.summary())
    _check_splits(recipe.data, corpus, reports)
    warn_without_test(len(corpus.test), console)
    return TrainingCorpus(
        corpus.train,
        corpus.valid,
        corpus.test,
        source_tokenizer,
        target_tokenizer,
        corpus.parts,
    )


def _check_splits(data, corpus, reports):
    """Refuses to train where there is nothing to validate on."""
    for split, where, table in data.held_out():
        if not len(getattr(corpus, split)):
            raise ValueError(
                f"{where}: expected pairs that can be used; received {table.corpus}, "
                "which has none: see data.max_source_length and data.max_target_length"
            )
    if not len(corpus.valid):
        # Of the corpora alone: files of their own are held out whole.
        num_good = sum(report.num_good for report in reports[: len(data.tables())])
        # Corpora that were prepared earlier may not know.
        few = few_sources(num_good, corpus.meta.get("num_sources"))
        few = few if data.valid_share else ""
        raise ValueError(
            f"no validation pair among {num_good:,} good ones"
            + (
                f". {few}"
                if few
                else "; raise data.valid_share, give more data, or name a file in "
                "data.validation"
            )
        )


def warn_without_test(count, console):
    """Says beforehand that the final scores will be of what chose the weights."""
    if not count:
        console.print(
            "warning: nothing is left to test on; the final scores will be of the "
            "validation split, which chooses the weights too and flatters them. Raise "
            "data.test_share, give more data, or name a file in data.test",
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
    if data.test:
        return None
    if data.corpus in TASKS and not data.alignments:
        if not data.swap:
            return toy_gold(data.corpus, sources)
        links = ToyAlignments(data.corpus, swap=True)
        return [links(*pair) for pair in zip(sources, targets, strict=True)]
    if corpus.test.alignments is None:
        return None
    words = (
        subword_words(corpus.source_tokenizer, sources),
        subword_words(corpus.target_tokenizer, targets),
    )
    return list(map(word_links, corpus.test.alignments, *words))


def _tokenizers(recipe, parts, folder, console, given=None):
    config = recipe.tokenizer
    paths = [folder / "source.model", folder / "target.model"]
    if config.shared:
        paths[1] = paths[0]
    if not given and config.model:
        given = given_tokenizers(config, recipe.symbols())
    if given:
        keep_tokenizers(given, paths)
    elif not all(path.exists() for path in paths):
        with counter(console) as progress:
            progress.add_task("training the tokenizer", done="")
            tokenizers = train_tokenizers(
                parts,
                config.vocabulary_size,
                shared=config.shared,
                valid_share=recipe.data.valid_share,
                test_share=recipe.data.test_share,
                model_type=config.type,
                character_coverage=config.character_coverage,
                byte_fallback=config.byte_fallback,
                user_defined_symbols=recipe.symbols(),
            )
        for tokenizer, path in zip(tokenizers, paths, strict=True):
            _save(tokenizer, path)
    source = Tokenizer.load(paths[0])
    for tag in recipe.data.tags():
        check_tag(source, tag)
    return source, source if paths[1] == paths[0] else Tokenizer.load(paths[1])


def given_tokenizers(config, symbols=()):
    """The models that a recipe names, with the ids of this package.

    Args:
        config: `TokenizerConfig` whose `model` is given.
        symbols: list of str. They get ids of their own, where they have none.

    Returns:
        `(source, target)`, both `Tokenizer`.

    Raises:
        ValueError: no such file, or it holds something else.
    """
    names = {"model": config.model, "target_model": config.target_model or config.model}
    for key, name in names.items():
        check_file(f"tokenizer.{key}", name)
    tokenizers = [
        Tokenizer.load(name, renumber=True).with_symbols(symbols)
        for name in names.values()
    ]
    check_sampling(config, sorted({tokenizer.model_type for tokenizer in tokenizers}))
    return tokenizers


def check_tag(tokenizer, tag):
    """Refuses a tag that a tokenizer would cut.

    Args:
        tokenizer: `Tokenizer`, of sources.
        tag: str, such as "<2de>".

    Raises:
        ValueError: it is no token of its own.
    """
    tokens = tokenizer.ids_to_tokens(tokenizer.encode([tag])[0])
    if "".join(tokens[-1:]).lstrip("▁") != tag:
        raise ValueError(
            f"expected a tag that is one token of the source; received {tag!r}, which "
            f"is cut into {' '.join(tokens) or 'nothing'}: name one that the tokenizer "
            "was made with, in data.corpora or tokenizer.user_defined_symbols"
        )


def keep_tokenizers(tokenizers, paths):
    """Writes tokenizers that are given to where new ones would be.

    Args:
        tokenizers: iterable of `Tokenizer`.
        paths: list of Path.

    Raises:
        ValueError: others are there, with which a corpus may have been prepared.
    """
    for tokenizer, path in zip(tokenizers, paths, strict=True):
        if not path.exists():
            _save(tokenizer, path)
        elif Tokenizer.load(path) != tokenizer:
            raise ValueError(
                f"{path} is another model than tokenizer.model and target_model, or "
                "training.start, of the recipe give: choose another folder than "
                f"{path.parent}"
            )


def _save(tokenizer, path):
    with whole_file(path) as temporary:
        tokenizer.save(temporary)


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
