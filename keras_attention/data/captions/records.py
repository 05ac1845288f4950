"""What formats of captions have in common: records, and the names of splits."""

import re
from typing import NamedTuple

from keras_attention.data import report as reasons
from keras_attention.data.captions.captioned_image import CaptionedImage
from keras_attention.data.report import Skip

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "restval": "train",  # Karpathy's name for the rest of COCO's validation images.
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}


class Record(NamedTuple):
    """One line of a file of captions: an image, and something said of it."""

    place: int | str
    """The number of the line, or another name for reports."""
    image: str
    """The image's path, as the file gives it."""
    captions: list[str]
    split: str | None = None
    truth: dict | None = None
    image_id: int | str | None = None


def named_split(name):
    """`"train"`, `"valid"` or `"test"` for what others call so; None for nothing."""
    if name is None or not str(name).strip():
        return None
    try:
        return SPLIT_NAMES[str(name).strip().lower()]
    except KeyError:
        raise Skip(reasons.UNKNOWN_SPLIT) from None


def known_id(value):
    """What data call an image: an int, also where it is written as text; a str; or
    None."""
    if isinstance(value, str):
        value = value.strip()
        return int(value) if re.fullmatch("[0-9]{1,18}", value) else value or None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def gather(records, folder, report):
    """Brings the captions of each image together.

    Args:
        records: iterable of `Record`.
        folder: `ImageFolder` in which they are.
        report: `SkipReport`. An image that stands in two splits keeps the first.

    Yields:
        `CaptionedImage`, in the order in which they came.
    """
    found: dict[str, Record] = {}
    for record in records:
        first = found.setdefault(record.image, record._replace(captions=[]))
        if first.split is None and record.split is not None:
            first = found[record.image] = first._replace(split=record.split)
        if record.split not in (None, first.split):
            report.skip(reasons.OTHER_SPLIT, record.place)
            continue
        for caption in record.captions:
            if caption.strip():
                first.captions.append(" ".join(caption.split()))
                report.num_good += 1
            else:
                report.skip(reasons.EMPTY_CAPTION, record.place)
    for name, record in found.items():
        if record.captions:
            image = folder.find(name)
            known = record.split, record.truth, record.image_id
            yield CaptionedImage(name, image, record.captions, *known)
