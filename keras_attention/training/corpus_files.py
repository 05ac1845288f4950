"""What the `[data]` of a recipe names: corpora and files of their own, as parts."""

import dataclasses
import sys
from pathlib import Path

from keras_attention.data.corpora import corpus_path, shipped_corpora
from keras_attention.data.text.alignment_file import AlignmentFile
from keras_attention.data.text.pair_files import PairFiles
from keras_attention.data.text.parts import Part
from keras_attention.data.text.toy import TASKS, toy_alignment, toy_pairs
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


def check_corpus(data):
    """Finds out before anything is written whether there is what a recipe names.

    Args:
        data: `DataConfig`.

    Raises:
        ValueError: an unknown corpus, or a file that is not there.
    """
    for where, table in data.tables():
        named = _is_named(table.corpus)
        _check_name(f"{where}.corpus", table.corpus, named)
        for key in ("target", "alignments"):
            check_file(f"{where}.{key}", getattr(table, key))
    for _, where, table in data.held_out():
        _check_name(where, table.corpus, table.corpus in shipped_corpora())
        check_file(f"{where}_target", table.target)


def _check_name(where, name, named):
    path, names = Path(name), [*shipped_corpora(), *TASKS]
    if named and not path.exists():
        return
    if not path.exists() and path.name == name and not path.suffix:
        raise ValueError(
            unknown(f"{where} {name!r}", name, names) + "; or give the path of a file"
        )
    check_file(where, name)


def check_file(where, name):
    """Refuses a name, unless it is empty or that of a file."""
    if not name:
        return
    if not Path(name).exists():
        raise ValueError(f"{where}: there is no file {name} (from {Path.cwd()})")
    if Path(name).is_dir():
        raise ValueError(f"{where}: {name} is a folder; give a file in it")


def _is_named(corpus):
    return corpus in ("-", *shipped_corpora(), *TASKS)


def corpus_parts(recipe, folder):
    """What `prepare` reads, as often as it wants.

    Args:
        recipe: `Recipe`.
        folder: Path. Standard input is kept there.

    Returns:
        list of `Part`: the corpora, then files to validate and to test on.
    """
    data = recipe.data
    check_corpus(data)
    corpora = [
        Part(
            _pairs(data, table, folder, recipe.training.seed),
            name=table.corpus,
            tag=table.tag,
            alignments=_alignments(recipe, table),
        )
        for _, table in data.tables()
    ]
    held_out = [
        Part(_pairs(data, table, folder), table.corpus, split, table.tag)
        for split, _, table in data.held_out()
    ]
    return corpora + held_out


def _pairs(data, table, folder, seed=0):
    corpus, swap = table.corpus, table.swap
    if corpus in TASKS:
        return ToyPairs(corpus, data.toy_count, data.toy_max_length, seed, swap)
    if corpus == "-":
        path = _keep_standard_input(folder / "standard-input.tsv")
        return PairFiles(path, swap=swap)
    path = Path(corpus)
    if path.exists():
        keys = {"source_key": table.source_key, "target_key": table.target_key}
        target = table.target or None
        return PairFiles(path, target_path=target, swap=swap, **keys)
    return PairFiles(corpus_path(corpus), swap=swap)


def _alignments(recipe, table):
    """What `prepare` is to know of words that belong together."""
    if table.alignments:
        return AlignmentFile(table.alignments, swap=table.swap)
    if table.corpus in TASKS and recipe.training.guided_alignment:
        return ToyAlignments(table.corpus, table.swap)
    return None


def _keep_standard_input(path):
    """Standard input comes once; tokenizer and corpus read it twice."""
    if not path.exists():
        with whole_file(path) as temporary, temporary.open("wb") as file:
            while block := sys.stdin.buffer.read(1 << 20):
                file.write(block)
    return path
