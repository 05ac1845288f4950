"""How large the panels of a caption are, and what is written below them."""

import math

SMALL_INCHES, LARGE_INCHES = 1.45, 2.7  # the longer side of a panel
SMALL_PIXELS, LARGE_PIXELS = 160, 480  # of images that get such panels
DOTS = 132  # pixels of an inch of a panel: enough on paper, small on disk
WIDEST_INCHES = 14.2
GAP_INCHES = 0.12
MOST_COLUMNS, MOST_ROWS = 6, 4


def panel_inches(shape, count):
    """The longer side of each panel, in inches: photographs get more than small
    images, and less where there are many words.

    Args:
        shape: `(H, W, …)` of the image.
        count: int. Panels.

    Example:

    >>> panel_inches((128, 128, 3), 8), panel_inches((480, 640, 3), 8)
    (1.45, 2.7)
    """
    share = (max(shape[:2]) - SMALL_PIXELS) / (LARGE_PIXELS - SMALL_PIXELS)
    inches = SMALL_INCHES + min(max(share, 0), 1) * (LARGE_INCHES - SMALL_INCHES)
    while inches > SMALL_INCHES and count > MOST_ROWS * columns_of(inches):
        inches = max(inches - 0.1, SMALL_INCHES)
    return inches


def columns_of(width):
    """How many panels of a width stand side by side, at most."""
    return max(1, min(MOST_COLUMNS, int(WIDEST_INCHES / (width + GAP_INCHES))))


def rows_and_columns(width, count):
    """`(rows, columns)` of panels, the rows about as long as each other."""
    rows = math.ceil(count / columns_of(width))
    return rows, math.ceil(count / rows)


def legend(inside, right, wrong):
    """What the signs below and on the panels mean.

    Args:
        inside: list of bool or None, of each panel: whether the peak is in a box.
        right, wrong: str, colours of such boxes.

    Returns:
        list of `(text, color)`; the first letter of the text has the colour.
    """
    lines = [("% of attention in the most attended region", None)]
    if True in inside:
        lines.append(("□ what is named, with that region inside", right))
    if False in inside:
        lines.append(("□ what is named, with that region outside", wrong))
    return lines
