"""Where an image lies in the square that a model sees."""

from typing import NamedTuple

import numpy as np

from keras_attention.data.images.fit import check_fit


class Placement(NamedTuple):
    """Maps boxes `(x0, y0, x1, y1)`, in pixels from the top left, `(…, 4)`."""

    scale_x: float
    scale_y: float
    left: float
    top: float
    size: int

    def to_square(self, boxes):
        """From the image to the square; outside of it where it was cropped."""
        boxes = np.asarray(boxes, "float64")
        return boxes * self._scale + self._offset

    def to_image(self, boxes):
        """From the square back to the image."""
        return (np.asarray(boxes, "float64") - self._offset) / self._scale

    @property
    def _scale(self):
        return np.array([self.scale_x, self.scale_y] * 2)

    @property
    def _offset(self):
        return np.array([self.left, self.top] * 2)


def window(width, height, size, fit="pad"):
    """Which pixels of the square an image covers, `(x0, y0, x1, y1)`: all of them,
    unless it was padded.

    Args: as of `placement`.

    Example:

    >>> window(width=200, height=100, size=50), window(200, 100, 50, "crop")
    ((0, 12, 50, 37), (0, 0, 50, 50))
    """
    box = placement(width, height, size, fit).to_square([0, 0, width, height])
    return tuple(np.clip(box, 0, size).round().astype(int).tolist())


def whole_windows(count, size):
    """int32 `(count, 4)`, of images that fill their squares."""
    return np.tile(np.array([0, 0, size, size], "int32"), (count, 1))


def placement(width, height, size, fit="pad"):
    """The `Placement` of an image that `decode_image` makes a square of.

    Args:
        width: int. Of the image as people see it, EXIF's turn applied.
        height: int.
        size: int. The side of the square.
        fit: "pad", "crop" or "stretch".

    Example:

    >>> wide = placement(width=200, height=100, size=50)
    >>> wide.to_square([0, 0, 200, 100]).tolist()
    [0.0, 12.0, 50.0, 37.0]
    """
    check_fit(fit)
    if fit == "stretch":
        return Placement(size / width, size / height, 0.0, 0.0, size)
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        scale = size / side
        return Placement(scale, scale, -left * scale, -top * scale, size)
    longest = max(width, height)
    new_width = max((2 * width * size + longest) // (2 * longest), 1)
    new_height = max((2 * height * size + longest) // (2 * longest), 1)
    return Placement(
        new_width / width,
        new_height / height,
        float((size - new_width) // 2),
        float((size - new_height) // 2),
        size,
    )
