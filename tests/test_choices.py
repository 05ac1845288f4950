"""Each list of words stands once; command line and descriptions say what it says."""

import ast
import dataclasses
import inspect
import re
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

import keras_attention
from keras_attention.cli import bundles
from keras_attention.cli.app import app
from keras_attention.data.images.augmentation import Augmentation
from keras_attention.data.images.files import SUFFIXES
from keras_attention.data.images.fit import FITS
from keras_attention.data.scenes.things import ARTIST_CHOICES
from keras_attention.data.splits import SPLITS
from keras_attention.data.text.readers import FORMATS as PAIR_FORMATS
from keras_attention.data.text.readers import read_pairs
from keras_attention.decoding.options import WORDS
from keras_attention.export import WRITERS
from keras_attention.layers.luong import SCORES, LuongAttention
from keras_attention.layers.recurrent import CELLS
from keras_attention.models import recurrent
from keras_attention.models import recurrent_captioner as captioner
from keras_attention.models.caption_decoders import INJECTIONS
from keras_attention.models.families import FAMILIES
from keras_attention.tasks.captioner import Captioner
from keras_attention.tasks.translator import Translator
from keras_attention.training.recipe import (
    DATA_TABLES,
    METRICS,
    CaptionDataConfig,
    Recipe,
    choices,
)
from keras_attention.training.trainer import WORK
from keras_attention.training.translation import TranslationValidation
from tests.cli.support import run


def literals():
    """Of each set of words that the package writes as a tuple, list or set: where."""
    found = {}
    root = Path(keras_attention.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
                values = [each.value for each in node.elts if hasattr(each, "value")]
                if len(values) == len(node.elts) and all(
                    isinstance(value, str) for value in values
                ):
                    place = f"{path.relative_to(root)}:{node.lineno}"
                    found.setdefault(frozenset(values), []).append(place)
    return found


def test_a_list_of_words_is_written_once():
    known = [SPLITS, *map(tuple, WORDS.values()), SUFFIXES, PAIR_FORMATS]
    for task in DATA_TABLES:
        known += choices(task, of_scenes=task == "captioning").values()
    places = literals()
    for each in known:
        if len(each) > 2:  # two words may well be something else
            assert len(places.get(frozenset(each), [])) <= 1, each


# A pair in every format that is known.
PAIRS = {
    "auto": "a\tb\n",
    "tsv": "a\tb\n",
    "csv": "a,b\n",
    "paired": "a\n",
    "jsonl": '{"source": "a", "target": "b"}\n',
}


@pytest.mark.parametrize("word", PAIR_FORMATS)
def test_a_format_of_pairs_that_is_known_is_read(tmp_path, word):
    path, target_path = tmp_path / "source", tmp_path / "target"
    path.write_text(PAIRS[word])
    target_path.write_text("b\n")
    target = target_path if word == "paired" else None
    (pair,) = read_pairs(path, target_path=target, format=word)
    assert (pair.source, pair.target) == ("a", "b")


def test_another_format_of_pairs_is_refused_with_all_that_are_known(tmp_path):
    with pytest.raises(ValueError, match="one of auto, tsv, csv, paired, jsonl; rec"):
        list(read_pairs(tmp_path / "source", format="table"))


COMMANDS = typer.main.get_command(app).commands


@pytest.mark.parametrize(
    ("command", "option", "known"),
    [
        ("features", "fit", FITS),
        ("evaluate", "artist", ARTIST_CHOICES),
        ("evaluate", "split", SPLITS),
        *(
            ("translate", *each)
            for each in WORDS.items()
            if each[0] not in ("score_forced", "force_end")
        ),
    ],
)
def test_the_command_line_names_the_words_that_are_taken(command, option, known):
    (found,) = (p for p in COMMANDS[command].params if p.name == option)
    assert ", ".join(known) in found.help


def test_all_that_is_kept_by_task_knows_the_same_tasks():
    tasks = {kind.task for kind in (Translator, Captioner)}
    for kept in (DATA_TABLES, METRICS, FAMILIES, WORK, WRITERS, bundles.COMMANDS):
        assert set(kept) == tasks


def test_a_recipe_has_the_keys_of_an_augmentation():
    keys = {field.name for field in dataclasses.fields(CaptionDataConfig)}
    assert {field.name for field in dataclasses.fields(Augmentation)} <= keys


def test_translations_have_the_scores_that_may_decide():
    class Said(NamedTuple):
        text: str

    class Echo:
        target_language = "de"

        def translate(self, sources, **options):
            return [Said(source) for source in sources]

    scores = TranslationValidation(Echo(), ["ein Haus"], ["ein Haus"])()
    assert tuple(scores) == METRICS["translation"]


@pytest.mark.parametrize(
    ("model_class", "option", "known"),
    [
        (recurrent.RecurrentSeq2Seq, "attention", recurrent.ATTENTIONS),
        (recurrent.RecurrentSeq2Seq, "score", SCORES),
        (recurrent.RecurrentSeq2Seq, "cell", CELLS),
        (
            captioner.RecurrentCaptioner,
            "attention",
            captioner.ATTENTIONS,
        ),
        (
            captioner.RecurrentCaptioner,
            "readout",
            captioner.READOUTS,
        ),
        (captioner.RecurrentCaptioner, "inject", INJECTIONS),
        (captioner.RecurrentCaptioner, "cell", CELLS),
        (LuongAttention, "score", SCORES),
    ],
)
def test_the_description_of_a_model_names_the_words_that_it_takes(
    model_class, option, known
):
    documented = inspect.cleandoc(model_class.__doc__).split("Args:")[1]
    text = re.search(rf"^ +{option}: (.*(?:\n {{6}}.*)*)", documented, re.M)[1]
    named = set(re.findall(r'"([a-z]+)"', text)) - {"none"}
    assert named == {word for word in known if word}
    if None in known:
        assert "None" in text


def test_a_language_that_scenes_do_not_speak_is_refused_with_the_recipe():
    data = CaptionDataConfig(corpus="scenes", language="it")
    with pytest.raises(ValueError, match="unknown data.language 'it'.*en, de, fr, es"):
        Recipe(task="captioning", data=data)
    files = dataclasses.replace(data, corpus="captions.csv")
    assert Recipe(task="captioning", data=files).data.language == "it"


def test_words_on_the_command_line_are_refused_before_anything_is_loaded(capsys):
    argv = ["features", "no-encoder", "a.png", "--out", "x", "--fit", "squash"]
    code, _, error = run(argv, capsys)
    assert code and "fit must be one of pad, crop, stretch" in error
