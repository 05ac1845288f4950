"""Captions of scenes are scored together, those of held-out combinations apart."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_attention.evaluation import captions as caption_scores
from keras_attention.evaluation.captioning import captions_line, score_said
from keras_attention.evaluation.captions import score_captions

TEXTS = ["a dog left of a cat", "a dog above a cat", "an owl", "two dogs"]


def truth(held_out, plan, relations, *objects):
    return {
        "objects": [{"name": name, "box": box} for name, box in objects],
        "relations": relations,
        "plan": [plan, []],
        "held_out": held_out,
    }


DOG, CAT, OWL = ("dog", [0, 0, 4, 8]), ("cat", [4, 0, 8, 8]), ("owl", [0, 0, 8, 8])
TRUTHS = [
    truth(False, "left of", [[0, "left of", 1]], DOG, CAT),
    truth(True, "left of", [[0, "left of", 1]], DOG, CAT),
    truth(False, "alone", [], OWL),
    truth(True, "alone", [], OWL),
]


def captions(attends):
    """Captions that always attend to the left half."""
    grid = np.array([[0.5, 0], [0.5, 0]])
    return [
        SimpleNamespace(
            text=text,
            spans=[(0, len(text))],
            attention=grid[None] if attends else None,
        )
        for text in TEXTS
    ]


def test_held_out_scenes_are_scored_apart():
    references = [[text] for text in TEXTS]
    scores = score_said(captions(True), references, TRUTHS, "en", 8)
    held_out = scores["held_out"]
    assert scores["pictures"] == held_out["pictures"] == 2
    assert scores["true_captions"] == scores["relation_accuracy"] == 100
    assert held_out["relation_accuracy"] == held_out["true_captions"] == 0
    assert scores["cider"] == score_captions(TEXTS[::2], references[::2]).cider
    # The dog's half, the cat's half, the owl everywhere.
    assert scores["attention"]["correctness"] == pytest.approx(2 / 3)
    assert scores["attention"]["chance"] == pytest.approx(2 / 3)
    assert held_out["attention"]["absent"] == 1
    assert "object F1 100.0 %" in captions_line(scores)
    assert "attention in the box 67 % (chance 67 %)" in captions_line(scores)


def test_full_scenes_are_scored_apart():
    scores = score_said(captions(False), [["a cat"]] * 4, TRUTHS, "en", 8)
    assert scores["by_things"] == {
        "1": {"pictures": 1, "object_f1": 100, "true_captions": 100},
        "2": {"pictures": 1, "object_f1": 100, "true_captions": 100},
    }
    assert scores["held_out"]["by_things"]["1"]["object_f1"] == 0
    assert "attention" not in scores and "attention" not in captions_line(scores)


def test_images_of_which_nothing_is_known_have_their_words_scored():
    truths = [None, {"boxes": []}, None, None]
    scores = score_said(captions(True), [["a cat"]] * 4, truths, "en", 8)
    assert list(scores) == ["pictures", *score_captions(TEXTS, [["a"]] * 4).as_dict()]


def test_meteor_is_computed_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(caption_scores, "meteor_score", lambda said, right: 0.25)
    scores = score_said(captions(False), [["a"]] * 4, TRUTHS, "en", 8, meteor=True)
    assert scores["meteor"] == scores["held_out"]["meteor"] == 25
    assert "METEOR 25.0" in captions_line(scores)
