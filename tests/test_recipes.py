"""Every shipped recipe loads and opens with what it does and how it is run."""

import pytest

from keras_attention.data.corpora import shipped_corpora
from keras_attention.data.toy import TASKS
from keras_attention.training.recipe import RECIPES, load_recipe, shipped_recipes


def head(name):
    """The comment that a recipe opens with, line by line."""
    lines = (RECIPES / f"{name}.toml").read_text(encoding="utf-8").splitlines()
    return lines[: next(i for i, line in enumerate(lines) if not line.startswith("#"))]


def test_recipes_are_found():
    assert {"copy", "reverse", "sort", "demo"} <= set(shipped_recipes())


@pytest.mark.parametrize("name", shipped_recipes())
class TestRecipe:
    def test_loads(self, name):
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.data.corpus in [*shipped_corpora(), *TASKS]

    def test_opens_with_a_title_and_its_command(self, name):
        title, *comment = head(name)
        assert title.startswith("# ")
        assert title.endswith(".")
        commands = {f"keras-attention train {name}"}
        if name == "demo":
            commands.add("keras-attention demo")
        said = "\n".join(comment)
        for command in commands:
            assert command in said

    def test_fits_its_decoding_to_its_lengths(self, name):
        recipe = load_recipe(name)
        assert recipe.decoding.max_length >= recipe.data.max_target_length
