"""An image with what people said of it."""

from pathlib import Path
from typing import Any, NamedTuple


class CaptionedImage(NamedTuple):
    """An image and its captions, from whatever format."""

    name: str
    """What the image is called in reports, and what decides its split."""
    image: Path | bytes | Any
    """A file, its bytes, or uint8 `(S, S, 3)`."""
    captions: list[str]
    """What is said of it, by one or several people."""
    split: str | None = None
    """`"train"`, `"valid"` or `"test"`, where the data say so."""
    truth: dict | None = None
    """What else is known, such as boxes; anything that JSON can keep."""
    image_id: int | str | None = None
    """What the data call it, where they do, as COCO's do by a number."""
