"""Error analysis: what stood where attention was when the wrong word was said.

A name is wrong if no thing of that name is in the image, or if it has been said
before: of several things of one kind a caption says how many. While it was said,
attention had its peak

    on a thing that goes unnamed     it attended to the right thing and misjudged it
    on the thing that is called so   it had not moved on
    on another thing that is named   it attended to what has its name already
    on nothing                       it attended to none of them
"""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from keras_attention.evaluation.pointing import covered_cells

ABSENT, REPEATED = "absent", "repeated"
KINDS = {ABSENT: "not there", REPEATED: "said before"}
UNNAMED, SAME, NAMED, NOTHING = "unnamed", "same", "named", "nothing"
PLACES = {
    UNNAMED: "a thing that the caption leaves out",
    SAME: "the thing that is called so",
    NAMED: "another thing that the caption names",
    NOTHING: "no thing",
}


class Mistake(NamedTuple):
    """One wrong name."""

    image: int
    """Its number in the split."""
    kind: str
    """A key of `KINDS`."""
    said: str
    """The identifier of what was said."""
    word: str
    """As the caption has it."""
    steps: list
    """Numbers of its tokens."""
    place: str
    """Where the peak lay: a key of `PLACES`."""
    seen: str | None
    """The identifier of what is there, if anything."""
    chances: dict
    """For each place the share of the image that is such: what a random peak has."""
    peak: tuple
    """Its x and y, in pixels of the model's square."""


def find_mistakes(captions, truths, statements, image_size):
    """All wrong names of captions that were said with attention.

    Args:
        captions: list of `Caption`, with attention.
        truths: of each image `{"objects": [{"name", "box"}, …]}`.
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
        before = set()
        for begin, end, name in statement.mentions:
            kind = ABSENT if name not in there else REPEATED if name in before else ""
            before.add(name)
            steps = [
                step
                for step, (first, last) in enumerate(caption.spans)
                if first < end and last > begin
            ]
            if not kind or not steps:
                continue
            attention = caption.attention[steps].mean(axis=0)
            cell = image_size / len(attention)
            row, column = np.unravel_index(attention.argmax(), attention.shape)
            peak = (float((column + 0.5) * cell), float((row + 0.5) * cell))
            seen = _thing_at(peak, truth["objects"])
            found.append(
                Mistake(
                    number,
                    kind,
                    name,
                    caption.text[begin:end],
                    steps,
                    NOTHING if seen is None else _place_of(seen, name, named),
                    seen,
                    _chances(truth["objects"], name, named, image_size, len(attention)),
                    peak,
                )
            )
    return found


def _place_of(seen, said, named):
    if seen == said:
        return SAME
    return NAMED if seen in named else UNNAMED


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


def _chances(objects, said, named, image_size, grid_size):
    """Shares of the image; where boxes overlap, as many shares as there are."""
    covered = {}
    for place in (UNNAMED, SAME, NAMED):
        boxes = [
            each["box"]
            for each in objects
            if _place_of(each["name"], said, named) == place
        ]
        covered[place] = covered_cells(boxes, image_size, grid_size)
    grids = np.array(list(covered.values()))
    either = grids.max(axis=0)
    shares = grids * either / np.maximum(grids.sum(axis=0), 1e-9)
    chances = dict(zip(covered, shares.mean(axis=(1, 2)).tolist(), strict=True))
    return {**chances, NOTHING: float(1 - either.mean())}


class MistakeCounts(NamedTuple):
    """The wrong names of one kind that one model said."""

    names: int
    """Names said in all."""
    wrong: int
    places: dict[str, int]
    """For each of `PLACES`, at how many of them the peak lay there."""
    chances: dict[str, float]
    """For each the share that random peaks would have."""
    pairs: list[tuple[tuple[str, str], int]]
    """What was said, what unnamed thing was attended to, how often; often first."""

    def share(self, place):
        """Of the wrong names."""
        return self.places[place] / self.wrong if self.wrong else 0.0


def count_mistakes(mistakes, statements):
    """Counts what `find_mistakes` found.

    Args:
        mistakes: list of `Mistake`.
        statements: of all captions.

    Returns:
        dict of `MistakeCounts` for each of `KINDS`.
    """
    names = sum(len(statement.mentions) for statement in statements)
    return {
        kind: _count([each for each in mistakes if each.kind == kind], names)
        for kind in KINDS
    }


def _count(mistakes, names):
    places = Counter(mistake.place for mistake in mistakes)
    chances = {
        place: float(np.mean([mistake.chances[place] for mistake in mistakes] or [0]))
        for place in PLACES
    }
    pairs: Any = Counter(
        (mistake.said, mistake.seen) for mistake in mistakes if mistake.place == UNNAMED
    )
    return MistakeCounts(
        names,
        len(mistakes),
        {place: places[place] for place in PLACES},
        chances,
        pairs.most_common(),
    )
