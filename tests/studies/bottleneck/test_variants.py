"""The models of the study are equals, but for what is compared."""

import dataclasses

import pytest

from keras_attention.models.families import FAMILIES
from keras_attention.studies.bottleneck.variants import (
    ATTENTION,
    FORWARD,
    variant_recipe,
    variants_of,
)
from keras_attention.studies.model_size import (
    count_parameters,
    match_units,
    model_options,
)
from keras_attention.studies.runs import StudyRun
from keras_attention.training.recipe import ModelConfig, load_recipe
from tests.studies.support import studied_recipe

DEEP_LUONG = {
    "attention": "luong",
    "score": "general",
    "input_feeding": True,
    "cell": "lstm",
    "num_layers": 2,
    "bidirectional": False,
    "embedding_dim": 12,
    "units": 16,
}


@pytest.mark.parametrize("options", [{}, {"cell": "lstm"}, DEEP_LUONG])
def test_parameters_differ_by_five_per_cent_at_most(options):
    recipe = studied_recipe(model={"embedding_dim": 12, "units": 16, **options})
    wanted = count_parameters(recipe, 30, 30)
    for variant in variants_of(recipe)[1:]:

        def made(units, variant=variant):
            return variant_recipe(recipe, variant, "copy", units)

        units = match_units(lambda units: count_parameters(made(units), 30, 30), wanted)
        found = made(units)
        assert units % 2 == 0
        assert count_parameters(found, 30, 30) == pytest.approx(wanted, rel=0.05)
        changed = model_options(found)
        assert changed["attention"] == "none"
        assert changed["embedding_dim"] == 12
        assert changed.get("num_layers") == options.get("num_layers")


def test_only_model_and_limits_of_time_change():
    recipe = studied_recipe(patience=3, max_minutes=5.0)
    ours, theirs = (
        variant_recipe(recipe, variant, "copy", 20) for variant in (ATTENTION, FORWARD)
    )
    assert ours.model == recipe.model
    assert (ours.name, theirs.name) == ("copy-attention", "copy-none-forward")
    for each in (ours, theirs):
        assert each.data == recipe.data
        assert each.tokenizer == recipe.tokenizer
        assert each.decoding == recipe.decoding
        free = dataclasses.replace(recipe.training, patience=0, max_minutes=0.0)
        assert each.training == free


@pytest.mark.parametrize("preset", list(FAMILIES["translation"]["recurrent"][1]))
def test_every_preset_can_do_without_attention(preset, tmp_path):
    """Its recipe survives being kept, and describes a model."""
    recipe = dataclasses.replace(
        studied_recipe(), model=ModelConfig("recurrent", preset, {})
    )
    for variant in variants_of(recipe)[1:]:
        path = tmp_path / "recipe.toml"
        path.write_text(variant_recipe(recipe, variant, "copy", 8).to_toml())
        kept = load_recipe(path)
        model_class, _ = FAMILIES["translation"]["recurrent"]
        model = model_class(9, 9, **model_options(kept))
        assert not model.attends and model.units == 8
        assert model.reverse_source == variant.name.endswith("reversed")


def test_an_encoder_in_one_direction_has_no_twin_in_two():
    recipe = studied_recipe(model={"bidirectional": False})
    names = [variant.name for variant in variants_of(recipe)]
    assert names == ["attention", "none-forward", "none-reversed"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": ModelConfig()}, 'model.family="recurrent".*received "transformer"'),
        (
            {"model": ModelConfig("recurrent", "tiny", {"attention": "none"})},
            "Name the recipe with attention",
        ),
        (
            {"model": ModelConfig("recurrent", "tiny", {"reverse_source": True})},
            "leave model.reverse_source out",
        ),
        ({"model": ModelConfig("recurrent", "tinny")}, "did you mean 'tiny'"),
        (
            {
                "training": dataclasses.replace(
                    studied_recipe().training, guided_alignment=0.5
                )
            },
            "set training.guided_alignment to 0",
        ),
    ],
    ids=["transformer", "none", "reversed", "preset", "guided"],
)
def test_what_cannot_be_compared_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        variants_of(dataclasses.replace(studied_recipe(), **change))


@pytest.mark.parametrize("wanted", [5, 100, 101, 999, 123_456])
def test_the_nearest_number_of_units_is_found(wanted):
    def count(units):
        return units**2 + 3 * units

    units = match_units(count, wanted, tolerance=1)
    nearest = min(range(2, 1000, 2), key=lambda units: abs(count(units) - wanted))
    assert units == nearest


def test_models_that_are_too_small_to_be_matched_are_refused():
    with pytest.raises(ValueError, match="the nearest has 1,004, with units=2"):
        match_units(lambda units: 1000 + units**2, wanted=500)


def test_a_study_starts_from_no_bundle(tmp_path):
    recipe = studied_recipe()
    training = dataclasses.replace(recipe.training, start="runs/a/bundle")
    recipe = dataclasses.replace(recipe, training=training)
    with pytest.raises(ValueError, match='received training.start="runs/a/bundle"'):
        StudyRun(tmp_path, None, recipe)
