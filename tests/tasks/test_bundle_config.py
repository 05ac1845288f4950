"""config.json says what it may, or a ValueError names the key that is wrong."""

import copy
import json
import math
import random
import shutil
import warnings

import pytest

from keras_attention.tasks import bundle_config, load
from keras_attention.tasks.captioner import Captioner
from keras_attention.tasks.translator import Translator
from tests.tasks.support import edit


@pytest.fixture
def folder(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "copy")


@pytest.fixture
def captioner_folder(captioner_bundle, tmp_path):
    return shutil.copytree(captioner_bundle, tmp_path / "captioner")


def change(path, place, value):
    """Puts a value where `place` says, as "model.config.num_layers"."""
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    *parents, name = place.split(".")
    table = config
    for parent in parents:
        table = table[parent]
    table[name] = value
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (
            "colour",
            "red",
            "config.json: unknown key 'colour'; the keys are decoding, f",
        ),
        ("task", None, "config.json: task must be str; received None"),
        ("task", ["translation"], "config.json: task must be str; received "),
        ("format", [2], r"bundle of format \[2\]; this version reads format 2"),
        ("package_version", "new", "package_version: Invalid version: 'new'"),
        ("package_version", 1, "package_version must be str; received 1"),
        ("model", [], r"model must be dict; received \[\]"),
        ("model.class_name", 3, "model.class_name must be str; received 3"),
        (
            "model.class_name",
            "keras_attention>LuongAttention",
            "holds a keras_attentio",
        ),
        (
            "model.classname",
            "x",
            "unknown key model.classname; the keys are class_name",
        ),
        ("model.config.num_layers", "2", "num_layers must be int; received '2'"),
        ("model.config.num_layers", True, "num_layers must be int; received True"),
        ("model.config.num_layers", 1.5, "num_layers must be int; received 1.5"),
        ("model.config.num_layers", 10**9, "num_layers must be at most 1000"),
        (
            "model.config.num_decoder_layers",
            10**9,
            "num_decoder_layers must be at most 1000",
        ),
        ("model.config.num_layer", 2, "unknown option 'num_layer' of Transformer"),
        (
            "model.config.model_dim",
            10**6,
            "weights.h5 is damaged, or of another model .* they sho",
        ),
        (
            "model.config.feed_forward_dim",
            10**30,
            "of another model than config.json says: they should",
        ),
        ("model.config.dropout", math.nan, "dropout must be a finite number; received"),
        (
            "model.config.dropout",
            None,
            "dropout must be a finite number; received None",
        ),
        ("model.config.norm_first", 1, "norm_first must be bool; received 1"),
        ("model.config.dtype", 16, "dtype must be str or dict or None; received 16"),
        ("model.config.dtype", {"a": 1}, "config.json: it describes no model: "),
        (
            "model.config.target_vocabulary_size",
            10**9,
            "is 1000000000, and the tokenize",
        ),
        ("decoding", [], r"config.json: decoding must be dict; received \[\]"),
        ("decoding.beem", 4, "unknown decoding option 'beem'; did you mean 'beam'"),
        (
            "decoding.beam",
            "4",
            "config.json: .*beam must be a whole number; received '4'",
        ),
        ("decoding.length_penalty", math.nan, "length_penalty must be a finite number"),
        ("tokenizers", {}, "tokenizers must be list; received {}"),
        (
            "tokenizers",
            [],
            r"tokenizers must be \['source.model'\], the files of a Tra",
        ),
        ("tokenizers", [["source.model"]], "tokenizers must be "),
        ("tokenizers", ["../source.model"], "tokenizers must be "),
        ("max_source_length", "9", "max_source_length must be int; received '9'"),
        ("max_source_length", 1, "config.json: max_source_length must be at least 2"),
        ("source_language", {}, "source_language must be str; received {}"),
        ("languages", [], r"languages must be dict; received \[\]"),
        (
            "languages",
            {"en": 5},
            r"languages: tokens must be strings; tokens\[0\] is of type int",
        ),
        ("training", [1], r"training must be dict; received \[1\]"),
        ("training.name", 7, "training.name must be str; received 7"),
        ("training.recipe", [], r"training.recipe must be dict; received \[\]"),
        ("training.recipe", {"data": 1}, "training.recipe.data must be dict; received"),
        ("sha256", "abc", "sha256 must be dict; received 'abc'"),
        (
            "sha256",
            {"../x": "0"},
            "unknown file sha256.../x; those with a checksum are",
        ),
        ("sha256", {"source.model": 1}, "sha256.source.model must be str; received 1"),
    ],
)
def test_what_is_wrong_is_named(folder, place, value, message):
    change(folder, place, value)
    with pytest.raises(ValueError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (
            "fit",
            "squeeze",
            "config.json: fit must be one of pad, crop, stretch; rec",
        ),
        ("fit", 1, "fit must be str; received 1"),
        ("source_language", "en", "unknown key 'source_language'; the keys are "),
        (
            "model.config.attention_units",
            "8",
            "attention_units must be int or None; re",
        ),
        ("model.config.encoder", None, "encoder must be str; received None"),
        (
            "model.config.units",
            10**7,
            "of another model than config.json says: they should",
        ),
    ],
)
def test_what_is_wrong_of_a_captioner_is_named(captioner_folder, place, value, message):
    change(captioner_folder, place, value)
    with pytest.raises(ValueError, match=message):
        Captioner.load(captioner_folder)


@pytest.mark.parametrize("name", ["config.json", "metrics.json"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "is damaged: it is nested too deeply"),
        ('{"a":' * 100_000, "is damaged: it is nested too deeply"),
        ('{"format": ' + "9" * 5000 + "}", "is damaged: "),
        ("null", "is damaged: expected an object, received None"),
        ("\ufeff{}", "is damaged: "),
    ],
)
def test_what_is_no_json_object_is_named(folder, name, text, message):
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"{name} {message}"):
        load(folder)


def test_what_is_nested_without_end_is_not_repeated_in_the_message(folder):
    value = []
    for _ in range(300):
        value = [value]
    change(folder, "model", value)
    with pytest.raises(
        ValueError, match=r"must be dict; received \[\[\[.*\.\.\."
    ) as told:
        load(folder)
    assert len(str(told.value)) < 500


@pytest.mark.parametrize("version", ["0.1.1", "0.10.0", "1.0.0.dev1", "0.1.0.post1"])
def test_a_newer_version_is_warned_of(folder, version):
    edit(folder, package_version=version)
    wanted = f"was written by keras-attention-models {version}, which is newer than"
    with pytest.warns(UserWarning, match=wanted) as warned:
        Translator.load(folder)
    assert len(warned) == 1
    assert warned[0].filename == __file__


@pytest.mark.parametrize("version", ["0.0.10", "0.1.0rc1", "0.1", None])
def test_an_older_version_or_this_one_is_not(folder, version):
    edit(folder, package_version=version)
    assert Translator.load(folder).max_source_length == 40


def test_what_a_newer_version_may_know_is_told_as_such(folder):
    edit(folder, package_version="2.0", rhymes=True)
    with (
        pytest.warns(UserWarning, match="which is newer"),
        pytest.raises(
            ValueError, match="unknown key 'rhymes'.* Update keras-attention"
        ),
    ):
        load(folder)


VALUES = (
    *(None, True, 0, -1, 2.5, 10**9, 10**25, -(10**12), math.nan, math.inf, "", "x"),
    *([], [None], {}, {"a": None}, [[[[]]]], "\ud800", "0" * 1000),
)


def places(table, before=()):
    """Every key of nested dicts, as a path."""
    for name, value in table.items():
        yield (*before, name)
        if isinstance(value, dict):
            yield from places(value, (*before, name))


@pytest.mark.parametrize("kind", ["translation", "captioning"])
def test_no_edit_gives_another_error_than_a_value_error(
    folder, captioner_folder, kind, monkeypatch
):
    path = {"translation": folder, "captioning": captioner_folder}[kind]
    original = json.loads((path / "config.json").read_text(encoding="utf-8"))
    # Fast and without memory: what follows building are the weights, checked elsewhere.
    monkeypatch.setattr("keras.Model.load_weights", lambda *_: None)
    rng = random.Random(0)
    refused = 0
    for place in places(original):
        for value in rng.sample(VALUES, 2):
            config = copy.deepcopy(original)
            table = config
            for parent in place[:-1]:
                table = table[parent]
            if rng.random() < 0.2:
                table[f"{place[-1]}_"] = value
            elif rng.random() < 0.1:
                del table[place[-1]]
            else:
                table[place[-1]] = value
            (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    load(path)
                except ValueError as error:
                    assert str(path) in str(error), (place, value)
                    refused += 1
    assert refused > 40


def test_the_keys_are_those_that_are_written(bundle, captioner_bundle):
    for path, kind in ((bundle, Translator), (captioner_bundle, Captioner)):
        written = json.loads((path / "config.json").read_text(encoding="utf-8"))
        known = {"format", *bundle_config.NEEDED, *bundle_config.OPTIONAL, *kind.fields}
        assert set(written) == known
