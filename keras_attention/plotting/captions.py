"""One panel a word: the picture, lit where attention was when the word was said."""

import math

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from keras_attention.plotting.fonts import font_families
from keras_attention.plotting.heat_map import WORD_START
from keras_attention.plotting.overlay import (
    check_maps,
    check_picture,
    fit_panel,
    overlay,
    peak_place,
)
from keras_attention.plotting.saving import save_figure

END = "</s>"
PANEL_INCHES = 1.45
MOST_COLUMNS = 6
RIGHT, WRONG = "#2ca02c", "#d62728"
WHOLE = (0.0, 0.0, 1.0, 1.0)


def plot_caption(
    picture,
    tokens,
    attention,
    *,
    window=WHOLE,
    boxes=None,
    title=None,
    join_words=True,
    path=None,
):
    """Draws where each word of a caption was looked up.

    Args:
        picture: uint8 `(H, W, 3)`.
        tokens: `T` str, pieces of SentencePiece or words; a last "</s>" is left out.
        attention: float `(T, N, N)`, over the square that the model sees.
        window: `(x0, y0, x1, y1)`: where the picture lies in that square, whose sides
            are from 0 to 1. The whole of it by default.
        boxes: for each token a list of `(x0, y0, x1, y1)` in pixels of the picture, of
            the thing that it names; or None. Drawn green where the peak of attention is
            inside of one, else red.
        title: str, optional.
        join_words: bool. Whether the pieces of a word share a panel, with their mean.
        path: str or path, optional. Where to save the picture.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ValueError: shapes that do not fit.

    Example:

    >>> picture = np.zeros((20, 30, 3), "uint8")
    >>> figure = plot_caption(picture, ["▁a", "▁dog", "</s>"], np.ones((3, 4, 4)))
    >>> [axes.get_title() for axes in figure.axes]
    ['', 'a', 'dog']
    """
    picture = check_picture(picture)
    maps = check_maps(attention, len(tokens))
    if boxes is not None and len(boxes) != len(tokens):
        raise ValueError(
            f"boxes must be a list for each of {len(tokens)} tokens, or None; received "
            f"{len(boxes)}"
        )
    words = words_of(tokens, maps, boxes, join_words)
    rows = math.ceil((1 + len(words)) / MOST_COLUMNS)
    columns = math.ceil((1 + len(words)) / rows)
    height, width = picture.shape[:2]
    shape = (width / max(width, height), height / max(width, height))
    figure = Figure(
        figsize=(
            columns * (PANEL_INCHES * shape[0] + 0.12),
            rows * (PANEL_INCHES * shape[1] + 0.42) + (0.3 if title else 0),
        ),
        layout="constrained",
    )
    families = font_families("".join([*(word for word, _, _ in words), title or ""]))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    _show(grid[0], fit_panel(picture))
    for axes, (word, weights, things) in zip(grid[1:], words, strict=False):
        _show(axes, overlay(picture, weights, window))
        text = axes.set_title(word, fontsize=10, family=families, pad=3)
        text.set_parse_math(False)
        axes.set_xlabel(f"{100 * float(weights.max()):.0f} %", fontsize=7, labelpad=2)
        _draw_boxes(axes, things, picture.shape, peak_place(weights), window)
    for axes in grid[1 + len(words) :]:
        axes.remove()
    if title:
        figure.suptitle(title, fontsize=10, family=families).set_parse_math(False)
    if path is not None:
        save_figure(figure, path)
    return figure


def words_of(tokens, maps, boxes=None, join_words=True):
    """`(word, map, boxes)` of each panel; a last END is no word.

    Pieces that begin no word belong to the one before, whose map is the mean of all.
    Text without word marks, as Chinese, is left in its pieces.
    """
    if tokens and tokens[-1] == END:
        tokens, maps = tokens[:-1], maps[:-1]
    groups = []
    spaced = sum(token.startswith(WORD_START) for token in tokens) > 1
    for step, token in enumerate(tokens):
        if join_words and spaced and groups and not token.startswith(WORD_START):
            groups[-1].append(step)
        else:
            groups.append([step])
    return [
        (
            "".join(tokens[step] for step in group).replace(WORD_START, " ").strip(),
            maps[group].mean(axis=0),
            [] if boxes is None else [box for s in group for box in boxes[s] or ()],
        )
        for group in groups
    ]


def _show(axes, pixels):
    axes.imshow(pixels, interpolation="antialiased")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_boxes(axes, boxes, shape, peak, window):
    """Thin rectangles, in the colour of whether the peak is inside of one."""
    height, width = shape[:2]
    scale = max(axes.images[0].get_array().shape[:2]) / max(height, width)
    x = (peak[0] - window[0]) / (window[2] - window[0]) * width
    y = (peak[1] - window[1]) / (window[3] - window[1]) * height
    inside = any(x0 <= x <= x1 and y0 <= y <= y1 for x0, y0, x1, y1 in boxes)
    for x0, y0, x1, y1 in boxes:
        axes.add_patch(
            Rectangle(
                (x0 * scale - 0.5, y0 * scale - 0.5),
                (x1 - x0) * scale,
                (y1 - y0) * scale,
                fill=False,
                linewidth=1.2,
                edgecolor=RIGHT if inside else WRONG,
            )
        )
