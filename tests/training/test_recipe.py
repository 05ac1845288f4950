"""Recipes are read strictly, changed by --set, and written back as they were."""

import dataclasses

import pytest

from keras_attention.training.recipe import (
    DataConfig,
    Recipe,
    TrainingConfig,
    load_recipe,
)
from keras_attention.training.recipe_keys import (
    AUGMENTATIONS,
    BELOW_ONE,
    LEAST,
    LEAST_OF_DATA,
    CaptionDataConfig,
)

RECIPE = """# A title.
[data]
corpus = "copy"

[model]
preset = "tiny"
norm_first = true
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def test_a_file_names_its_recipe_and_leaves_the_rest_to_defaults(path):
    recipe = load_recipe(path)
    assert recipe.name == "mine"
    assert recipe.data == DataConfig(corpus="copy")
    assert recipe.training == TrainingConfig()
    assert (recipe.model.preset, recipe.model.options) == ("tiny", {"norm_first": True})


@pytest.mark.parametrize(
    ("override", "place", "value"),
    [
        ("training.max_steps=100", "training.max_steps", 100),
        ("training.max_steps = 100", "training.max_steps", 100),
        ("training.learning_rate=3e-4", "training.learning_rate", 3e-4),
        ("training.clip_norm=2", "training.clip_norm", 2.0),
        ("data.corpus=pairs.tsv", "data.corpus", "pairs.tsv"),
        ("data.corpus=a=b#c.tsv", "data.corpus", "a=b#c.tsv"),
        ('data.corpus="my pairs.tsv"', "data.corpus", "my pairs.tsv"),
        ("data.corpus=my pairs.tsv", "data.corpus", "my pairs.tsv"),
        ("data.corpus=-", "data.corpus", "-"),
        ("data.swap=true", "data.swap", True),
        ("tokenizer.shared=false", "tokenizer.shared", False),
        ("training.jit_compile=true", "training.jit_compile", "true"),
        ("decoding.beam=8", "decoding.beam", 8),
        ("name=other", "name", "other"),
    ],
)
def test_set_changes_one_value(path, override, place, value):
    found = load_recipe(path, [override])
    for part in place.split("."):
        found = getattr(found, part)
    assert (found, type(found)) == (value, type(value))


def test_set_reaches_the_options_of_the_model(path):
    recipe = load_recipe(path, ["model.dropout=0.3", "model.preset=base"])
    assert recipe.model.preset == "base"
    assert recipe.model.options == {"norm_first": True, "dropout": 0.3}


def test_the_last_set_wins(path):
    changes = ["training.seed=2", "training.seed=3"]
    assert load_recipe(path, changes).training.seed == 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.max_step=1", "did you mean 'max_steps'"),
        ("trainin.max_steps=1", "unknown table or key 'trainin'; did you mean 'train"),
        ("training.max_steps=many", "training.max_steps must be of type int; received"),
        ("training.max_steps=0", "training.max_steps must be at least 1; received 0"),
        ("training.accumulation_steps=0", "accumulation_steps must be at least 1"),
        ("training.validation_sentences=0", "validation_sentences must be at least 1"),
        ("training.doubly_stochastic=nan", "doubly_stochastic must be"),
        ("data.max_target_length=0", "data.max_target_length must be at least 1"),
        ("data.toy_count=-1", "data.toy_count must be at least 1; received -1"),
        ("training.max_minutes=-1", "max_minutes must be at least 0; received -1.0"),
        ("training.max_minutes=nan", "max_minutes must be a finite number; received"),
        ("training.learning_rate=nan", "learning_rate must be a finite number"),
        ("training.learning_rate=inf", "learning_rate must be a finite number"),
        ("training.label_smoothing=nan", "smoothing must be at least 0 and below 1"),
        (
            "training.label_smoothing=1",
            "smoothing must be at least 0 and below 1",
        ),
        ("training.ema_momentum=-0.1", "ema_momentum must be at least 0 and below 1"),
        ("training.schedule=cosin", "training.schedule 'cosin'; did you mean 'cosine'"),
        ("training.precision=float16", "known are: float32, mixed_bfloat16, mixed_fl"),
        ("training.optimizer=sgd", "unknown training.optimizer 'sgd'; known are: adam"),
        ("training.validation_metric=BLEU", "known are: .*bleu, chrf, exact"),
        ("training.jit_compile=maybe", "known are: auto, true, false"),
        ("tokenizer.type=unigramm", "did you mean 'unigram'"),
        ("model.family=rnn", "unknown model.family 'rnn'"),
        ("model.family=5", "unknown model.family 5"),
        ("task=caption", "unknown task 'caption'; did you mean 'captioning'"),
        ("data.corpus=", "data.corpus is missing: name a shipped corpus"),
        ("decoding.beam=0", "beam must be at least 1; received 0"),
        (
            "decoding.beam=2.5",
            r"\[decoding\]: beam must be a whole number; received 2.5",
        ),
        ("decoding.beam=true", r"\[decoding\]: beam must be a whole number"),
        ("decoding.length_penalty=nan", "length_penalty must be a finite number"),
        ("decoding.beams=2", "unknown decoding option 'beams'; did you mean 'beam'"),
        ("decoding.unknown=never", "unknown must be one of forbid, allow, copy"),
        ("decoding=4", r"\[decoding\] must be a table"),
        ("decoding.n_best=9", "n_best=9 hypotheses cannot come out of beam=4"),
        ("name=a b", "name must be a folder name without spaces or slashes"),
        ("name=..", "name must be a folder name"),
        (
            "model=small",
            r"\[model\] must be a table of keys and values; received 'small'",
        ),
        ("training=5", r"\[training\] must be a table of keys and values; received 5"),
        ("name.x=1", r"--set name.x=1: name is not a table"),
        (
            "training.seed",
            "--set takes table.key=value, as training.max_steps=100",
        ),
        ("=5", "--set takes table.key=value"),
    ],
)
def test_a_wrong_set_says_what_would_be_right(path, override, message):
    overrides = ["name=mine", override] if override.startswith("name.") else [override]
    with pytest.raises(ValueError, match=message):
        load_recipe(path, overrides)


def test_languages_that_contradict_the_corpus_are_refused():
    with pytest.raises(ValueError, match="from de to en, and the recipe says from en"):
        load_recipe("help-en-de-small", ["data.swap=true"])
    languages = ["data.source_language=de", "data.target_language=en"]
    with pytest.raises(ValueError, match="set data.swap=true, or exchange data.source"):
        load_recipe("help-en-de-small", languages)
    recipe = load_recipe("help-en-de-small", ["data.swap=true", *languages])
    assert recipe.data.languages() == ("de", "en")


def test_languages_that_are_not_given_come_from_the_corpus():
    assert DataConfig(corpus="bible-en-es").languages() == ("en", "es")
    assert DataConfig(corpus="bible-en-es", swap=True).languages() == ("es", "en")
    assert DataConfig(corpus="sort", target_language="x").languages() == ("", "x")


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"'revers'; did you mean 'reverse'.*\.toml"):
        load_recipe("revers")
    with pytest.raises(ValueError, match="there is no recipe file .*none.toml"):
        load_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize("content", [b"[data", b"\xff\xfe", b"corpus = copy"])
def test_a_file_that_is_not_toml(tmp_path, content):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="broken.toml is not a TOML file"):
        load_recipe(path)


def test_what_a_run_keeps_makes_the_same_recipe(tmp_path, path):
    recipe = load_recipe(
        path, ['data.corpus="odd \\"name\\" \\\\ \\u007f.tsv"', "model.activation=gelu"]
    )
    kept = tmp_path / "kept.toml"
    kept.write_text(recipe.to_toml(), encoding="utf-8")
    assert load_recipe(kept) == recipe
    assert Recipe.from_tables(recipe.to_tables()) == recipe


@pytest.mark.parametrize("key", ["max_steps", "max_minutes", "patience"])
def test_a_resumed_run_may_go_on_for_longer(path, key):
    longer = load_recipe(path, [f"training.{key}=77"])
    assert longer.fingerprint() == load_recipe(path).fingerprint()


@pytest.mark.parametrize(
    "change", ["training.seed=2", "model.dropout=0.4", "data.toy_count=5"]
)
def test_a_resumed_run_may_not_become_another(path, change):
    assert load_recipe(path, [change]).fingerprint() != load_recipe(path).fingerprint()


def test_recipes_cannot_be_changed_by_accident(path):
    with pytest.raises(dataclasses.FrozenInstanceError):
        load_recipe(path).training.seed = 5


def test_guided_alignment_needs_alignments(path):
    guided = "training.guided_alignment=0.05"
    assert load_recipe(path, [guided]).training.guided_alignment == 0.05
    corpus = "data.corpus=pairs.tsv"
    load_recipe(path, [guided, corpus, "data.alignments=pairs.align"])
    with pytest.raises(ValueError, match=r"links in data\.alignments, take a toy task"):
        load_recipe(path, [guided, corpus])
    with pytest.raises(ValueError, match="guided_alignment must be at least 0"):
        load_recipe(path, ["training.guided_alignment=-1"])


def test_what_is_nested_without_end_is_no_recipe(tmp_path):
    path = tmp_path / "deep.toml"
    path.write_text("data = " + "[" * 100_000)
    with pytest.raises(ValueError, match="deep.toml is not a TOML file"):
        load_recipe(path)
    with pytest.raises(ValueError, match="training.max_steps must be "):
        load_recipe("copy", ["training.max_steps=" + "[" * 100_000])


def test_no_limit_may_be_said_by_infinity(path):
    recipe = load_recipe(path, ["training.max_minutes=inf", "training.clip_norm=inf"])
    assert (recipe.training.max_minutes, recipe.training.clip_norm) == (0.0, 0.0)


def test_numbers_are_checked_in_python_too():
    with pytest.raises(ValueError, match="max_steps must be a whole number"):
        Recipe(data=DataConfig("copy"), training=TrainingConfig(max_steps=2.5))


@pytest.mark.parametrize("config", [TrainingConfig, DataConfig, CaptionDataConfig])
def test_every_number_has_its_bounds(config):
    """Shares and augmentations are checked where they are used."""
    elsewhere = {"valid_share", "test_share", "epsilon", *AUGMENTATIONS}
    least = LEAST if config is TrainingConfig else LEAST_OF_DATA
    numbers = {
        field.name
        for field in dataclasses.fields(config)
        if type(field.default) in (int, float)
    }
    assert numbers <= {*least, *BELOW_ONE, *elsewhere}
