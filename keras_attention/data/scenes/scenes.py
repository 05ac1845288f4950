"""`Scenes`: as many composed images as wanted, always the same."""

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np

from keras_attention.data.captions.captioned_image import CaptionedImage
from keras_attention.data.scenes.drawing import draw
from keras_attention.data.scenes.language import describe
from keras_attention.data.scenes.layout import draw_plan, place, relations_of
from keras_attention.data.scenes.things import (
    ARTIST_CHOICES,
    ARTISTS,
    LANGUAGES,
    files_digest,
    load_things,
    thing_named,
)

# Shares of the scenes, by a hash of their number.
SPLITS = (("test", 0.05), ("held out", 0.05), ("valid", 0.04), ("train", 1.0))
HELD_OUT = 0.1  # of the combinations of two things and a relation


@dataclasses.dataclass(frozen=True)
class Scenes:
    """Images of emoji with captions that are true, and boxes of what they name.

    A combination of two things and a relation, such as a dog left of a cat, is held
    out if a hash says so: it occurs in no scene for training or validation, and in
    some of the test split, whose truth says `held_out`.

    Iterating gives `CaptionedImage`s, whose `image` is uint8 `(S, S, 3)`, and whose
    `truth` is a dict: `objects`, each with `name`, `box` `[x0, y0, x1, y1]` in pixels
    and `colour`; `relations`, all that hold between boxes, `[i, relation, j]`, of
    "between" `[i, relation, j, k]`; `plan`, what captions say; `held_out`.

    Args:
        count: int from 1. Scenes.
        seed: int.
        artist: "noto", "fluent", or "both": each scene by one of them. The same scenes
            by another artist are the same in all else.
        language: "en", "de", "fr", "es" or "zh".
        image_size: int from 32 to 1024. Pixels along each side, `S`.
        max_objects: int from 1 to 4. Most things in a scene.
        captions_per_image: int from 1 to 10. Different captions of a scene, where so
            many can be found.
        num_things: int from 4, optional. Different things; all by default. Those that
            differ most come first.

    Raises:
        ValueError: an unknown artist or language, or a number out of range.
        IndexError: there is no such scene.

    Example:

    >>> scene = Scenes(count=10, image_size=64)[0]
    >>> scene.image.shape, len(scene.captions)
    ((64, 64, 3), 3)
    """

    count: int
    seed: int = 0
    artist: str = "noto"
    language: str = "en"
    image_size: int = 128
    max_objects: int = 4
    captions_per_image: int = 3
    num_things: int | None = None

    composed: ClassVar = True
    """Many say the same, and are no copies of each other."""

    def __post_init__(self) -> None:
        for name, known in (
            ("artist", ARTIST_CHOICES),
            ("language", LANGUAGES),
        ):
            if getattr(self, name) not in known:
                raise ValueError(
                    f"{name} of scenes must be one of {', '.join(known)}; received "
                    f"{getattr(self, name)!r}"
                )
        for name, least, most in (
            ("count", 1, None),
            ("image_size", 32, 1024),
            ("max_objects", 1, 4),
            ("captions_per_image", 1, 10),
        ):
            value = getattr(self, name)
            if value < least or (most is not None and value > most):
                limit = "" if most is None else f" and at most {most}"
                raise ValueError(
                    f"{name} of scenes must be at least {least}{limit}; received "
                    f"{value}"
                )
        load_things(self.num_things)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> CaptionedImage:
        if not 0 <= index < self.count:
            raise IndexError(f"there are {self.count} scenes; received {index}")
        return self._scene(index, drawn=True)

    def __iter__(self) -> Iterator[CaptionedImage]:
        return (self._scene(index, drawn=True) for index in range(self.count))

    def undrawn(self) -> Iterable[CaptionedImage]:
        """The same without images and truths, quickly: to learn words from."""
        return _Undrawn(self)

    def fingerprint(self) -> str:
        """A short name of all that decides what is drawn and said."""
        return f"{self!r} of {files_digest()}"

    def split_of(self, index: int) -> str:
        """ "train", "valid", "test" or "held out"."""
        position = _share(f"{self.seed} {index}")
        for name, share in SPLITS:
            if position < share:
                return name
            position -= share
        return "train"

    def name_of(self, index: int) -> str:
        """What a scene is called, without drawing it."""
        return f"scene-{self.seed}-{index}"

    def _scene(self, index, drawn):
        split = self.split_of(index)
        rng = np.random.default_rng([self.seed, index])
        things = load_things(self.num_things)
        plan = self._plan(rng, things, split == "held out")
        caption_rng, artist_rng, background_rng = rng.spawn(3)
        image = truth = None
        if drawn:
            spots = place(rng, plan)
            artist = self.artist
            if artist == "both":
                artist = ARTISTS[artist_rng.integers(len(ARTISTS))]
            image, boxes = draw(background_rng, spots, artist, self.image_size)
            truth = _truth(plan, spots, boxes, split == "held out")
        return CaptionedImage(
            self.name_of(index),
            image,
            self._captions(caption_rng, plan),
            "test" if split == "held out" else split,
            truth,
            index,
        )

    def _plan(self, rng, things, held_out):
        most = max(self.max_objects, 2) if held_out else self.max_objects
        while True:
            plan = draw_plan(rng, things, most)
            if any(map(is_held_out, combinations(plan))) == held_out:
                return plan

    def _captions(self, rng, plan):
        found = {}
        for _ in range(8 * self.captions_per_image):
            found[describe(plan, self.language, rng)] = None
            if len(found) == self.captions_per_image:
                break
        return list(found)


class _Undrawn:
    def __init__(self, scenes):
        self.scenes = scenes

    def __iter__(self):
        scenes = self.scenes
        return (scenes._scene(index, drawn=False) for index in range(scenes.count))


def combinations(plan):
    """What is combined in a scene: `(name, relation, name)` each, "left of", "above" or
    "between"."""
    relation, groups = plan
    first, *others = groups
    return [(a, relation, b) for a, _ in first for group in others for b, _ in group]


def is_held_out(combination):
    """Whether a combination is kept from training."""
    return _share(" | ".join(combination)) < HELD_OUT


def _share(text):
    """A number from 0 to 1 that a text decides, as if at random."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _truth(plan, spots, boxes, held_out):
    return {
        "objects": [
            {"name": spot.name, "box": box, "colour": thing_named(spot.name).colour}
            for spot, box in zip(spots, boxes, strict=True)
        ],
        "relations": relations_of(boxes),
        "plan": [plan[0], plan[1]],
        "held_out": held_out,
    }
