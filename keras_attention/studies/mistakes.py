"""Why was the wrong word said? What stood where attention was when it was said.

A name is wrong if no thing of that name is in the picture. While it was said,
attention had its peak

    on a thing that goes unnamed     it looked at the right thing and misjudged it
    on a thing that is named         it looked at what has its name already
    on nothing                       it looked past all things
"""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from keras_attention.evaluation.pointing import covered_cells

UNNAMED, NAMED, NOTHING = "unnamed", "named", "nothing"
PLACES = {
    UNNAMED: "a thing that the caption leaves out",
    NAMED: "a thing that the caption names elsewhere",
    NOTHING: "no thing",
}


class Mistake(NamedTuple):
    """One wrong name."""

    picture: int
    """Its number in the split."""
    said: str
    """The identifier of what is not there."""
    word: str
    """As the caption has it."""
    steps: list
    """Numbers of its tokens."""
    place: str
    """Where the peak lay: a key of `PLACES`."""
    seen: str | None
    """The identifier of what is there, if anything."""
    chances: dict
    """For each place the share of the picture that is such: what a random peak has."""
    peak: tuple
    """Its x and y, in pixels of the model's square."""


def find_mistakes(captions, truths, statements, image_size):
    """All wrong names of captions that were said with attention.

    Args:
        captions: list of `Caption`, with attention.
        truths: of each picture `{"objects": [{"name", "box"}, …]}`.
        statements: of each caption what it says; `mentions` are `(begin, end, name)`.
        image_size: int. The side of the square in which boxes are measured.

    Returns:
        list of `Mistake`, in the order in which they were said.
    """
    found = []
    for number, (caption, truth, statement) in enumerate(
        zip(captions, truths, statements, strict=True)
    ):
        there = {each["name"] for each in truth["objects"]}
        named = {name for _, _, name in statement.mentions} & there
        for begin, end, name in statement.mentions:
            steps = [
                step
                for step, (first, last) in enumerate(caption.spans)
                if first < end and last > begin
            ]
            if name in there or not steps:
                continue
            attention = caption.attention[steps].mean(axis=0)
            cell = image_size / len(attention)
            row, column = np.unravel_index(attention.argmax(), attention.shape)
            peak = (float((column + 0.5) * cell), float((row + 0.5) * cell))
            seen = _thing_at(peak, truth["objects"])
            if seen is None:
                place = NOTHING
            else:
                place = NAMED if seen in named else UNNAMED
            chances = _chances(truth["objects"], named, image_size, len(attention))
            word = caption.text[begin:end]
            found.append(Mistake(number, name, word, steps, place, seen, chances, peak))
    return found


def _thing_at(point, objects):
    """Of boxes that hold a point the smallest one's thing, which is in front."""
    x, y = point
    holding = [
        ((x1 - x0) * (y1 - y0), each["name"])
        for each in objects
        for x0, y0, x1, y1 in [each["box"]]
        if x0 <= x <= x1 and y0 <= y <= y1
    ]
    return min(holding)[1] if holding else None


def _chances(objects, named, image_size, grid_size):
    """Shares of the picture; where boxes of both kinds overlap, half for each."""
    covered = {}
    for place, wanted in ((UNNAMED, False), (NAMED, True)):
        boxes = [each["box"] for each in objects if (each["name"] in named) == wanted]
        covered[place] = covered_cells(boxes, image_size, grid_size)
    unnamed, known = covered[UNNAMED], covered[NAMED]
    either = np.maximum(unnamed, known)
    both = unnamed + known - either
    return {
        UNNAMED: float((unnamed - both / 2).mean()),
        NAMED: float((known - both / 2).mean()),
        NOTHING: float(1 - either.mean()),
    }


class MistakeCounts(NamedTuple):
    """All wrong names of one model, counted."""

    names: int
    """Names said in all."""
    wrong: int
    """Of things that are not there."""
    places: dict[str, int]
    """For each of `PLACES`, at how many of them the peak lay there."""
    chances: dict[str, float]
    """For each the share that random peaks would have."""
    pairs: list[tuple[tuple[str, str], int]]
    """What was said, what unnamed thing was looked at, how often; often ones first."""


def count_mistakes(mistakes, statements):
    """Counts what `find_mistakes` found.

    Args:
        mistakes: list of `Mistake`.
        statements: of all captions.

    Returns:
        `MistakeCounts`.
    """
    places = Counter(mistake.place for mistake in mistakes)
    chances = {
        place: float(np.mean([mistake.chances[place] for mistake in mistakes] or [0]))
        for place in PLACES
    }
    pairs: Any = Counter(
        (mistake.said, mistake.seen) for mistake in mistakes if mistake.place == UNNAMED
    )
    return MistakeCounts(
        sum(len(statement.mentions) for statement in statements),
        len(mistakes),
        {place: places[place] for place in PLACES},
        chances,
        pairs.most_common(),
    )
