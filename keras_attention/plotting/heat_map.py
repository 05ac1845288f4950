"""Heat maps of attention: a row for each target token, a column for each source token.

They are drawn as in figure 3 of Bahdanau et al. (2015), the source along the top.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from keras_attention.byte_fallback import characters, mean_rows, sum_columns
from keras_attention.plotting.fonts import font_families
from keras_attention.plotting.saving import save_figure

WORD_START = "\u2581"  # SentencePiece writes it for the space before a word

# They draw nothing: letters of Persian and of Indian scripts join by them, or do not.
JOINERS = "\u200c\u200d"

COLOR_MAP = "viridis"  # as bright as it is large, for every kind of eye and on paper
CELL_INCHES = 0.3
SMALLEST_CELL_INCHES = 0.13
LARGEST_INCHES = 24.0


def plot_attention(
    attention_scores: ArrayLike,
    source_tokens: Sequence[str],
    target_tokens: Sequence[str],
    *,
    title: str | None = None,
    path: str | Path | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draws what each target token attends to.

    Args:
        attention_scores: float `(T, S)`. Rows for the target, columns for the source;
            weights, usually from 0 to 1. The brightest colour is the highest of them.
        source_tokens: `S` str. The bytes of a character share a column, or a row.
        target_tokens: `T` str.
        title: str, optional. Written above.
        path: str or path, optional. Where to save the figure; its ending chooses the
            format (`.png`, `.svg`, `.pdf`). Folders are made, and a reader never sees
            half a file.
        figure: a `matplotlib.figure.Figure` to draw on, instead of a new one that fits.

    Returns:
        The `matplotlib.figure.Figure`. Notebooks show it; pyplot knows nothing of it.

    Raises:
        ValueError: scores and tokens whose numbers differ, none, or scores that are
            not finite.

    Example:

    >>> figure = plot_attention(
    ...     [[0.9, 0.1], [0.2, 0.8]], ["good", "morning"], ["guten", "Morgen"]
    ... )
    >>> figure.axes[0].get_xlabel()
    'source'

    References:
        [Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473), section 5.2.1 and
        figure 3.
    """
    scores = _check(attention_scores, source_tokens, target_tokens, ("T", "S"))
    scores, source, target = _in_characters(scores, source_tokens, target_tokens)
    labels = _Labels(source, target, title)
    if figure is None:
        figure = labels.new_figure(rows=1, columns=1)
    axes = figure.add_subplot()
    image = _draw(axes, scores, labels, _upper_end(scores))
    axes.set_xlabel("source")
    axes.set_ylabel("target")
    return _finish(figure, image, [axes], labels, title, path)


def plot_heads(
    attention_scores: ArrayLike,
    source_tokens: Sequence[str],
    target_tokens: Sequence[str],
    *,
    title: str | None = None,
    path: str | Path | None = None,
) -> Figure:
    """Draws the heat maps of several heads in a grid, with one scale for all.

    Args:
        attention_scores: float `(H, T, S)`, or any first axis, such as layers.
        source_tokens: `S` str. The bytes of a character share a column, or a row.
        target_tokens: `T` str.
        title: str, optional. Written above.
        path: str or path, optional, as in `plot_attention`.

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ValueError: scores and tokens whose numbers differ, no heads, or scores that
            are not finite.

    Example:

    >>> scores = np.full((3, 2, 2), 0.5)
    >>> figure = plot_heads(scores, ["good", "morning"], ["guten", "Morgen"])
    >>> [axes.get_xlabel() for axes in figure.axes[:3]]
    ['head 1', 'head 2', 'head 3']

    References:
        [Vaswani et al., 2017](https://arxiv.org/abs/1706.03762), the figures of its
        appendix.
    """
    scores = _check(attention_scores, source_tokens, target_tokens, ("H", "T", "S"))
    scores, source, target = _in_characters(scores, source_tokens, target_tokens)
    labels = _Labels(source, target, title)
    columns = min(4, math.ceil(math.sqrt(len(scores))))
    rows = math.ceil(len(scores) / columns)
    figure = labels.new_figure(rows, columns)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for number, axes in enumerate(grid):
        if number >= len(scores):
            axes.remove()
            continue
        image = _draw(axes, scores[number], labels, _upper_end(scores))
        axes.set_xlabel(f"head {number + 1}")
        # The tokens stand once, along the top and down the left.
        axes.tick_params(labeltop=number < columns, labelleft=number % columns == 0)
    used = list(grid[: len(scores)])
    return _finish(figure, image, used, labels, title, path)


class _Labels:
    """The tokens as they are drawn, and the room that they take."""

    def __init__(self, source_tokens, target_tokens, title):
        tokens = [*source_tokens, *target_tokens]
        # Where every token starts a word, the mark for it says nothing.
        plain = all(token[:1] in (WORD_START, "<") for token in tokens)
        self.source = [_readable(token, plain) for token in source_tokens]
        self.target = [_readable(token, plain) for token in target_tokens]
        text = [*self.source, *self.target, title or ""]
        self.families = font_families("".join(text))
        self.cell = CELL_INCHES

    def new_figure(self, rows, columns):
        """A figure with room for a grid of heat maps; many tokens get small cells."""
        num_columns, num_rows = columns * len(self.source), rows * len(self.target)
        self.cell = LARGEST_INCHES / max(num_columns, num_rows)
        self.cell = min(max(self.cell, SMALLEST_CELL_INCHES), CELL_INCHES)
        size = self.font_size / 72 * 0.65  # inches that a character is wide, or so
        left = size * max(map(len, self.target)) + 0.8
        top = size * max(map(len, self.source)) + 0.7
        bar = 1.0
        width = max(left + num_columns * self.cell + 0.3 * columns + bar, 3.5)
        height = max(top + num_rows * self.cell + 0.5 * rows, 2.5)
        return Figure(figsize=(width, height), layout="constrained")

    @property
    def font_size(self):
        return min(10.0, self.cell * 72 * 0.62)


def _readable(token, plain):
    if plain and token.startswith(WORD_START) and token != WORD_START:
        token = token[1:]
    token = token.replace(WORD_START, "_")  # the mark itself is drawn far too bold
    shown = JOINERS if any(map(str.isalnum, token)) else ""
    return "".join(c if c.isprintable() or c in shown else repr(c)[1:-1] for c in token)


def _draw(axes, scores, labels, upper_end):
    image = axes.imshow(
        scores, cmap=COLOR_MAP, vmin=0, vmax=upper_end, interpolation="nearest"
    )
    # Dollars are prices here, not formulas.
    style = {
        "family": labels.families,
        "fontsize": labels.font_size,
        "parse_math": False,
    }
    axes.set_xticks(range(len(labels.source)), labels.source, rotation=90, **style)
    axes.set_yticks(range(len(labels.target)), labels.target, **style)
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=2)
    return image


def _finish(figure, image, axes, labels, title, path):
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02, aspect=15)
    bar.set_label("attention weight")
    if title:
        text = figure.suptitle(title, family=labels.families)
        text.set_parse_math(False)
    if path is not None:
        save_figure(figure, path)
    return figure


def _upper_end(scores):
    """The brightest colour: the highest score, so that faint heads are seen too."""
    return float(scores.max()) or 1.0


def _in_characters(scores, source_tokens, target_tokens):
    """Bytes put together, `(scores, source tokens, target tokens)`."""
    source_tokens, source_starts = characters(source_tokens)
    target_tokens, starts = characters(target_tokens)
    scores = np.moveaxis(sum_columns(scores, source_starts), -2, 0)  # (T, ..., S)
    return np.moveaxis(mean_rows(scores, starts), 0, -2), source_tokens, target_tokens


def _check(attention_scores, source_tokens, target_tokens, axes):
    scores = np.asarray(attention_scores, "float32")
    if scores.ndim != len(axes) or 0 in scores.shape:
        raise ValueError(
            f"expected attention scores ({', '.join(axes)}), no axis empty; "
            f"received the shape {scores.shape}"
        )
    expected = (len(target_tokens), len(source_tokens))
    if scores.shape[-2:] != expected:
        raise ValueError(
            f"expected attention scores whose last axes are {expected}, for "
            f"{expected[0]} target tokens and {expected[1]} source tokens; "
            f"received the shape {scores.shape}"
        )
    if not np.isfinite(scores).all():
        raise ValueError("attention scores must be finite; received NaN or infinity")
    return scores
