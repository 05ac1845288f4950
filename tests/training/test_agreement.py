"""What a recipe does not say is what the bundle says that it starts from."""

import shutil
from types import SimpleNamespace

import pytest

from keras_attention.decoding.options import DecodingOptions
from keras_attention.training.recipe import (
    DataConfig,
    Recipe,
    TrainingConfig,
    load_recipe,
)
from keras_attention.training.trainer import Trainer
from tests.training.support import quiet
from tests.training.test_start import caption_tables, configure, edited, tables
from tests.translators import OPTIONS


@pytest.fixture
def corpus(tmp_path):
    """A file that is found, and not read."""
    path = tmp_path / "pairs.tsv"
    path.write_text("Save\tSichern\n")
    return path


def opened(recipe, folder):
    """`(trainer, translator)` of a recipe, untrained."""
    trainer = Trainer(recipe, folder, quiet())
    trainer._open_start()
    model = trainer._built_model(None, trainer._model_options())
    corpus = SimpleNamespace(**trainer.start.tokenizers)
    return trainer, trainer.work.wrap(model, corpus, folder)


@pytest.mark.parametrize(
    ("decoding", "expected"),
    [
        (None, {}),
        ({"beam": 2}, {"beam": 2}),
        ({"n_best": 4}, {"beam": 4, "n_best": 4}),
        # What a recipe says is said, even if it is so by default.
        ({"max_length_ratio": 2.0}, {"max_length_ratio": 2.0}),
    ],
)
def test_decoding_is_the_bundles_where_the_recipe_does_not_say_it(
    bundle, corpus, tmp_path, decoding, expected
):
    given = tables(bundle, corpus)
    del given["decoding"]
    if decoding:
        given["decoding"] = decoding
    trainer, translator = opened(Recipe.from_tables(given), tmp_path)
    assert translator.options == OPTIONS.replace(**expected)
    assert translator.max_source_length == 40
    # What is written down says all, and means the same.
    (tmp_path / "again.toml").write_text(trainer.recipe.to_toml())
    again, translator = opened(load_recipe(tmp_path / "again.toml"), tmp_path)
    assert again.recipe == trainer.recipe
    assert translator.options == OPTIONS.replace(**expected)
    assert translator.max_source_length == 40


def test_a_recipe_of_no_file_says_what_is_not_by_default(bundle, corpus, tmp_path):
    recipe = Recipe(
        data=DataConfig(str(corpus)),
        training=TrainingConfig(start=str(bundle)),
        decoding=DecodingOptions(length_penalty=1.0),
    )
    _, translator = opened(recipe, tmp_path)
    assert translator.options == OPTIONS.replace(length_penalty=1.0)


def test_the_limit_of_sources_grows_with_what_is_trained_on(bundle, corpus, tmp_path):
    for longest, expected in ((20, 40), (40, 40), (50, 100)):
        given = tables(bundle, corpus)
        given["data"]["max_source_length"] = longest
        trainer, translator = opened(Recipe.from_tables(given), tmp_path)
        assert trainer.recipe.data.max_source_length == longest
        assert translator.max_source_length == expected


def test_decoding_that_does_not_go_with_the_bundles_is_refused(
    bundle, corpus, tmp_path
):
    pool = {"beam_rule": "pool", "early_stopping": True}
    start = edited(
        bundle,
        tmp_path / "bundle",
        lambda folder: configure(folder, lambda c: c["decoding"].update(pool)),
    )
    given = tables(start, corpus)
    given["decoding"] = {"beam_rule": "shrink"}
    with pytest.raises(ValueError, match="do not go together: early_stopping is of"):
        Trainer(Recipe.from_tables(given), tmp_path / "run", quiet()).run()
    assert not (tmp_path / "run").exists()


def speaks(source, target):
    def change(config):
        config.update(source_language=source, target_language=target)

    return lambda folder: configure(folder, change)


@pytest.mark.parametrize(
    ("bundles", "recipes", "expected"),
    [
        (("en", "de"), ("", ""), ("en", "de")),
        (("", ""), ("fr", "es"), ("fr", "es")),
        (("en", "de"), ("", "de-AT"), ("en", "de-AT")),
        (("eng", "ROMANCE"), ("en", "fr"), ("en", "fr")),
    ],
)
def test_languages_are_the_bundles_where_the_recipe_does_not_say_them(
    bundle, corpus, tmp_path, bundles, recipes, expected
):
    given = tables(edited(bundle, tmp_path / "b", speaks(*bundles)), corpus)
    given["data"].update(source_language=recipes[0], target_language=recipes[1])
    _, translator = opened(Recipe.from_tables(given), tmp_path)
    assert (translator.source_language, translator.target_language) == expected


def test_languages_that_contradict_the_bundles_are_refused(bundle, corpus, tmp_path):
    message = "data.target_language expected 'de', that of .*received 'fr', from"
    named = tmp_path / "pairs.en-fr.tsv"
    shutil.copy(corpus, named)
    for path, language in ((corpus, "fr"), (named, "")):
        given = tables(bundle, path)
        given["data"]["target_language"] = language
        trainer = Trainer(Recipe.from_tables(given), tmp_path / "run", quiet())
        with pytest.raises(ValueError, match=message):
            trainer.run()
    # Which target is wanted may be said by a tag.
    given["data"] = {"corpora": [{"corpus": str(named), "tag": "<2fr>"}]}
    trainer = Trainer(Recipe.from_tables(given), tmp_path / "run", quiet())
    trainer._open_start()
    assert trainer.recipe.data.languages() == ("en", "fr")


@pytest.mark.parametrize(("longest", "expected"), [(10, 10), (90, 90)])
def test_a_captioner_keeps_its_decoding_its_language_and_its_fit(
    captioner, captioner_bundle, tmp_path, longest, expected
):
    def change(config):
        config["decoding"]["max_length"] = longest
        config["language"] = "de"
        config["fit"] = "crop"

    start = edited(captioner_bundle, tmp_path / "b", lambda f: configure(f, change))
    given = caption_tables(start)
    del given["decoding"]
    trainer = Trainer(Recipe.from_tables(given), tmp_path, quiet())
    for _ in range(2):
        trainer._open_start()
        corpus = SimpleNamespace(**trainer.start.tokenizers)
        trainer.work.keeps_features = lambda model: False
        tuned = trainer.work.wrap(captioner.model, corpus, tmp_path)
        assert tuned.options == captioner.options.replace(max_length=expected)
        assert (tuned.language, tuned.fit) == ("de", "crop")
        # What is written down means the same.
        trainer = Trainer(
            Recipe.from_tables(trainer.recipe.to_tables()), tmp_path, quiet()
        )
    given["data"]["fit"] = "stretch"
    trainer = Trainer(Recipe.from_tables(given), tmp_path, quiet())
    trainer._open_start()
    assert trainer.recipe.data.fit == "stretch"
    given["data"]["language"] = "en"
    trainer = Trainer(Recipe.from_tables(given), tmp_path, quiet())
    with pytest.raises(ValueError, match="data.language expected 'de', that of .*'en'"):
        trainer._open_start()
