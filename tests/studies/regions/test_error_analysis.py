"""A wrong name is put down to what was looked at while it was said."""

import pytest

from keras_attention.evaluation.scenes import read_statements
from keras_attention.studies.regions.error_analysis import (
    ABSENT,
    NAMED,
    NOTHING,
    REPEATED,
    SAME,
    UNNAMED,
    count_mistakes,
    find_mistakes,
)
from tests.studies.regions.support import caption_of

TRUTH = {
    "objects": [
        {"name": "dog", "box": [0, 0, 16, 16]},
        {"name": "rose", "box": [32, 32, 64, 64]},
    ]
}


def found(text, attend):
    caption = caption_of(text, TRUTH, attend)
    statements = read_statements([text], "en")
    mistakes = find_mistakes([caption], [TRUTH], statements, 64)
    return mistakes, count_mistakes(mistakes, statements)


@pytest.mark.parametrize(
    ("box", "place", "seen"),
    [
        ([32, 32, 64, 64], UNNAMED, "rose"),
        ([0, 0, 16, 16], NAMED, "dog"),
        ([0, 48, 16, 64], NOTHING, None),
    ],
)
def test_where_was_attended_decides(box, place, seen):
    (mistake,), all_counts = found(
        "a dog left of a strawberry",
        lambda name, _: [box] if name == "strawberry" else [],
    )
    assert (mistake.said, mistake.place, mistake.seen) == ("strawberry", place, seen)
    assert mistake.word == "a strawberry"
    assert mistake.steps == [4, 5]
    assert box[0] <= mistake.peak[0] <= box[2] and box[1] <= mistake.peak[1] <= box[3]
    chances = {UNNAMED: 1 / 4, SAME: 0, NAMED: 1 / 16, NOTHING: 11 / 16}
    assert mistake.chances == pytest.approx(chances)
    counts = all_counts[ABSENT]
    assert all_counts[REPEATED].wrong == 0
    assert (counts.names, counts.wrong, counts.places[place]) == (2, 1, 1)
    assert counts.chances == pytest.approx(mistake.chances)
    pairs = [(("strawberry", "rose"), 1)] if place == UNNAMED else []
    assert counts.pairs == pairs


def test_of_things_over_each_other_the_smaller_is_seen():
    truth = {
        "objects": [
            {"name": "dog", "box": [0, 0, 64, 64]},
            {"name": "rose", "box": [16, 16, 32, 32]},
        ]
    }
    caption = caption_of("a strawberry", truth, lambda *_: [[16, 16, 32, 32]])
    statements = read_statements([caption.text], "en")
    (mistake,) = find_mistakes([caption], [truth], statements, 64)
    assert mistake.seen == "rose"
    assert sum(mistake.chances.values()) == pytest.approx(1)


def test_right_names_and_wrong_numbers_are_no_mistakes():
    mistakes, counts = found("two dogs left of a rose", lambda *_: [[0, 0, 8, 8]])
    assert mistakes == []
    for each in counts.values():
        assert (each.names, each.wrong) == (2, 0)
        assert set(each.chances.values()) == {0}


@pytest.mark.parametrize(
    ("box", "place"), [([0, 0, 16, 16], SAME), ([32, 32, 64, 64], UNNAMED)]
)
def test_what_is_said_again_was_not_left_or_not_seen(box, place):
    (mistake,), counts = found("a dog left of a dog", lambda *_: [box])
    assert (mistake.kind, mistake.said, mistake.place) == (REPEATED, "dog", place)
    assert mistake.steps == [4, 5]
    chances = {UNNAMED: 1 / 4, SAME: 1 / 16, NAMED: 0, NOTHING: 11 / 16}
    assert mistake.chances == pytest.approx(chances)
    assert (counts[ABSENT].wrong, counts[REPEATED].wrong) == (0, 1)
    assert counts[REPEATED].share(place) == 1
    assert counts[ABSENT].share(place) == 0
