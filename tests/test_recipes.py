"""Every shipped recipe loads and opens with what it does and how it is run."""

from dataclasses import replace

import pytest

from keras_attention.data.corpora import shipped_corpora
from keras_attention.data.text.toy import TASKS, toy_alignment, toy_pairs
from keras_attention.studies.model_size import count_parameters
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
        assert recipe.data.corpus in [*shipped_corpora(), *TASKS, "scenes"]

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


@pytest.mark.parametrize(
    ("name", "twin", "inject"),
    [("scenes-lite0", "scenes-lite0-pooled", "every")],
)
def test_twin_without_attention_differs_in_its_model_alone(name, twin, inject):
    """And has as many parameters, of the 144 words that captions of scenes have."""
    recipe, other = load_recipe(name), load_recipe(twin)
    assert replace(other, name=name, model=recipe.model) == recipe
    added = {"attention": "none", "inject": inject}
    kept = {key: value for key, value in other.model.options.items() if key != "units"}
    assert kept == {**recipe.model.options, **added}
    ours, theirs = (count_parameters(each, 144) for each in (recipe, other))
    assert theirs == pytest.approx(ours, rel=0.01)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("task", ["copy", "reverse", "sort"])
def test_toy_tasks_are_mastered_on_a_cpu(task, tmp_path):
    """99 % of unseen strings exactly, and attention where the symbols come from."""
    from keras_attention.training.trainer import Trainer

    translator = Trainer(task, tmp_path).run()
    assert translator.metrics["split"] == "test"
    assert translator.metrics["model"]["exact_match_percent"] >= 99

    sources = [source for source, _ in toy_pairs(task, 50, 12, seed=99)]
    found = total = 0
    for translation in translator.translate(sources, return_attention=True):
        expected = toy_alignment(task, translation.source)
        looked_at = translation.attention[:-1].argmax(axis=1)
        found += sum(
            # Of equal symbols, any will do.
            translation.source_tokens[a] == translation.source_tokens[b]
            for a, b in zip(looked_at, expected, strict=False)
        )
        total += len(expected)
    assert found / total > 0.9
