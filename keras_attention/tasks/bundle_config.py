"""What a bundle's config.json may say: every key is known, every value of its kind.

It may be edited by hand: other options for decoding, say. So it has no checksum, and
what is mistyped is named; the weights and the tokenizers, which nobody edits, have.
"""

import contextlib
import reprlib
import warnings
from pathlib import Path

from packaging.version import InvalidVersion, Version

from keras_attention.checks import is_kind, kind_name
from keras_attention.files import read_json

CONFIG = "config.json"
FORMAT = 2
WEIGHTS = "model.weights.h5"
NEEDED = {
    "task": str,
    "model": dict,
    "decoding": dict,
    "tokenizers": list,
    "training": dict,
}
# Which bundles of an early version lack, or nobody needs.
OPTIONAL = {"package_version": str, "keras_version": str, "sha256": dict}
MODEL = {"class_name": str, "config": dict}
# What is read of the notes on training, which are free beyond that.
TRAINING = {"name": str, "recipe": dict}
UPDATE = "Update keras-attention-models"


def read_config(path):
    """What config.json says; whatever the task, each key that all bundles have is there
    and of its kind.

    Args:
        path: Path of the bundle.

    Raises:
        ValueError: with the file and the key that is wrong.
    """
    config = read_json(path / CONFIG)
    with naming(path):
        if config.get("format") != FORMAT:
            raise ValueError(
                f"this is a bundle of format {reprlib.repr(config.get('format'))}; "
                f"this version reads format {FORMAT}. {UPDATE}, or write it anew"
            )
        _check_kinds(config, NEEDED, "")
        present = {name: OPTIONAL[name] for name in OPTIONAL if name in config}
        _check_kinds(config, present, "")
    return config


def check_config(path, config, task_class):
    """Checks what `read_config` gave, for a kind of task; warns of a newer version.

    Args:
        path: Path of the bundle.
        config: dict.
        task_class: `Translator` or `Captioner`.

    Raises:
        ValueError: with the file and the key that is wrong or unknown.
    """
    with naming(path):
        is_newer = _is_newer(config)
        if is_newer:
            warnings.warn(
                f"{path} was written by keras-attention-models "
                f"{config['package_version']}, which is newer than this version and "
                f"may mean something else by it. {UPDATE}",
                stacklevel=6,
            )
        _check_kinds(config, task_class.fields, "")
        optional = task_class.optional_fields
        _check_kinds(config, {n: optional[n] for n in optional if n in config}, "")
        known = {"format", *NEEDED, *OPTIONAL, *task_class.fields, *optional}
        for name in config:
            if name not in known:
                hint = f" {UPDATE}, which this one is older than" if is_newer else ""
                raise ValueError(
                    f"unknown key {reprlib.repr(name)}; the keys are "
                    f"{', '.join(sorted(known))}.{hint}"
                )
        _check_kinds(config["model"], MODEL, "model.", complete=True)
        notes = config["training"]
        _check_kinds(
            notes, {n: TRAINING[n] for n in TRAINING if n in notes}, "training."
        )
        for name, table in notes.get("recipe", {}).items():
            if name in ("data", "model", "training") and not isinstance(table, dict):
                raise ValueError(_message(f"training.recipe.{name}", table, dict))
        _check_tokenizers(config, task_class)
        _check_sums(config)


@contextlib.contextmanager
def naming(path):
    """Says of errors that they are in a bundle's config.json."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{Path(path) / CONFIG}: {error}") from error


def _check_kinds(table, kinds, where, complete=False):
    for name, kind in kinds.items():
        if name not in table:
            raise ValueError(f"it is damaged: it lacks {where}{name}")
        if not is_kind(table[name], kind):
            raise ValueError(_message(f"{where}{name}", table[name], kind))
    for name in table if complete else ():
        if name not in kinds:
            raise ValueError(
                f"unknown key {where}{name!s:.60}; the keys are {', '.join(kinds)}"
            )


def _message(name, value, kind):
    return f"{name} must be {kind_name(kind)}; received {reprlib.repr(value)}"


def _is_newer(config):
    """Whether a newer version of this package wrote it, as far as it says."""
    from keras_attention import __version__

    if "package_version" not in config:
        return False
    try:
        return Version(config["package_version"]) > Version(__version__)
    except InvalidVersion as error:
        raise ValueError(f"package_version: {error}") from None


def _check_tokenizers(config, task_class):
    names = config["tokenizers"]
    wanted = sorted(task_class.tokenizer_files(config))
    if not all(isinstance(name, str) for name in names) or sorted(names) != wanted:
        raise ValueError(
            f"tokenizers must be {wanted}, the files of a {task_class.__name__}; "
            f"received {reprlib.repr(names)}"
        )


def _check_sums(config):
    known = [WEIGHTS, *config["tokenizers"]]
    for name, value in config.get("sha256", {}).items():
        if name not in known:
            raise ValueError(
                f"unknown file sha256.{name!s:.60}; those with a checksum are "
                f"{', '.join(known)}"
            )
        if not isinstance(value, str):
            raise ValueError(_message(f"sha256.{name}", value, str))
