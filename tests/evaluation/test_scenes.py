"""Captions of scenes are judged by what is in them."""

import pytest

from keras_attention.evaluation.scenes import judge, read_statements, score_scenes


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


def test_nothing_said_is_nothing_right():
    scores = score_scenes(read_statements([""], "en"), [PAIR])
    assert scores.object_f1 == scores.relation_accuracy == 0
