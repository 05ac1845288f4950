"""Attention over a picture: a map of few cells becomes light and shade."""

import math

import numpy as np
from PIL import Image

DIMMEST = 0.4  # of what is not looked at: dark, and still to be seen
SIDE = 192  # pixels of a panel's longer side: enough on paper, small on disk


def smooth_map(attention, size, window=(0.0, 0.0, 1.0, 1.0)):
    """A map upsampled smoothly to a picture, its highest cell 1.

    Args:
        attention: float `(N, N)`, over the square that a model sees.
        size: `(width, height)` of the picture.
        window: `(x0, y0, x1, y1)`: where the picture lies in the square, whose sides
            are from 0 to 1. It may go beyond the square, where it was cropped; there,
            nothing is looked at.

    Returns:
        float32 `(height, width)`, from 0 to 1.
    """
    attention = np.asarray(attention, "float32")
    cells = len(attention)
    # A rim of nothing, so that light fades towards the edge, and beyond it.
    rim = max(1, math.ceil(cells * max(0, -min(window), max(window) - 1)) + 1)
    padded = np.pad(attention / max(float(attention.max()), 1e-9), rim)
    box = [rim + cells * side for side in window]
    smooth = Image.fromarray(padded).resize(size, Image.Resampling.BICUBIC, box=box)
    return np.clip(np.asarray(smooth, "float32"), 0, 1)


def overlay(picture, attention, window=(0.0, 0.0, 1.0, 1.0)):
    """The picture where it was looked at, dark and grey elsewhere.

    Args:
        picture: uint8 `(H, W, 3)`.
        attention: float `(N, N)`.
        window: see `smooth_map`.

    Returns:
        uint8 `(h, w, 3)`, made smaller or larger to `SIDE` pixels.
    """
    picture = fit_panel(picture)
    light = smooth_map(attention, picture.shape[1::-1], window)[..., None]
    pixels = picture.astype("float32")
    grey = pixels.mean(axis=-1, keepdims=True) * DIMMEST
    return np.round(grey + (pixels - grey) * light).astype("uint8")


def fit_panel(picture):
    """uint8 `(H, W, 3)`, its longer side `SIDE` pixels."""
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(np.ascontiguousarray(picture))
    return np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def peak_place(attention):
    """The centre of the cell looked at most, `(x, y)` from 0 to 1 in the square."""
    attention = np.asarray(attention)
    row, column = np.unravel_index(attention.argmax(), attention.shape)
    return (column + 0.5) / attention.shape[1], (row + 0.5) / attention.shape[0]


def check_picture(picture, name="picture"):
    """A uint8 array `(H, W, 3)`; ValueError for anything else."""
    array = np.asarray(picture)
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
