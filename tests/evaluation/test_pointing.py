"""Attention is compared with the boxes of what is being said."""

from types import SimpleNamespace

import numpy as np
import pytest

from keras_attention.evaluation.pointing import (
    NameAttention,
    covered_cells,
    measure_pointing,
    name_attention,
)

SIZE, GRID = 80, 4  # pixels, cells: each cell is 20 pixels wide
TRUTH = {
    "objects": [
        {"name": "dog", "box": [0, 0, 20, 20]},
        {"name": "cat", "box": [40, 40, 80, 60]},
        {"name": "cat", "box": [0, 60, 20, 80]},
    ]
}
TEXT = "a dog and two cats"
SPANS = [(0, 1), (1, 5), (5, 9), (9, 13), (13, 18), (18, 18)]
MENTIONS = [(0, 5, "dog"), (10, 18, "cat")]


def caption(*peaks):
    """A caption whose subwords attend to one cell each, `(row, column)`."""
    attention = np.zeros((len(SPANS), GRID, GRID))
    for step, place in enumerate(peaks):
        attention[step][place] = 1
    return SimpleNamespace(text=TEXT, spans=SPANS, attention=attention)


def test_perfect_attention_is_all_inside():
    # "a", "dog" at the dog; "two", "cats" at either cat.
    right = caption((0, 0), (0, 0), (3, 3), (2, 2), (3, 0), (0, 0))
    dog, cats = name_attention(right, TRUTH, MENTIONS, SIZE)
    assert (dog.inside, dog.hit) == (1, True)
    assert (cats.inside, cats.hit) == (1, True)
    assert dog.area == pytest.approx(1 / 16) and cats.area == pytest.approx(3 / 16)


def test_the_subwords_of_a_name_are_taken_together():
    half = caption((0, 0), (3, 3), (0, 0), (0, 0), (0, 0), (0, 0))
    dog, cats = name_attention(half, TRUTH, MENTIONS, SIZE)
    assert dog.inside == 0.5
    assert (cats.inside, cats.hit) == (0, False)


def test_spread_attention_is_at_chance():
    evenly = caption()
    evenly.attention[:] = 1 / GRID**2
    found = measure_pointing([evenly], [TRUTH], [MENTIONS], SIZE)
    assert found.correctness == pytest.approx(found.chance)
    assert found.chance == pytest.approx((1 + 3) / 32)


def test_padding_around_an_image_is_no_chance_to_be_right():
    """The image lies in the middle: two rows of cells, half of each image."""
    padded = caption(*[(1, 3)] * len(SPANS))
    padded.window = (0, 30, 80, 50)
    truth = {"objects": [{"name": "dog", "box": [60, 30, 80, 40]}]}
    (dog,) = name_attention(padded, truth, MENTIONS[:1], SIZE)
    # The box covers all that is image in its cell, one of eight.
    assert dog == NameAttention("dog", 1.0, True, pytest.approx(1 / 8))
    padded.attention[:] = 0
    padded.attention[:, 1:3] = 1 / 8
    found = measure_pointing([padded], [truth], [MENTIONS[:1]], SIZE)
    assert found.correctness == pytest.approx(found.chance)


def test_things_that_are_not_there_are_counted_apart():
    found = measure_pointing(
        [caption((0, 0), (0, 0))], [TRUTH], [[(0, 5, "owl"), (0, 5, "dog")]], SIZE
    )
    assert (found.words, found.absent) == (1, 1)
    assert found.as_dict()["pointing"] == 1
    assert "chance 6.2 %" in str(found)


def test_nothing_said_is_nothing_measured():
    found = measure_pointing([caption()], [TRUTH], [[]], SIZE)
    assert (found.correctness, found.words) == (0, 0)


def test_cells_are_covered_in_part():
    covered = covered_cells([[10, 0, 30, 20]], SIZE, GRID)
    assert covered[0].tolist() == [0.5, 0.5, 0, 0] and not covered[1:].any()
    assert covered_cells([[0, 0, 80, 80]], SIZE, GRID).min() == 1
    # Halves of one cell, and boxes that overlap in it.
    assert covered_cells([[0, 0, 10, 20], [10, 0, 20, 20]], SIZE, GRID)[0, 0] == 1
    overlapping = covered_cells([[0, 0, 20, 10], [0, 0, 10, 20]], SIZE, GRID)
    assert overlapping[0, 0] == 0.75 and overlapping.sum() == 0.75
    # Nothing outside of the image counts.
    assert covered_cells([[-20, 70, 10, 99]], SIZE, GRID)[3].tolist() == [0.25, 0, 0, 0]
    # 80 pixels in 3 cells: nothing is lost between them.
    assert covered_cells([[7, 11, 33, 62]], SIZE, 3).sum() * (80 / 3) ** 2 == (
        pytest.approx(26 * 51)
    )


def test_boxes_cover_as_many_cells_as_pixels_say():
    rng = np.random.default_rng(0)
    for count in range(5):
        corners = rng.integers(0, 25, (count, 2, 2))
        boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        pixels = np.zeros((24, 24))
        for x0, y0, x1, y1 in boxes:
            pixels[y0:y1, x0:x1] = 1
        expected = pixels.reshape(6, 4, 6, 4).mean(axis=(1, 3))
        np.testing.assert_allclose(covered_cells(boxes, 24, 6), expected)


def test_attention_must_be_there():
    blind = SimpleNamespace(text=TEXT, spans=SPANS, attention=None)
    with pytest.raises(ValueError, match="ask for return_attention=True"):
        name_attention(blind, TRUTH, MENTIONS, SIZE)
