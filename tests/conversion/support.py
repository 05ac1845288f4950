"""Checkpoints that transformers wrote, and what they made of them."""

import json
import shutil
from functools import cache
from pathlib import Path

import numpy as np

from keras_attention.conversion.marian_config import read_config
from keras_attention.conversion.marian_vocabulary import read_vocabulary

CHECKPOINTS = Path(__file__).parent / "checkpoints"
MULTILINGUAL = Path(__file__).parent / "multilingual"
NAMES = sorted(path.name for path in CHECKPOINTS.iterdir())


@cache
def expected(name):
    """Texts, their ids, what was fed to the decoder, and both translations."""
    return json.loads((CHECKPOINTS / name / "expected.json").read_text("utf-8"))


def expected_logits(name):
    with np.load(CHECKPOINTS / name / "expected.npz") as arrays:
        return arrays["logits"]


@cache
def imported(name):
    """The `Translator` of a checkpoint; left as it is."""
    from keras_attention import Translator

    return Translator.from_marian(CHECKPOINTS / name)


@cache
def expected_multilingual(name):
    """As `expected`, and the pair of languages."""
    return json.loads((MULTILINGUAL / name / "expected.json").read_text("utf-8"))


@cache
def imported_multilingual(name):
    """The `Translator` of "m2m100" or "nllb"; left as it is."""
    from keras_attention import Translator

    source, target = expected_multilingual(name)["languages"]
    return Translator.from_m2m100(
        MULTILINGUAL / name, source_language=source, target_language=target
    )


def our_ids(name, ids, side):
    """Their ids in our numbers; side is "source" or "target"."""
    folder = CHECKPOINTS / name
    config = read_config(folder)
    separate = not config.share_embeddings and side == "target"
    file = "target_vocab.json" if separate else "vocab.json"
    size = config.target_vocabulary_size if separate else config.vocabulary_size
    known = read_vocabulary(
        folder / file, size, config.pad_id, "<unk>", "</s>", config.start_id
    )
    ours = {int(row): i for i, row in enumerate(known.rows) if i != 2}
    return [ours[i] for i in ids]


def padded(rows):
    longest = max(map(len, rows))
    return np.array([[*row, *[0] * (longest - len(row))] for row in rows])


def copy_of(name, folder, **changes):
    """A copy of a checkpoint, with keys of its config.json changed (None: left out)."""
    path = folder / name
    shutil.copytree(CHECKPOINTS / name, path)
    edit_json(path / "config.json", **changes)
    return path


def edit_json(path, **changes):
    table = json.loads(path.read_text("utf-8")) | changes
    table = {key: value for key, value in table.items() if value is not None}
    path.write_text(json.dumps(table), "utf-8")
