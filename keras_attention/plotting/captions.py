"""One panel a word: the image, lit where attention was when the word was said.

The panels are those of figures 2 and 3 of Xu et al. (2015); what is not attended to is
dark here and keeps some of its colour, so that it can be told what it is.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from keras_attention.byte_fallback import characters, mean_rows
from keras_attention.plotting.fonts import font_families
from keras_attention.plotting.heat_map import WORD_START
from keras_attention.plotting.overlay import (
    check_boxes,
    check_maps,
    check_window,
    checked_pixels,
    fit_panel,
    overlay,
    peak_place,
)
from keras_attention.plotting.page import (
    Page,
    line_height,
    shrink,
    wrap,
    wrap_spans,
)
from keras_attention.plotting.panels import (
    DOTS,
    GAP_INCHES,
    legend,
    panel_inches,
    rows_and_columns,
)
from keras_attention.plotting.saving import save_figure

END = "</s>"
NARROWEST_INCHES = 0.7  # room for a word
WORD_POINTS, SMALLEST_POINTS, WEIGHT_POINTS, TITLE_POINTS = 10, 7, 7, 10
RIGHT, WRONG = "#2ca02c", "#d62728"
WHOLE = (0.0, 0.0, 1.0, 1.0)

# Chinese and Japanese signs, Thai, Lao, Burmese, Khmer: no spaces between words.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ua4cf\uf900-\uffef]"
)


def plot_caption(
    image: np.ndarray,
    tokens: Sequence[str],
    attention: ArrayLike,
    *,
    window: tuple[float, float, float, float] = WHOLE,
    boxes: Any = None,
    title: str | None = None,
    join_words: bool = True,
    path: str | Path | None = None,
) -> Figure:
    """Draws what each word of a caption attended to.

    Below each panel stands the weight of the cell with the most attention; below all,
    what that and the boxes mean. Photographs get larger panels than small images.

    Args:
        image: uint8 `(H, W, 3)`.
        tokens: `T` str, subwords or words; a last "</s>" is left out.
        attention: float `(T, N, N)`, weights over the square that the model sees, rows
            from the top; for each token usually of sum 1.
        window: `(x0, y0, x1, y1)`, float: where the image lies in that square, whose
            sides are from 0 to 1. The whole of it by default.
        boxes: for each token a list of `(x0, y0, x1, y1)` in pixels of the image, of
            the thing that it names; or None. Drawn green where the peak of attention is
            inside of one, else red.
        title: str, optional.
        join_words: bool. Whether the subwords of a word share a panel; see `words_of`.
        path: str or path, optional. Where to save the figure; its ending chooses the
            format (`.png`, `.svg`, `.pdf`).

    Returns:
        The `matplotlib.figure.Figure`: the image, and a panel for each word.

    Raises:
        ValueError: shapes or numbers that do not fit, pixels that are not uint8,
            attention that is not finite, or a window without width or height.

    Example:

    >>> image = np.zeros((20, 30, 3), "uint8")
    >>> figure = plot_caption(image, ["▁a", "▁dog", "</s>"], np.ones((3, 4, 4)))
    >>> [axes.get_title() for axes in figure.axes]
    ['', 'a', 'dog']

    References:
        [Xu et al., 2015](https://arxiv.org/abs/1502.03044), section 5.4 and figures 2
        and 3.
    """
    image = checked_pixels(image)
    window = check_window(window)
    maps = check_maps(attention, len(tokens))
    boxes = _check_boxes_of_tokens(boxes, len(tokens))
    words = words_of(tokens, maps, boxes, join_words)
    # Of each panel: whether the peak is in a box; None where there is none.
    inside = [
        any(holds(box, peak_in(weights, image, window)) for box in things)
        if len(things)
        else None
        for _, weights, things in words
    ]
    explained = legend(inside, RIGHT, WRONG) if words else []
    texts = [*(word for word, _, _ in words), title or "", *(t for t, _ in explained)]
    families = font_families("".join(texts))

    inches = panel_inches(image.shape, 1 + len(words))
    side = round(inches * DOTS)
    height, width = (inches * s / max(image.shape[:2]) for s in image.shape[:2])
    width, height = max(width, 0.02), max(height, 0.02)  # a line of pixels is seen too
    column = max(width, NARROWEST_INCHES) + GAP_INCHES
    rows, columns = rows_and_columns(column - GAP_INCHES, 1 + len(words))
    titles = [_fit_word(word, column - 0.08, families) for word, _, _ in words]
    heading = wrap(title or "", columns * column - GAP_INCHES, families, TITLE_POINTS)
    top = len(heading) * line_height(TITLE_POINTS) + 0.05
    above = [
        0.06 + line_height(WORD_POINTS) * max([1, *(len(lines) for _, lines in row)])
        for row in _rows_of([(0, []), *titles], columns)
    ]
    below = 0.08 + line_height(WEIGHT_POINTS)
    bottom = top + sum(above) + rows * (height + below)
    notes = [
        (text, span, color)
        for text, color in explained
        for span in wrap_spans(text, columns * column, families, WEIGHT_POINTS)
    ]
    line = line_height(WEIGHT_POINTS)

    page = Page(columns * column, bottom + 0.06 + len(notes) * line, families)
    page.write(heading, columns * column / 2, 0, TITLE_POINTS, align="center")

    def place(panel):
        row, across = divmod(panel, columns)
        y = top + sum(above[: row + 1]) + row * (height + below)
        return across * column + (column - width) / 2, y, width, height

    page.show(fit_panel(image, side), *place(0))
    for number, (_, weights, things) in enumerate(words):
        panel = overlay(image, weights, window, side)
        axes = page.show(panel, *place(number + 1))
        points, lines = titles[number]
        page.title(axes, lines, points)
        axes.set_xlabel(
            f"{100 * weights.max():.0f} %", fontsize=WEIGHT_POINTS, labelpad=2
        )
        for box in things:
            draw_box(axes, box, image, RIGHT if inside[number] else WRONG)
    for number, (text, span, color) in enumerate(notes):
        y, marked = bottom + 0.06 + number * line, (0, 1 if color else 0)
        page.write_marked(text, [span], GAP_INCHES / 2, y, WEIGHT_POINTS, marked, color)
    if path is not None:
        save_figure(page.figure, path)
    return page.figure


def words_of(tokens, maps, boxes=None, join_words=True):
    """`(word, map, boxes)` of each panel; a last END is no word.

    Subwords that begin no word belong to the one before, signs of Chinese and other
    scripts without spaces excepted, which are left in their subwords. The bytes of a
    character are one. A word's map is the mean of its subwords', save of those that are
    no more than marks: the stop after a word did not attend where the word did.
    """
    if tokens and tokens[-1] == END:
        tokens, maps = tokens[:-1], maps[:-1]
    tokens, maps, boxes = _in_characters(tokens, maps, boxes)
    groups = []
    for step, token in enumerate(tokens):
        if join_words and groups and _continues(token, tokens[groups[-1][-1]]):
            groups[-1].append(step)
        else:
            groups.append([step])
    words = []
    for group in groups:
        text = "".join(tokens[step] for step in group).replace(WORD_START, " ").strip()
        telling = [step for step in group if any(map(str.isalnum, tokens[step]))]
        words.append(
            (
                text,
                maps[telling or group].mean(axis=0),
                [] if boxes is None else [box for step in group for box in boxes[step]],
            )
        )
    return words


def _in_characters(tokens, maps, boxes):
    """Tokens, maps and boxes, bytes put together."""
    if not tokens:
        return tokens, maps, boxes
    merged, starts = characters(tokens)
    if boxes is not None:
        ends = [*starts[1:], len(tokens)]
        boxes = [
            sum(map(list, boxes[a:b]), []) for a, b in zip(starts, ends, strict=True)
        ]
    return merged, mean_rows(maps, starts), boxes


def _continues(token, before):
    """Whether a subword belongs to the word of the one before."""
    if token.startswith(WORD_START):
        return False
    return before == WORD_START or not _UNSPACED.match(token)


def peak_in(weights, image, window=WHOLE):
    """Where attention has its peak, `(x, y)` in pixels of the image."""
    height, width = image.shape[:2]
    x, y = peak_place(weights, window)
    x0, y0, x1, y1 = window
    return (x - x0) / (x1 - x0) * width, (y - y0) / (y1 - y0) * height


def holds(box, point):
    """Whether a point lies in a box."""
    x0, y0, x1, y1 = box
    return x0 <= point[0] <= x1 and y0 <= point[1] <= y1


def draw_box(axes, box, image, color, linewidth=1.2):
    """Draws a box, in pixels of an image, on the panel that shows it."""
    height, width = axes.images[0].get_array().shape[:2]
    scale = np.array([width / image.shape[1], height / image.shape[0]] * 2)
    x0, y0, x1, y1 = np.asarray(box) * scale - 0.5
    rectangle = Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False)
    rectangle.set(edgecolor=color, linewidth=linewidth)
    axes.add_patch(rectangle)


def _fit_word(word, inches, families):
    """`(points, lines)`: one line if small letters make it one."""
    points = shrink(word, inches, families, WORD_POINTS, SMALLEST_POINTS)
    return points, wrap(word, inches, families, points)


def _rows_of(panels, columns):
    return [panels[i : i + columns] for i in range(0, len(panels), columns)]


def _check_boxes_of_tokens(boxes, count):
    if boxes is None:
        return None
    if len(boxes) != count:
        raise ValueError(
            f"boxes must be a list for each of {count} tokens, or None; received "
            f"{len(boxes)}"
        )
    return [check_boxes(each) for each in boxes]
