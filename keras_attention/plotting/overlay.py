"""Attention over an image: a map of few cells becomes light and shade."""

import numpy as np
from PIL import Image

DIMMEST = 0.42  # of what is not attended to: dark, and still to be seen
PALEST = 0.25  # of its colours: things as bright as what is behind them are seen too
LUMA = np.array([0.299, 0.587, 0.114], "float32")
SIDE = 192  # pixels of a panel's longer side: enough on paper, small on disk


def smooth_map(attention, size, window=(0.0, 0.0, 1.0, 1.0)):
    """A map upsampled smoothly to an image, from 0 to 1.

    Each cell becomes a round spot, a cubic B-spline of two cells' radius, mirrored at
    the edges of the cells that show the image: their sum has no ripples and is
    nowhere negative, and even attention is even. The brightest place is 1.

    Args:
        attention: float `(N, N)`, over the square that a model sees.
        size: `(width, height)` of the image.
        window: `(x0, y0, x1, y1)`: where the image lies in the square, whose sides
            are from 0 to 1. It may go beyond the square, where it was cropped; there,
            nothing is attended to.

    Returns:
        float32 `(height, width)`.
    """
    attention = np.asarray(attention, "float32")
    cells = len(attention)
    x0, y0, x1, y1 = window
    columns = _spline(cells, size[0], x0, x1)  # (width, N)
    rows = _spline(cells, size[1], y0, y1)  # (height, N)
    # At three places of each cell, its middle among them, (3N, N).
    across, down = (_spline(cells, 3 * cells, 0, 1, at) for at in ((x0, x1), (y0, y1)))
    brightest = float((down @ attention @ across.T).max())
    smooth = rows @ attention @ columns.T / max(brightest, 1e-9)
    return np.clip(smooth, 0, 1)


def _spline(cells, pixels, start, end, window=None):
    """float32 `(pixels, cells)`: how much each pixel along a side, from `start` to
    `end`, has of each cell that shows any of the window, by default of the same."""
    first, last = (start, end) if window is None else window
    numbers = np.arange(cells)
    shown = (numbers / cells < last) & ((numbers + 1) / cells > first)
    places = start + (np.arange(pixels) + 0.5) / pixels * (end - start)
    far = np.abs(cells * places[:, None] - numbers - 0.5)
    near = 2 / 3 - far**2 + far**3 / 2
    weights = np.where(far < 1, near, np.clip(2 - far, 0, None) ** 3 / 6) * shown
    # Shares of those cells that there are: as if the others were their reflection.
    shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    inside = (places >= 0) & (places <= 1)
    return (shares * inside[:, None]).astype("float32")


def overlay(image, attention, window=(0.0, 0.0, 1.0, 1.0), side=SIDE):
    """The image where attention was, dark and pale elsewhere.

    Args:
        image: uint8 `(H, W, 3)`.
        attention: float `(N, N)`.
        window: see `smooth_map`.
        side: int. Pixels of the longer side.

    Returns:
        uint8 `(h, w, 3)`, made smaller or larger to `side` pixels.
    """
    image = fit_panel(image, side)
    light = smooth_map(attention, image.shape[1::-1], window)[..., None]
    pixels = image.astype("float32")
    grey = (pixels @ LUMA)[..., None]
    dark = (grey + (pixels - grey) * PALEST) * DIMMEST
    return np.round(dark + (pixels - dark) * light).astype("uint8")


def fit_panel(image, side=SIDE):
    """uint8 `(H, W, 3)`, its longer side `side` pixels."""
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(np.ascontiguousarray(image))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def peak_place(attention, window=(0.0, 0.0, 1.0, 1.0)):
    """The centre of the most attended cell, `(x, y)` from 0 to 1 in the square; where
    the image does not fill that, of what is image in the cell."""
    attention = np.asarray(attention)
    row, column = np.unravel_index(attention.argmax(), attention.shape)
    x0, y0, x1, y1 = window
    height, width = attention.shape
    across = np.clip([column / width, (column + 1) / width], x0, x1)
    down = np.clip([row / height, (row + 1) / height], y0, y1)
    return float(across.mean()), float(down.mean())


def checked_pixels(image, name="image"):
    """A uint8 array `(H, W, 3)`; ValueError for anything else."""
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[-1] != 3 or array.dtype != np.uint8:
        raise ValueError(
            f"{name} must be uint8 (H, W, 3), from 0 to 255; received {array.dtype} "
            f"{array.shape}"
        )
    return array


def check_maps(attention, count):
    """float32 `(count, N, N)`; ValueError for anything else."""
    maps = np.asarray(attention, "float32")
    square = maps.ndim == 3 and maps.shape[1] == maps.shape[2] > 0
    if not square or len(maps) != count:
        raise ValueError(
            f"attention must be ({count}, N, N), one map for each of {count} tokens; "
            f"received the shape {maps.shape}"
        )
    if not np.isfinite(maps).all():
        raise ValueError("attention must be finite; received NaN or infinity")
    return maps


def check_boxes(boxes):
    """float `(n, 4)`, none for None; ValueError for anything else."""
    array = np.asarray([] if boxes is None else boxes, "float64")
    if array.size == 0:
        return array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(
            "boxes must be a list of (x0, y0, x1, y1) in pixels; received the shape "
            f"{array.shape}"
        )
    return array


def check_window(window):
    """Four floats; ValueError for a window without width or height."""
    array = np.asarray(window, "float64")
    if array.shape != (4,) or not (array[:2] < array[2:]).all():
        raise ValueError(
            "window must be (x0, y0, x1, y1), where the image lies in the square "
            f"whose sides are from 0 to 1, x0 < x1 and y0 < y1; received {window!r}"
        )
    return tuple(array.tolist())
