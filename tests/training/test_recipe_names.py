"""A name that no recipe has leads to the nearest that there is."""

import re

import pytest

from keras_attention.training.recipe import load_recipe


def hint(name):
    with pytest.raises(ValueError, match=f"unknown recipe '{name}'; ") as caught:
        load_recipe(name)
    return str(caught.value).split("; ", 1)[1].partition("known are:")[0]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("en-de", "help-en-de-small"),
        ("help_en_de", "help-en-de-small"),
        ("help-en-de-luong", "help-en-de-luong-dot"),
        ("bible-en-es", "bible-en-es-bahdanau"),
        ("bahdanau", "reverse-bahdanau"),
        ("scenes", "scenes-soft"),
        ("help", "help-en-de-bahdanau"),
    ],
)
def test_a_near_name_or_the_pair_of_languages_is_suggested(name, nearest):
    found = re.fullmatch("did you mean '(.+)'[?] ", hint(name))
    assert found and found[1] == nearest


@pytest.mark.parametrize(
    ("name", "nearest", "corpus"),
    [
        ("help-de-en", "help-en-de-small", "help-en-de"),
        ("help-en-zh", "help-en-de-small", "help-en-zh"),
        ("zh-en-bahdanau", "help-en-de-bahdanau", "help-en-zh"),
        ("bible-es-en", "bible-en-es-bahdanau", "bible-en-es"),
    ],
)
def test_other_directions_and_corpora_are_suggested_as_they_can_be_had(
    name, nearest, corpus
):
    said = hint(name)
    found = re.fullmatch("did you mean '(.+)' with (.+)[?] ", said)
    assert found and found[1] == nearest, said
    recipe = load_recipe(nearest, re.findall("--set (\\S+)", found[2]))
    assert recipe.data.corpus == corpus
    assert "-".join(recipe.data.languages()) in name


def test_of_other_languages_the_nearest_pair_is_named():
    assert "none is from en to fr; nearest is 'help-en-de-small' (en to de)" in hint(
        "help-en-fr"
    )
    assert "nearest is 'bible-en-es-bahdanau' (en to es)" in hint("fr-es")
    assert hint("xyzzy") == ""
