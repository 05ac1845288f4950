"""Many pictures with what was said of them."""

import math
import textwrap
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from keras_attention.plotting.captions import WHOLE, WRONG, _draw_boxes, _show
from keras_attention.plotting.fonts import font_families
from keras_attention.plotting.overlay import (
    check_maps,
    check_picture,
    fit_panel,
    overlay,
    peak_place,
)
from keras_attention.plotting.saving import save_figure

GREY = "#555555"
WRAP = 34  # characters of a line under a picture


class Saying(NamedTuple):
    """A picture, what is true of it, and what was said, of which one word is wrong."""

    picture: Any
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


def plot_gallery(sayings, *, columns=3, path=None):
    """Draws captions with a wrong word, and where was looked when it was said.

    Args:
        sayings: list of `Saying`.
        columns: int. Sayings side by side.
        path: str or path, optional. Where to save the picture.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ValueError: no sayings, or shapes that do not fit.
    """
    if not sayings:
        raise ValueError("expected at least one saying to draw; received none")
    columns = min(columns, len(sayings))
    rows = math.ceil(len(sayings) / columns)
    figure = Figure(figsize=(columns * 3.3, rows * 2.45), layout="constrained")
    text = "".join(s.truth + s.said + s.word + s.note for s in sayings)
    families = font_families(text)
    cells = figure.subfigures(rows, columns, squeeze=False, wspace=0.04, hspace=0.04)
    for cell, saying in zip(cells.ravel(), sayings, strict=False):
        _draw_saying(cell, saying, families)
    if path is not None:
        save_figure(figure, path)
    return figure


def _draw_saying(cell, saying, families):
    picture = check_picture(saying.picture)
    left, right = cell.subplots(1, 2)
    _show(left, fit_panel(picture))
    if saying.attention is None:
        right.remove()
    else:
        (weights,) = check_maps([saying.attention], 1)
        _show(right, overlay(picture, weights))
        _draw_boxes(right, saying.boxes, picture.shape, peak_place(weights), WHOLE)
        _write(right.set_title, f"“{saying.word}”", families, color=WRONG, fontsize=9)
        if saying.note:
            _write(right.set_xlabel, saying.note, families, color=GREY, fontsize=7.5)
    _write(left.set_title, "", families, fontsize=9)
    truth, said = (
        "\n".join(
            textwrap.wrap(f"{mark} {text}", 3 * WRAP // 2, subsequent_indent="   ")
        )
        for mark, text in (("✓", saying.truth), ("✗", saying.said))
    )
    _write(cell.suptitle, f"{truth}\n{said}", families, fontsize=8, ha="left", x=0.03)


def plot_pictures(pictures, captions, *, columns=4, path=None):
    """Draws pictures in a grid, each with its caption below.

    Args:
        pictures: list of uint8 `(H, W, 3)`.
        captions: list of str, as many.
        columns: int.
        path: str or path, optional. Where to save the picture.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ValueError: numbers that differ, or none.
    """
    if not len(pictures) or len(pictures) != len(captions):
        raise ValueError(
            "expected as many pictures as captions, at least one; received "
            f"{len(pictures)} and {len(captions)}"
        )
    columns = min(columns, len(pictures))
    rows = math.ceil(len(pictures) / columns)
    figure = Figure(figsize=(columns * 2.0, rows * 2.4), layout="constrained")
    families = font_families("".join(captions))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, picture, caption in zip(grid, pictures, captions, strict=False):
        _show(axes, fit_panel(check_picture(picture)))
        # Scripts without spaces are wider, and may be broken anywhere.
        width = WRAP - 6 if caption.isascii() or " " in caption else WRAP // 2
        text = "\n".join(textwrap.wrap(caption, width))
        _write(axes.set_xlabel, text, families, fontsize=8)
    for axes in grid[len(pictures) :]:
        axes.remove()
    if path is not None:
        save_figure(figure, path)
    return figure


def _write(write, text, families, **style):
    write(text, family=families, **style).set_parse_math(False)
