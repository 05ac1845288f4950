"""Images changed a little, so that what is said of them stays true.

Hues are kept, since captions name colours; nothing is turned or doubled, since they
place and count things; and left becomes right only where nobody says which.
"""

import dataclasses
import re
from typing import Any

import numpy as np

# Beginnings of words, and signs anywhere, that say on which side something is. One too
# many costs a mirrored image, one too few makes a caption false.
SIDE_STEMS = (
    *("left", "right", "clockwise", "counterclockwise", "anticlockwise"),  # English
    *("link", "recht"),  # German, Dutch
    *("gauche", "droit"),  # French
    *("izquierd", "derech", "zurd", "diestr"),  # Spanish
    *("sinistr", "destr"),  # Italian
    *("esquerd", "direit"),  # Portuguese
    *(
        "лев",
        "прав",
        "слева",
        "справа",
        "влево",
        "вправо",
        "налев",
        "направ",
    ),  # Russian
)
SIDE_SIGNS = ("左", "右", "왼", "오른")  # Chinese, Japanese, Korean
SIDE_PATTERN = re.compile(
    rf"\b(?:{'|'.join(SIDE_STEMS)})|{'|'.join(SIDE_SIGNS)}", re.IGNORECASE
)
# What the eye takes for brightness (ITU-R BT.601).
LUMINANCE = np.array([0.299, 0.587, 0.114], "float32")


def names_a_side(caption: str) -> bool:
    """Whether a caption would be false, or may be, of the mirrored image.

    Args:
        caption: str, in English, German, French, Spanish, Italian, Portuguese, Dutch,
            Russian, Chinese, Japanese or Korean.

    Returns:
        bool.

    Example:

    >>> names_a_side("A cat to the left of a tree."), names_a_side("A cat by a tree.")
    (True, False)
    """
    return bool(SIDE_PATTERN.search(caption))


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How much images are changed, anew each time that they are trained on.

    What comes into the square from outside repeats its edge, which shows no thing
    twice.

    Args:
        flip: float from 0 to 1. Probability of mirroring an image whose caption names
            no side, see `names_a_side`: set 0 for languages that it does not know.
        shift: float from 0 to 0.5. Farthest move, as a share of the side, either way
            on both axes.
        zoom: float from 0 to 0.5. Things become larger or smaller by up to this share.
        brightness: float from 0 to 0.5. Pixels are multiplied by 1 ± up to this.
        contrast: float from 0 to 0.5. Their distance to the image's mean, likewise.
        saturation: float from 0 to 0.5. Their distance to grey, likewise.

    Call arguments:
        inputs: dict of `images`, uint8 `(B, S, S, 3)`, and perhaps `windows`, int32
            `(B, 4)`, where in the squares the images are, in pixels.
        rng: NumPy generator.
        flippable: bool `(B,)`. Which may be mirrored.

    Returns:
        When called, the same dict, changed; shapes and types stay.

    Raises:
        ValueError: a number out of its range.

    Example:

    >>> augment = Augmentation(shift=0.1)
    >>> inputs = {"images": np.zeros((2, 8, 8, 3), "uint8")}
    >>> inputs = augment(inputs, np.random.default_rng(0), np.array([True, False]))
    >>> inputs["images"].shape
    (2, 8, 8, 3)
    """

    flip: float = 0.5
    shift: float = 0.05
    zoom: float = 0.1
    brightness: float = 0.1
    contrast: float = 0.1
    saturation: float = 0.1

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            most = 1.0 if field.name == "flip" else 0.5
            value = getattr(self, field.name)
            if not 0 <= value <= most:
                raise ValueError(
                    f"augmentation: {field.name} must be between 0 and {most:g}; "
                    f"received {value}"
                )

    def flippable(self, corpus: Any) -> np.ndarray:
        """Which captions of a `CaptionCorpus` stay true when mirrored, bool `(N,)`."""
        if not self.flip:
            return np.zeros(len(corpus), bool)
        sides = [[names_a_side(text) for text in texts] for texts in corpus.references]
        pairs = zip(corpus.image_of, corpus.place_of, strict=True)
        return np.array([not sides[image][place] for image, place in pairs], bool)

    def __call__(
        self,
        inputs: dict[str, np.ndarray],
        rng: np.random.Generator,
        flippable: np.ndarray,
    ) -> dict[str, np.ndarray]:
        images, windows = inputs["images"], inputs.get("windows")
        # Drawn at once and for all, so that one number changes nothing else.
        chance = rng.uniform(-1, 1, (len(images), 7))
        flipped = (chance[:, 0] < 2 * self.flip - 1) & flippable
        result = np.empty_like(images)
        seen = np.zeros((len(images), 4), "int32")
        for i, image in enumerate(images):
            down, right, larger = chance[i, 1:4]
            places = self._places(len(image), down, right, larger, flipped[i])
            result[i] = self._coloured(self._moved(image, *places), *chance[i, 4:])
            if windows is not None:
                seen[i] = _seen(windows[i], places)
        changed = {"images": result}
        return changed if windows is None else {**changed, "windows": seen}

    def _places(self, size, down, right, larger, mirrored):
        """`(rows, columns)`: from where in a square what is seen comes."""
        scale = 1 / (1 + self.zoom * larger)
        middle = (size - 1) / 2
        around = (np.arange(size) - middle) * scale + middle
        rows = around + down * self.shift * size
        columns = around + right * self.shift * size
        return rows, columns[::-1] if mirrored else columns

    def _moved(self, image, rows, columns):
        if self.shift or self.zoom:
            return _interpolated(_interpolated(image, rows, 0), columns, 1)
        return image[:, ::-1] if columns[0] > columns[-1] else image

    def _coloured(self, image, brighter, starker, stronger):
        if not (self.brightness or self.contrast or self.saturation):
            return np.round(image)
        saturation = 1 + self.saturation * stronger
        contrast = 1 + self.contrast * starker
        brightness = 1 + self.brightness * brighter
        image = image.astype("float32", copy=False)
        grey = (image @ LUMINANCE)[..., None]
        mean = grey.mean()
        # Saturation about grey, contrast about the mean, then brightness, at once.
        factor = np.float32(saturation * contrast * brightness)
        towards_grey = np.float32((1 - saturation) * contrast * brightness)
        offset = np.float32(mean * (1 - contrast) * brightness)
        changed = image * factor
        changed += grey * towards_grey + offset
        return np.clip(np.round(changed, out=changed), 0, 255, out=changed)


def _seen(window, places):
    """Where a window is, int32 `(4,)`, in a square whose rows and columns come from
    such `places`; without width or height where it has left the square."""
    rows, columns = places
    edges = np.zeros(4, "int32")
    for axis, positions in ((0, columns), (1, rows)):
        positions = np.clip(positions, 0, len(positions) - 1)
        # A pixel between two is a mixture of both.
        near = (positions > window[axis] - 1) & (positions < window[axis + 2])
        if near.any():
            edges[axis], edges[axis + 2] = (
                near.argmax(),
                len(near) - near[::-1].argmax(),
            )
    return edges


def _interpolated(image, positions, axis):
    """An image at fractional positions along an axis, its edges repeated; float32."""
    positions = np.clip(positions, 0, image.shape[axis] - 1)
    before = positions.astype("int32")
    after = np.minimum(before + 1, image.shape[axis] - 1)
    share = (positions - before).astype("float32")
    first = np.take(image, before, axis)
    between = np.subtract(np.take(image, after, axis), first, dtype="float32")
    between *= share[:, None, None] if axis == 0 else share[:, None]
    between += first
    return between
