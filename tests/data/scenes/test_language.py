"""Captions of scenes are true, grammatical, and can be read again."""

from collections import Counter

import numpy as np
import pytest

from keras_attention.data.scenes import LANGUAGES, Scenes, describe, read_caption
from keras_attention.data.scenes.things import load_things, thing_named
from keras_attention.evaluation.scenes import relation_names

DOG_CAT = ("left of", [[("dog", 1), ("cat", 2)], [("tree", 1)]])


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_said_is_true_and_read_again(language):
    scenes = Scenes(250, seed=5, language=language)
    related = 0
    for each in scenes.undrawn():
        relation, groups = scenes[int(each.name.split("-")[-1])].truth["plan"]
        there = Counter({name: n for group in groups for name, n in group})
        for caption in each.captions:
            statement = read_caption(caption, language)
            assert statement.objects == there, caption
            assert bool(statement.relations) == (relation != "alone"), caption
            related += bool(statement.relations)
    assert related > 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_relations_said_are_those_that_hold(language):
    for scene in Scenes(60, seed=2, language=language, image_size=64):
        facts = relation_names(scene.truth)
        for caption in scene.captions:
            assert read_caption(caption, language).relations <= facts, caption


def ways(plan, language):
    rng = np.random.default_rng(0)
    return {describe(plan, language, rng) for _ in range(300)}


def test_english():
    assert ways(("alone", [[("octopus", 1)]]), "en") == {
        "an octopus",
        "a picture of an octopus",
    }
    assert "a tree right of two cats and a dog" in ways(DOG_CAT, "en")
    assert "a dog and two cats on the left and a tree on the right" in ways(
        DOG_CAT, "en"
    )


def test_german_declines():
    said = ways(DOG_CAT, "de")
    assert "ein Hund und zwei Katzen links von einem Baum" in said
    assert "ein Baum rechts von einem Hund und zwei Katzen" in said
    lions = ("above", [[("red apple", 1)], [("lion", 1), ("banana", 2)]])
    said = ways(lions, "de")
    assert "ein roter Apfel über einem Löwen und zwei Bananen" in said
    assert "zwei Bananen und ein Löwe unter einem roten Apfel" in said
    squares = ("above", [[("dog", 1)], [("green square", 3)]])
    assert "ein Hund über drei grünen Quadraten" in ways(squares, "de")


def test_french_elides():
    said = ways(DOG_CAT, "fr")
    assert "un arbre à droite d'un chien et de deux chats" in said
    assert "une image d'une pieuvre" in ways(("alone", [[("octopus", 1)]]), "fr")


def test_spanish():
    assert "un perro y dos gatos a la izquierda de un árbol" in ways(DOG_CAT, "es")


def test_chinese_counts_with_measure_words():
    said = ways(DOG_CAT, "zh")
    assert "一棵树在一只狗和两只猫的右边" in said
    assert "左边是一只狗和两只猫，右边是一棵树" in said


def test_mentions_say_where_things_are_named():
    caption = "two dogs between a green apple and an owl"
    statement = read_caption(caption, "en")
    assert [(caption[a:b], name) for a, b, name in statement.mentions] == [
        ("two dogs", "dog"),
        ("a green apple", "green apple"),
        ("an owl", "owl"),
    ]
    assert statement.relations == {("dog", "between", ("green apple", "owl"))}


def test_broken_captions_are_read_as_far_as_they_go():
    statement = read_caption("a dog left of a a dogs cat the two", "en")
    assert statement.objects == Counter({"dog": 3, "cat": 1})
    assert read_caption("", "en").objects == Counter()
    assert read_caption("left of above", "en").relations == set()
    assert read_caption("a dog left of a unicornfish", "en").relations == set()


def test_the_order_of_words_matters():
    one = read_caption("a dog above a cat", "en").relations
    other = read_caption("a cat above a dog", "en").relations
    assert one == {("dog", "above", "cat")} and other == {("cat", "above", "dog")}


@pytest.mark.parametrize("language", LANGUAGES)
def test_things_have_names_of_their_own(language):
    phrases = Counter(thing.phrase(language, 1) for thing in load_things())
    assert not [phrase for phrase, count in phrases.items() if count > 1]
    assert len({thing.name for thing in load_things()}) == len(load_things())


def test_colours_are_in_names():
    coloured = [thing for thing in load_things() if thing.colour]
    assert len(coloured) > 20
    for thing in coloured:
        assert thing.colour in thing.name
    assert thing_named("blue heart").phrase("fr", 2) == "deux cœurs bleus"


def test_unknown_languages_are_refused():
    plan = ("alone", [[("dog", 1)]])
    for use in (
        lambda: describe(plan, "it", np.random.default_rng(0)),
        lambda: read_caption("un cane", "it"),
    ):
        with pytest.raises(ValueError, match="must be one of en, .*received 'it'"):
            use()
