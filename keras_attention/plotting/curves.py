"""Curves with their intervals, a panel for each data set, one legend for all."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from keras_attention.plotting.fonts import font_families
from keras_attention.plotting.saving import save_figure

# Okabe and Ito's colours, which colour-blind people tell apart; on paper, the markers
# and the dashes do it.
STYLES = (
    {"color": "#0072B2", "marker": "o", "linestyle": "-"},
    {"color": "#D55E00", "marker": "s", "linestyle": "-"},
    {"color": "#E69F00", "marker": "^", "linestyle": "--"},
    {"color": "#009E73", "marker": "D", "linestyle": "-."},
    {"color": "#CC79A7", "marker": "v", "linestyle": ":"},
    {"color": "#56B4E9", "marker": "P", "linestyle": "--"},
)
PANEL_INCHES = (4.4, 3.1)
GREY = "#555555"


class Curve(NamedTuple):
    """One line with its interval; the same label has the same colour in all panels.

    Attributes:
        label: str.
        x: list of `N` float, in the unit that the panel's `x_label` says.
        y: list of `N` float, in that of `y_label`.
        low: list of `N` float. Lower ends of the intervals, as `y`.
        high: list of `N` float. Upper ends, as `y`.
    """

    label: str
    x: list
    y: list
    low: list
    high: list


class Panel(NamedTuple):
    """One pair of axes.

    Attributes:
        title: str.
        x_label: str. What is along the x axis, with its unit.
        y_label: str. The same, of the y axis.
        curves: list of `Curve`.
        top: float, optional. Upper end of the y axis; as high as the curves if None.
    """

    title: str
    x_label: str
    y_label: str
    curves: list
    top: float | None = None


def plot_curves(panels: Sequence[Panel], *, path: str | Path | None = None) -> Figure:
    """Draws panels side by side.

    Args:
        panels: list of `Panel`.
        path: str or path, optional. Where to save the figure; its ending chooses the
            format (`.png`, `.svg`, `.pdf`).

    Returns:
        The `matplotlib.figure.Figure`.

    Raises:
        ValueError: no curve, more than six labels, or a curve whose lists differ in
            length.

    Example:

    >>> curve = Curve("ours", [5, 15], [30, 20], [28, 17], [32, 23])
    >>> figure = plot_curves([Panel("en-de", "words", "BLEU", [curve])])
    >>> figure.axes[0].get_ylabel()
    'BLEU'

    References:
        Scores by length, as in figure 2 of
        [Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473), section 5.1.
    """
    labels = _check(panels)
    columns = min(len(panels), 2)
    rows = math.ceil(len(panels) / columns)
    width, height = PANEL_INCHES
    figure = Figure(
        figsize=(max(columns * width, 5.5), rows * height + 0.6), layout="constrained"
    )
    layout: Any = figure.get_layout_engine()
    layout.set(wspace=0.06, hspace=0.06)
    families = font_families("".join([*labels, *(panel.title for panel in panels)]))
    handles = {}
    for number, panel in enumerate(panels):
        axes = figure.add_subplot(rows, columns, number + 1)
        for curve in panel.curves:
            style = STYLES[labels.index(curve.label)]
            (handles[curve.label],) = _draw(axes, curve, style)
        _style(axes, panel, families)
    figure.legend(
        [handles[label] for label in labels],
        labels,
        loc="outside lower center",
        ncols=min(len(labels), 2),
        frameon=False,
        prop={"family": families, "size": 9},
    )
    if path is not None:
        save_figure(figure, path)
    return figure


def _draw(axes, curve, style):
    axes.fill_between(
        curve.x, curve.low, curve.high, color=style["color"], alpha=0.15, linewidth=0
    )
    return axes.plot(
        curve.x,
        curve.y,
        markersize=4.5,
        linewidth=1.6,
        markeredgecolor="white",
        markeredgewidth=0.5,
        **style,
    )


def _style(axes, panel, families):
    title = axes.set_title(panel.title, fontsize=10, loc="left", family=families)
    title.set_parse_math(False)
    axes.set_xlabel(panel.x_label, fontsize=9)
    axes.set_ylabel(panel.y_label, fontsize=9)
    axes.set_xlim(left=0)
    # A line at the very end of the axis would be cut in half.
    axes.set_ylim(0, None if panel.top is None else 1.02 * panel.top)
    small = axes.get_ylim()[1] < 5  # CIDEr-D, shares: whole numbers would say nothing.
    for axis, integer in ((axes.xaxis, True), (axes.yaxis, not small)):
        axis.set_major_locator(MaxNLocator(6, integer=integer, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, colors=GREY, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GREY)


def _check(panels):
    labels = list(
        dict.fromkeys(curve.label for panel in panels for curve in panel.curves)
    )
    if not labels or len(labels) > len(STYLES):
        raise ValueError(
            f"expected 1 to {len(STYLES)} different curves; received {len(labels)}"
        )
    for panel in panels:
        for curve in panel.curves:
            lengths = [len(values) for values in curve[1:]]
            if len(set(lengths)) != 1:
                raise ValueError(
                    "x, y, low and high of a curve must be of one length; received "
                    f"{lengths} for {curve.label!r} of {panel.title!r}"
                )
    return labels
