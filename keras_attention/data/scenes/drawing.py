"""Scenes on paper: backgrounds, and sprites in their places."""

import functools

import numpy as np
from PIL import Image

from keras_attention.data.scenes.things import HERE, thing_named

SIDE = 64  # of a sprite
COLUMNS = 16
OPAQUE = 32  # alpha from which a pixel belongs to the thing
ANGLES = 5  # degrees between the turns that are kept


@functools.cache
def _sheet(artist):
    with Image.open(HERE / f"{artist}.png") as sheet:
        return sheet.convert("RGBA")


@functools.lru_cache(maxsize=8192)
def sprite(artist, name, size, turn):
    """One thing, turned, `size` pixels along its longer side, cut to what is drawn.

    Returns:
        `(colours, opacity)`, float32 `(h, w, 3)` and `(h, w, 1)`.
    """
    place = thing_named(name).place
    left, top = place % COLUMNS * SIDE, place // COLUMNS * SIDE
    sprite = _sheet(artist).crop((left, top, left + SIDE, top + SIDE))
    # Transparent pixels have some colour too, which must not bleed into the rim.
    sprite = sprite.convert("RGBa")
    sprite = sprite.rotate(turn, Image.Resampling.BICUBIC, expand=True)
    alpha = sprite.getchannel("a")
    sprite = sprite.crop(alpha.point(lambda a: 255 * (a > OPAQUE)).getbbox())
    scale = size / max(sprite.size)
    new_size = [max(1, round(length * scale)) for length in sprite.size]
    sprite = sprite.resize(new_size, Image.Resampling.LANCZOS)
    pixels = np.asarray(sprite, "float32")
    return pixels[..., :3], pixels[..., 3:] / 255


def draw(rng, spots, artist, size):
    """Draws a scene.

    Args:
        rng: NumPy generator. Of the background.
        spots: list of `Spot`.
        artist: "noto" or "fluent".
        size: int. The image's side in pixels.

    Returns:
        `(image, boxes)`, uint8 `(size, size, 3)` and a list of `[x0, y0, x1, y1]`.
    """
    image = background(rng, size)
    boxes = []
    for spot in spots:
        turn = round(spot.turn / ANGLES) * ANGLES
        colours, opacity = sprite(artist, spot.name, round(spot.size * size), turn)
        height, width = opacity.shape[:2]
        left = min(max(round(spot.x * size - width / 2), 0), size - width)
        top = min(max(round(spot.y * size - height / 2), 0), size - height)
        part = image[top : top + height, left : left + width]
        part[...] = colours + part * (1 - opacity)
        boxes.append([left, top, left + width, top + height])
    return np.clip(np.round(image), 0, 255).astype("uint8"), boxes


def background(rng, size):
    """float32 `(size, size, 3)`: plain, shaded, striped or cloudy."""
    colours = rng.uniform(70, 235, (2, 3)).astype("float32")
    kind = rng.integers(4)
    if kind == 0:
        return np.tile(colours[0], (size, size, 1))
    # Two colours that go together: the second is the first, moved a little.
    colours[1] = np.clip(colours[0] + rng.uniform(-70, 70, 3), 40, 245)
    steps = np.linspace(-1, 1, size, dtype="float32")
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * steps[None] + np.sin(angle) * steps[:, None]
    if kind == 1:
        share = (along + 1.5) / 3
    elif kind == 2:
        share = 0.5 + 0.5 * np.sin(along * rng.uniform(6, 20))
        share *= 0.7
    else:
        coarse = rng.integers(0, 256, (6, 6), "uint8")
        cloud = Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)
        share = np.asarray(cloud, "float32") / 255
    share = np.clip(share, 0, 1)[..., None].astype("float32")
    return colours[0] * (1 - share) + colours[1] * share
