"""Pages measured in inches from the upper left: rows of images stay in line.

Text is measured before a page is made, so that there is room for it: it is wrapped at
spaces, or anywhere in scripts that are written without them.
"""

import functools
import re
import warnings
from typing import Any

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Annotation
from matplotlib.textpath import text_to_path

LEADING = 1.32  # heights of a line of text, in sizes of its font
SLACK = 1.03  # letters that are fitted to pixels may be wider than they are measured
INK = "#000000"

# Chinese and Japanese signs, each of which may end a line, unless such a mark follows.
_SIGN = "[\u2e80-\u312f\u3190-\ua4cf\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
_CLOSING = (
    "[\u3001\u3002\u3009\u300b\u300d\u300f\u3011\uff01\uff09\uff0c\uff1a\uff1b\uff1f]"
)
_UNIT = re.compile(rf"\s*(?:{_SIGN}|(?:(?!{_SIGN})\S)+){_CLOSING}*")


class Page:
    """A figure of a size, on which things are placed.

    Args:
        width: float. Inches.
        height: float. Inches.
        families: list of str. Fonts, of `font_families`.
    """

    def __init__(self, width, height, families):
        self.width, self.height = width, height
        self.families = families
        self.figure = Figure(figsize=(width, height))

    def show(self, pixels, x, y, width, height):
        """Puts an image into a rectangle; returns its axes, without ticks or frame."""
        place = (
            x / self.width,
            1 - (y + height) / self.height,
            width / self.width,
            height / self.height,
        )
        axes = self.figure.add_axes(place)
        axes.imshow(pixels, interpolation="antialiased")
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        return axes

    def write(self, lines, x, y, points, align="left", color=INK):
        """Writes lines, the first one's upper end at `y`; `x` is their left or middle.

        Lines with long and with short letters are equally far from each other.
        """
        for number, line in enumerate(lines):
            self.figure.text(
                x / self.width,
                self._base(y, number, points),
                line,
                ha=align,
                **self._style(points, color),
            )

    def write_marked(self, text, spans, x, y, points, marked, color):
        """Writes the lines of a text, a part of it in another colour.

        Args:
            text: str.
            spans: list of `(start, end)`, its lines.
            x: float. Left end.
            y: float. Upper end of the first line.
            points: float. Size of the font.
            marked: `(start, end)`: what is coloured.
            color: str.
        """
        text = _in_one_line(text)
        for number, (start, end) in enumerate(spans):
            base = self._base(y, number, points)
            at: float = x / self.width
            anchor: Any = self.figure.transFigure
            first, last = (min(max(place, start), end) for place in marked)
            for begin, stop, ink in (
                (start, first, INK),
                (first, last, color),
                (last, end, INK),
            ):
                if begin == stop:
                    continue
                # Each part begins where the one before ends, whatever draws it.
                part = Annotation(
                    text[begin:stop],
                    (at, base),
                    xycoords=(anchor, self.figure.transFigure),
                    annotation_clip=False,
                    **self._style(points, ink),
                )
                self.figure.add_artist(part)
                at, anchor = 1, part

    def title(self, axes, lines, points, color=INK):
        """Writes lines above an image."""
        axes.set_title("\n".join(lines), pad=3, **self._style(points, color))

    def _base(self, y, number, points):
        return 1 - (y + number * line_height(points) + points / 72) / self.height

    def _style(self, points, color):
        return {
            "fontsize": points,
            "family": self.families,
            "color": color,
            "va": "baseline",
            "parse_math": False,  # dollars are prices here
        }


def line_height(points):
    """Inches from a line to the next one."""
    return points * LEADING / 72


def text_width(text, families, points):
    """Inches that a line of text takes at most."""
    return SLACK * _width_of_one_point(text, tuple(families)) * points / 72


@functools.lru_cache(maxsize=4096)
def _width_of_one_point(text, families):
    with warnings.catch_warnings():
        # `font_families` has said it already, once.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        font = FontProperties(family=list(families), size=10)
        return text_to_path.get_text_width_height_descent(text, font, False)[0] / 10


def wrap_spans(text, inches, families, points):
    """The lines of a text, `(start, end)` each, none wider than `inches`.

    What has no place to break and is too wide is broken anywhere.

    Example:

    >>> text = "a strawberry left of a dog"
    >>> spans = wrap_spans(text, 1.0, ["DejaVu Sans"], 8)
    >>> [text[start:end] for start, end in spans]
    ['a strawberry left', 'of a dog']
    """
    text = _in_one_line(text)

    def fits(start, end):
        return text_width(text[start:end], families, points) <= inches

    spans = []
    for unit in _UNIT.finditer(text):
        start, end = unit.start() + len(unit[0]) - len(unit[0].lstrip()), unit.end()
        if spans and fits(spans[-1][0], end):
            spans[-1] = (spans[-1][0], end)
            continue
        while not fits(start, end):
            stop = end - 1
            while stop > start + 1 and not fits(start, stop):
                stop -= 1
            if stop <= start:
                break
            spans.append((start, stop))
            start = stop
        spans.append((start, end))
    return spans


def wrap(text, inches, families, points):
    """The lines of a text, a str each; see `wrap_spans`."""
    spans = wrap_spans(text, inches, families, points)
    return [_in_one_line(text)[start:end] for start, end in spans]


def _in_one_line(text):
    """Spaces for all that would begin a line, as many characters as before."""
    return re.sub(r"\s", " ", text)


def shrink(text, inches, families, points, least):
    """The size, from `points` down to `least`, at which a text takes one line.

    Example:

    >>> shrink("dog", 1.0, ["DejaVu Sans"], 10, 7)
    10
    """
    width = text_width(text, families, points)
    return points if width <= inches else max(points * inches / width, least)
