"""The captioners of the study are equals, but for what is compared."""

import dataclasses

import pytest

from keras_attention.models.families import FAMILIES
from keras_attention.studies.model_size import (
    count_parameters,
    match_units,
    model_options,
)
from keras_attention.studies.regions.variants import (
    EVERY,
    POOLED,
    SAMPLING,
    SOFT,
    STOCHASTIC,
    VARIANTS,
    check_recipe,
    region_recipe,
)
from keras_attention.training.recipe import load_recipe
from tests.studies.regions.support import regions_recipe
from tests.studies.support import studied_recipe


@pytest.mark.parametrize("variant", [POOLED, EVERY], ids=lambda v: v.name)
def test_parameters_differ_by_five_per_cent_at_most(variant):
    recipe = regions_recipe()
    wanted = count_parameters(recipe, 50)

    def count(units):
        return count_parameters(region_recipe(recipe, variant, units), 50)

    found = region_recipe(recipe, variant, match_units(count, wanted))
    assert count_parameters(found, 50) == pytest.approx(wanted, rel=0.05)
    ours, theirs = model_options(recipe), model_options(found)
    assert theirs["attention"] == "none"
    for key in ("image_size", "grid_size", "region_dim", "embedding_dim"):
        assert theirs[key] == ours[key]


@pytest.mark.parametrize("preset", list(FAMILIES["captioning"]["recurrent"][1]))
@pytest.mark.parametrize("variant", [POOLED, EVERY], ids=lambda v: v.name)
def test_every_preset_can_do_without_attention(variant, preset, tmp_path):
    recipe = load_recipe(
        "scenes-soft",
        [f"model.preset={preset}", "model.gate=false", "model.attention_units=16"],
    )
    path = tmp_path / "recipe.toml"
    path.write_text(region_recipe(recipe, variant, 8).to_toml())
    kept = load_recipe(path)
    options = {**model_options(kept), "encoder": "small-cnn", "grid_size": 4}
    model = FAMILIES["captioning"]["recurrent"][0](9, **{**options, "image_size": 32})
    assert not model.attends
    assert model.units == 8
    assert model.inject == variant.model["inject"]


def test_only_what_is_compared_changes():
    recipe = regions_recipe(steps=40, patience=3, max_minutes=5.0)
    free = dataclasses.replace(recipe.training, patience=0, max_minutes=0.0)
    for variant in VARIANTS:
        found = region_recipe(recipe, variant, None if variant.attends else 8)
        assert found.name == variant.name
        assert (found.data, found.tokenizer) == (recipe.data, recipe.tokenizer)
        assert found.decoding == recipe.decoding
        if variant.attends:
            assert found.model == recipe.model
        if variant not in (STOCHASTIC, SAMPLING):
            assert found.training == free
    stochastic = region_recipe(recipe, STOCHASTIC).training
    assert dataclasses.replace(stochastic, doubly_stochastic=0.0) == free
    sampling = region_recipe(recipe, SAMPLING).training
    assert sampling.scheduled_sampling == "inverse_sigmoid"
    assert (sampling.sampling_half_steps, sampling.sampling_least) == (20, 0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["model.family=transformer"], 'received task="captioning" and model.family'),
        (["model.attention=none"], 'Name the recipe with "soft"'),
        (["training.doubly_stochastic=1.0"], "tries training.doubly_stochastic by it"),
        (["training.scheduled_sampling=linear"], "received 'linear'. Leave it out"),
        (["decoding.coverage_penalty=0.2"], "set decoding.coverage_penalty to 0"),
        (["data.corpus=captions.csv"], 'known of data.corpus="scenes" alone'),
        (["model.preset=tinny"], "did you mean 'tiny'"),
    ],
)
def test_what_cannot_be_compared_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        check_recipe(load_recipe("scenes-soft", changes))


def test_a_recipe_of_translation_is_refused():
    with pytest.raises(ValueError, match='received task="translation"'):
        check_recipe(studied_recipe())
    check_recipe(load_recipe("scenes-soft"))
    assert SOFT.attends and not POOLED.attends
