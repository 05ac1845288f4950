"""What is in a scene and where: groups of things, their sizes, places and turns."""

from typing import NamedTuple

GAP = 0.04  # of the side, between groups: enough to tell "left of" from "above"
SMALLEST = 0.16
LARGEST = 0.5
TURN = 20  # degrees, either way
# How things are grouped, by their number: `(relation, counts in each group)`, as often
# as it is listed. "side" becomes "left of" or "above".
PLANS = {
    1: [("alone", [[1]])],
    2: [("alone", [[2]]), *[("side", [[1], [1]])] * 3],
    3: [
        ("alone", [[3]]),
        *[("between", [[1], [1], [1]])] * 3,
        *[("side", [[2], [1]])] * 3,
        *[("side", [[1, 1], [1]])] * 3,
    ],
    4: [
        *[("side", [[1, 1], [1, 1]])] * 3,
        *[("side", [[2], [2]])] * 2,
        *[("side", [[3], [1]])] * 2,
        ("side", [[2, 1], [1]]),
    ],
}


class Spot(NamedTuple):
    """A square in which one thing is drawn, in shares of the side."""

    name: str
    x: float
    """Centre."""
    y: float
    size: float
    turn: float
    """Degrees."""


def draw_plan(rng, things, max_objects):
    """What a scene shows: `(relation, groups)`, as `describe` takes it."""
    number = int(rng.integers(1, max_objects + 1))
    relation, counts = PLANS[number][rng.integers(len(PLANS[number]))]
    kinds = sum(map(len, counts))
    chosen = [things[i].name for i in rng.choice(len(things), kinds, replace=False)]
    names = iter(chosen)
    groups = [[(next(names), count) for count in group] for group in counts]
    if relation == "side":
        relation = ("left of", "above")[rng.integers(2)]
        if rng.random() < 0.5:
            groups = groups[::-1]
    return relation, groups


def place(rng, plan):
    """Where everything is: a list of `Spot`, group after group."""
    relation, groups = plan
    if relation == "between":
        first, second = rng.permutation([1, 2])
        order = [groups[first], groups[0], groups[second]]
        return _in_strips(rng, order, [1 / 3, 2 / 3], rng.random() < 0.5)
    if relation == "alone":
        ((name, count),) = groups[0]
        if count == 1:
            size = rng.uniform(0.22, LARGEST)
            x, y = rng.uniform(size / 2, 1 - size / 2, 2)
            return [Spot(name, x, y, size, rng.uniform(-TURN, TURN))]
        return _in_strips(rng, groups, [], rng.random() < 0.5)
    most = [sum(count for _, count in group) for group in groups]
    middle = 0.5 + rng.uniform(-0.1, 0.1) if most[0] == most[1] else 0.5
    return _in_strips(rng, groups, [middle], relation == "above")


def _in_strips(rng, groups, borders, stacked):
    """Each group in a strip of its own, its things one after another along it.

    Strips stand side by side, or where `stacked` one above the other.
    """
    ends = [0.0, *borders, 1.0]
    spots = []
    for group, begin, end in zip(groups, ends, ends[1:], strict=False):
        names = [name for name, count in group for _ in range(count)]
        names = [names[i] for i in rng.permutation(len(names))]
        margin = GAP / 2
        width = end - begin - 2 * margin
        for i, name in enumerate(names):
            length = 1 / len(names) - 2 * margin
            room = min(width, length, LARGEST)
            size = rng.uniform(max(SMALLEST, 0.65 * room), max(SMALLEST, room))
            across = begin + margin + size / 2 + rng.uniform(0, width - size)
            along = i / len(names) + margin + size / 2 + rng.uniform(0, length - size)
            x, y = (along, across) if stacked else (across, along)
            spots.append(Spot(name, x, y, size, rng.uniform(-TURN, TURN)))
    return spots


def relations_of(boxes):
    """All that is true of boxes: `[i, relation, j]`, of "between" `[i, …, j, k]`.

    A box is left of another if it ends before the other begins, and likewise for the
    rest; one may be both left of another and above it. It is between two others if it
    lies after one and before the other, from left to right or from above to below.

    Args:
        boxes: `(x0, y0, x1, y1)` each.

    Example:

    >>> relations_of([(0, 0, 2, 2), (3, 0, 4, 1)])
    [[0, 'left of', 1], [1, 'right of', 0]]
    """
    found = []
    for i, a in enumerate(boxes):
        for j, b in enumerate(boxes):
            if i != j:
                for relation, holds in (
                    ("left of", a[2] <= b[0]),
                    ("right of", b[2] <= a[0]),
                    ("above", a[3] <= b[1]),
                    ("below", b[3] <= a[1]),
                ):
                    found += [[i, relation, j]] if holds else []
    facts = {tuple(fact) for fact in found}
    for i in range(len(boxes)):
        for j in range(len(boxes)):
            for k in range(j + 1, len(boxes)):
                pairs = (("right of", "left of"), ("below", "above"))
                if i not in (j, k) and any(
                    {(i, after, a), (i, before, b)} <= facts
                    for after, before in pairs
                    for a, b in ((j, k), (k, j))
                ):
                    found.append([i, "between", j, k])
    return found
