"""Is attention on the thing whose name is being said?"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_attention.plotting.overlay import peak_place


class NameAttention(NamedTuple):
    """Where attention was while one thing was named."""

    name: str
    """The thing's identifier."""
    inside: float
    """Share of attention inside of the thing's boxes."""
    hit: bool
    """Whether the centre of the most attended cell lies inside; of what is image in
    it, where the image does not fill its square."""
    area: float
    """Share of the image's cells that the boxes cover: `inside` by chance."""


@dataclasses.dataclass(frozen=True)
class Pointing:
    """Attention compared with boxes, over all names said of things that are there."""

    correctness: float
    """Mean share of attention inside of the box of what is being said (Liu et al.,
    2017, "attention correctness")."""
    pointing: float
    """Share of names at which attention's peak is inside (Zhang et al., 2016, the
    "pointing game")."""
    chance: float
    """Mean share of the image that the boxes cover: what attention spread evenly,
    or a random peak, would have."""
    words: int
    """Names compared."""
    absent: int
    """Names of things that are not there, which are left out."""

    def as_dict(self):
        """Names and numbers, for JSON."""
        return dataclasses.asdict(self)

    def __str__(self):
        return (
            f"attention inside the box {100 * self.correctness:.1f} %  "
            f"peak inside {100 * self.pointing:.1f} %  chance "
            f"{100 * self.chance:.1f} % ({self.words} names; {self.absent} of things "
            "that are not there)"
        )


def measure_pointing(
    captions: Sequence[Any],
    truths: Sequence[dict],
    mentions: Sequence[Sequence[tuple[int, int, str]]],
    image_size: int,
) -> Pointing:
    """Compares the attention of captions with the boxes of what they name.

    Args:
        captions: `Caption`s with attention.
        truths: of each image, `{"objects": [{"name", "box"}, …]}`; boxes
            `(x0, y0, x1, y1)` in pixels of the model's square.
        mentions: of each caption, `(begin, end, name)` of what it names.
        image_size: int. The square's side.

    Returns:
        `Pointing`; all zero where nothing was named that is there.

    Raises:
        ValueError: a caption without attention.

    References:
        [Liu et al., 2017](https://arxiv.org/abs/1605.09553);
        [Zhang et al., 2016](https://arxiv.org/abs/1608.00507).
    """
    attentions: list[NameAttention] = []
    absent = 0
    for caption, truth, named in zip(captions, truths, mentions, strict=True):
        found = name_attention(caption, truth, named, image_size)
        attentions += [each for each in found if each is not None]
        absent += found.count(None)
    if not attentions:
        return Pointing(0.0, 0.0, 0.0, 0, absent)
    return Pointing(
        float(np.mean([each.inside for each in attentions])),
        float(np.mean([each.hit for each in attentions])),
        float(np.mean([each.area for each in attentions])),
        len(attentions),
        absent,
    )


def name_attention(caption, truth, mentions, image_size):
    """A `NameAttention` for each mention; None for a thing that is not in the image.

    The attention of a name is the mean over the subwords of its phrase, "two dogs",
    since models differ in when they attend: some at the article, some at the noun.
    Several things of one name share their boxes. What was said without a subword
    of its own counts as not there.

    Args:
        caption: `Caption`, or what has its `attention` `(T, N, N)`, in `spans`
            `(begin, end)` of each of the `T` subwords in the text, and perhaps its
            `window`.
        truth: `{"objects": [{"name", "box"}, …]}`.
        mentions: `(begin, end, name)` each.
        image_size: int. The side of the square in which boxes are measured.

    Raises:
        ValueError: a caption without attention.
    """
    if caption.attention is None:
        raise ValueError(
            "measuring where a caption attends takes its attention; received one "
            "without: ask for return_attention=True, of a model that attends"
        )
    attentions: list[NameAttention | None] = []
    for begin, end, name in mentions:
        boxes = [each["box"] for each in truth["objects"] if each["name"] == name]
        steps = [
            step
            for step, (first, last) in enumerate(caption.spans)
            if first < end and last > begin
        ]
        if not boxes or not steps:
            attentions.append(None)
            continue
        attention = caption.attention[steps].mean(axis=0)  # (N, N)
        window = getattr(caption, "window", None) or (0, 0, image_size, image_size)
        covered, visible = covered_shares(boxes, window, image_size, len(attention))
        place = peak_place(attention, [edge / image_size for edge in window])
        x, y = (image_size * share for share in place)
        hit = any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in boxes)
        inside = float((attention * covered).sum())
        attentions.append(
            NameAttention(name, inside, hit, float(covered[visible].mean()))
        )
    return attentions


def covered_shares(boxes, window, image_size, grid_size):
    """`(shares, visible)`: how much of the image in each cell boxes cover, and bool
    `(N, N)`, which cells show any; others are `covered_cells`.

    Args:
        window: `(x0, y0, x1, y1)`: where in the square the image lies.
        others: of `covered_cells`.
    """
    x0, y0, x1, y1 = window
    boxes = np.reshape(boxes, (-1, 4))
    boxes = np.clip(boxes, [x0, y0, x0, y0], [x1, y1, x1, y1])
    room = covered_cells([window], image_size, grid_size)
    covered = covered_cells(boxes, image_size, grid_size)
    return covered / np.where(room > 0, room, 1), room > 0


def covered_cells(boxes, image_size, grid_size):
    """How much of each cell boxes cover, from 0 to 1.

    Args:
        boxes: `(x0, y0, x1, y1)` each, in pixels.
        image_size: int.
        grid_size: int, N.

    Returns:
        float `(N, N)`. Where boxes overlap, they cover a place once.

    Example:

    >>> covered_cells([(0, 0, 6, 4)], image_size=8, grid_size=2).tolist()
    [[1.0, 0.5], [0.0, 0.0]]
    """
    boxes = np.clip(np.reshape(boxes, (-1, 4)).astype("float64"), 0, image_size)
    borders = np.linspace(0, image_size, grid_size + 1)
    # All edges cut the square into pieces, each wholly in boxes or wholly outside.
    xs = np.unique(np.concatenate([borders, boxes[:, 0], boxes[:, 2]]))
    ys = np.unique(np.concatenate([borders, boxes[:, 1], boxes[:, 3]]))
    x0, y0, x1, y1 = boxes.T[:, :, None]
    columns = (x0 <= xs[:-1]) & (xs[1:] <= x1)  # (boxes, pieces)
    rows = (y0 <= ys[:-1]) & (ys[1:] <= y1)
    inside = (rows[:, :, None] & columns[:, None, :]).any(axis=0)
    areas = inside * np.outer(np.diff(ys), np.diff(xs))
    covered = np.add.reduceat(areas, np.searchsorted(ys, borders[:-1]), axis=0)
    covered = np.add.reduceat(covered, np.searchsorted(xs, borders[:-1]), axis=1)
    return covered / (image_size / grid_size) ** 2
