"""Many images with what was said of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from keras_attention.plotting.captions import (
    WHOLE,
    WRONG,
    draw_box,
    holds,
    peak_in,
)
from keras_attention.plotting.fonts import font_families
from keras_attention.plotting.overlay import (
    check_boxes,
    check_maps,
    check_window,
    checked_pixels,
    fit_panel,
    overlay,
)
from keras_attention.plotting.page import Page, line_height, wrap, wrap_spans
from keras_attention.plotting.panels import GAP_INCHES
from keras_attention.plotting.saving import save_figure

IMAGE_INCHES = 1.5  # the longer side, of two beside each other
TILE_INCHES = 2.0  # the longer side, in a grid
BELOW_INCHES = 0.04  # between an image and what is written below it
INDENT_INCHES = 0.16  # of captions, after their marks
TEXT_POINTS, NOTE_POINTS = 8, 7.5
TRUE, FALSE, SAID = "✓", "✗", "›"
GREY, SEEN, UNSEEN = "#555555", "#ffd92f", "#a8a8a8"


class Saying(NamedTuple):
    """An image, what is true of it, and what was said, of which one word is wrong."""

    image: Any
    """uint8 `(H, W, 3)`."""
    truth: str
    """A right caption."""
    said: str
    """The caption."""
    word: str = ""
    """What is wrong in it."""
    attention: Any = None
    """float `(N, N)`, of that word; or None."""
    boxes: tuple = ()
    """`(x0, y0, x1, y1)` in pixels, of what there is."""
    note: str = ""
    """What stood where attention was."""
    start: int = 0
    """The first place in `said` where the wrong word may begin: the second "dog" is
    wrong of two."""
    window: tuple = WHOLE
    """Where the image lies in the square that attention is over."""


def plot_gallery(sayings, *, columns=3, path=None):
    """Draws captions with a wrong word, and where attention was when it was said.

    The wrong word is red. Boxes are yellow where the peak of attention is inside of
    them, else grey.

    Args:
        sayings: list of `Saying`.
        columns: int. Sayings side by side.
        path: str or path, optional. Where to save the figure.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ValueError: no sayings, or shapes that do not fit.

    Example:

    >>> image = np.zeros((20, 30, 3), "uint8")
    >>> saying = Saying(image, "a dog", "a cat", "cat", np.ones((4, 4)))
    >>> [axes.get_title() for axes in plot_gallery([saying]).axes]
    ['', '“cat”']
    """
    if not sayings:
        raise ValueError("expected at least one saying to draw; received none")
    _check_columns(columns)
    text = "".join(each.truth + each.said + each.word + each.note for each in sayings)
    families = font_families(text + TRUE + FALSE + SAID)
    blocks = [_Block(saying, families) for saying in sayings]
    columns = min(columns, len(sayings))
    rows = [blocks[start : start + columns] for start in _starts(blocks, columns)]
    heights = [
        [max(parts) for parts in zip(*(block.heights for block in row), strict=True)]
        for row in rows
    ]
    column = _Block.width + 2 * GAP_INCHES
    page = Page(columns * column, sum(map(sum, heights)), families)
    y = 0.0
    for row, parts in zip(rows, heights, strict=True):
        for number, block in enumerate(row):
            block.draw(page, number * column, y, parts)
        y += sum(parts)
    if path is not None:
        save_figure(page.figure, path)
    return page.figure


class _Block:
    """One saying: its captions above, the image and the map, a note below."""

    width = 2 * IMAGE_INCHES + GAP_INCHES

    def __init__(self, saying, families):
        self.saying = saying
        self.image = checked_pixels(saying.image)
        self.window = check_window(saying.window)
        self.boxes = check_boxes(saying.boxes)
        self.weights = None
        if saying.attention is not None:
            (self.weights,) = check_maps([saying.attention], 1)
        room = self.width - INDENT_INCHES
        self.truth = wrap_spans(saying.truth, room, families, TEXT_POINTS)
        self.said = wrap_spans(saying.said, room, families, TEXT_POINTS)
        # Beside the image, so that notes of neighbours never meet.
        self.title = wrap(f"“{saying.word}”", IMAGE_INCHES, families, TEXT_POINTS + 1)
        self.note = wrap(saying.note, IMAGE_INCHES, families, NOTE_POINTS)

    @property
    def heights(self):
        """Inches of the captions, the title, the images and the note."""
        return (
            line_height(TEXT_POINTS) * (len(self.truth) + len(self.said)) + 0.05,
            line_height(TEXT_POINTS + 1) * len(self.title) + 0.02,
            _shape(self.image, IMAGE_INCHES)[1],
            0.25 + line_height(NOTE_POINTS) * len(self.note),
        )

    def draw(self, page, x, y, heights):
        """Draws it from `(x, y)` on, in the heights that its row has."""
        self._write(page, x, y)
        y += heights[0] + heights[1]
        place = _centred(self.image, x, y, IMAGE_INCHES)
        page.show(fit_panel(self.image), *place)
        if self.weights is None:
            return
        x += IMAGE_INCHES + GAP_INCHES
        place = _centred(self.image, x, y, IMAGE_INCHES)
        axes = page.show(overlay(self.image, self.weights, self.window), *place)
        peak = peak_in(self.weights, self.image, self.window)
        for box in self.boxes:
            color, linewidth = (SEEN, 1.2) if holds(box, peak) else (UNSEEN, 0.7)
            draw_box(axes, box, self.image, color, linewidth)
        if self.saying.word:
            page.title(axes, self.title, TEXT_POINTS + 1, WRONG)
        y += place[3] + BELOW_INCHES
        x += IMAGE_INCHES / 2
        page.write(self.note, x, y, NOTE_POINTS, align="center", color=GREY)

    def _write(self, page, x, y):
        saying = self.saying
        start = saying.said.find(saying.word, saying.start)
        wrong = (start, start + len(saying.word)) if start >= 0 else (0, 0)
        for mark, text, spans, marked in (
            (TRUE, saying.truth, self.truth, (0, 0)),
            (FALSE if saying.word else SAID, saying.said, self.said, wrong),
        ):
            page.write([mark], x, y, TEXT_POINTS, color=GREY)
            page.write_marked(
                text, spans, x + INDENT_INCHES, y, TEXT_POINTS, marked, WRONG
            )
            y += len(spans) * line_height(TEXT_POINTS)


def plot_images(
    images: Sequence[np.ndarray],
    captions: Sequence[str],
    *,
    columns: int = 4,
    path: str | Path | None = None,
) -> Figure:
    """Draws images in a grid, each with its caption below.

    Args:
        images: list of uint8 `(H, W, 3)`, of any sizes.
        captions: list of str, as many.
        columns: int from 1. Images side by side.
        path: str or path, optional. Where to save the figure; its ending chooses the
            format (`.png`, `.svg`, `.pdf`).

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ValueError: numbers that differ, none, pixels that are not uint8 `(H, W, 3)`,
            or fewer than one column.

    Example:

    >>> figure = plot_images([np.zeros((20, 30, 3), "uint8")], ["a night"])
    >>> figure.texts[0].get_text()
    'a night'
    """
    if not len(images) or len(images) != len(captions):
        raise ValueError(
            "expected as many images as captions, at least one; received "
            f"{len(images)} and {len(captions)}"
        )
    _check_columns(columns)
    columns = min(columns, len(images))
    families = font_families("".join(captions))
    images = [checked_pixels(image) for image in images]
    lines = [wrap(text, TILE_INCHES, families, TEXT_POINTS) for text in captions]
    rows = [range(i, min(i + columns, len(images))) for i in _starts(images, columns)]
    tall = [max(_shape(images[i], TILE_INCHES)[1] for i in row) for row in rows]
    below = [
        0.15 + line_height(TEXT_POINTS) * max(len(lines[i]) for i in row)
        for row in rows
    ]
    page = Page(
        columns * (TILE_INCHES + GAP_INCHES) - GAP_INCHES,
        sum(tall) + sum(below),
        families,
    )
    y = 0.0
    for row, height, room in zip(rows, tall, below, strict=True):
        for number, i in enumerate(row):
            x = number * (TILE_INCHES + GAP_INCHES)
            place = _centred(images[i], x, y, TILE_INCHES)
            page.show(fit_panel(images[i]), *place)
            middle, end = x + TILE_INCHES / 2, y + place[3] + BELOW_INCHES
            page.write(lines[i], middle, end, TEXT_POINTS, align="center")
        y += height + room
    if path is not None:
        save_figure(page.figure, path)
    return page.figure


def _shape(image, inches):
    """Width and height of an image whose longer side has so many inches."""
    height, width = image.shape[:2]
    return inches * width / max(width, height), inches * height / max(width, height)


def _centred(image, x, y, inches):
    """`(x, y, width, height)` in the middle of a column."""
    width, height = _shape(image, inches)
    return x + (inches - width) / 2, y, width, height


def _starts(items, columns):
    return range(0, len(items), columns)


def _check_columns(columns):
    if columns < 1:
        raise ValueError(f"columns must be 1 or more; received {columns}")
