"""Captions of scenes are judged by what is in them."""

import pytest

from keras_attention.data.scenes import LANGUAGES, Scenes
from keras_attention.evaluation.scenes import (
    judge,
    read_statements,
    score_by_number,
    score_scenes,
)


def truth(*objects, plan="left of", relations=()):
    return {
        "objects": [{"name": name, "box": [0, 0, 1, 1]} for name in objects],
        "relations": list(relations),
        "plan": [plan, []],
    }


PAIR = truth("dog", "cat", relations=[[0, "left of", 1], [1, "right of", 0]])
TRIO = truth("dog", "cat", "owl", plan="between", relations=[[0, "between", 1, 2]])


def judged(text, scene=PAIR):
    return judge(read_statements([text], "en")[0], scene)


@pytest.mark.parametrize(
    ("text", "right", "exact", "related", "true"),
    [
        ("a dog left of a cat", 2, True, True, True),
        ("a cat right of a dog", 2, True, True, True),
        ("a cat left of a dog", 2, True, False, False),
        ("a dog above a cat", 2, True, False, False),
        ("a dog and a cat", 2, True, False, False),
        ("a dog left of an owl", 1, False, False, False),
        ("two dogs left of a cat", 2, False, True, False),
        ("a dog", 1, False, False, False),
        ("", 0, False, False, False),
    ],
)
def test_each_caption_is_judged(text, right, exact, related, true):
    found = judged(text)
    assert (found.right, found.exact, found.relations_right, found.true) == (
        right,
        exact,
        related,
        true,
    )


def test_between_two_others_in_either_order():
    assert judged("a dog between an owl and a cat", TRIO).true
    assert not judged("a cat between an owl and a dog", TRIO).relations_right


def test_a_scene_without_relation_needs_none():
    alone = truth("dog", "dog", plan="alone")
    assert judged("two dogs", alone).true
    assert not judged("three dogs", alone).true


def test_scores_count_things_over_all_captions():
    texts = ["a dog left of a cat", "two dogs left of an owl"]
    scores = score_scenes(read_statements(texts, "en"), [PAIR, PAIR])
    assert scores.object_precision == pytest.approx(100 * 3 / 5)
    assert scores.object_recall == pytest.approx(100 * 3 / 4)
    assert scores.object_f1 == pytest.approx(100 * 2 * 3 / 9)
    assert (scores.exact_objects, scores.relation_accuracy) == (50, 50)
    assert scores.true_captions == 50 and scores.captions == 2


def test_relations_said_and_numbers_have_scores_of_their_own():
    texts = ["a dog left of a cat", "two dogs left of an owl", "a dog and a cat"]
    scores = score_scenes(read_statements(texts, "en"), [PAIR] * 3)
    assert scores.relation_precision == pytest.approx(100 / 2)
    assert scores.relation_accuracy == pytest.approx(100 / 3)
    assert scores.count_accuracy == pytest.approx(100 * 4 / 5)


def test_full_scenes_are_scored_apart():
    texts = ["a dog left of a cat", "a dog between an owl and a cat", "a cat"]
    truths = [PAIR, TRIO, PAIR]
    statements = read_statements(texts, "en")
    scores = score_by_number(statements, truths)
    assert list(scores) == [2, 3]
    assert scores[2] == score_scenes(statements[::2], truths[::2])
    assert scores[3].true_captions == 100


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_scenes_say_is_true_and_what_others_say_is_not(language):
    scenes = list(Scenes(24, seed=5, image_size=32, language=language))
    truths = [scene.truth for scene in scenes]
    for say in (0, -1):
        texts = [scene.captions[say] for scene in scenes]
        statements = read_statements(texts, language)
        scores = score_scenes(statements, truths)
        assert scores.true_captions == scores.object_f1 == 100
        assert scores.relation_precision == scores.count_accuracy == 100
    swapped = score_scenes(statements, truths[1:] + truths[:1])
    assert swapped.object_f1 < 25 and swapped.true_captions < 25


def test_every_caption_has_its_scene():
    with pytest.raises(ValueError, match="received 1 statements and 2 scenes"):
        score_scenes(read_statements(["a dog"], "en"), [PAIR, PAIR])


def test_nothing_said_is_nothing_right():
    scores = score_scenes(read_statements([""], "en"), [PAIR])
    assert scores.object_f1 == scores.relation_accuracy == 0
