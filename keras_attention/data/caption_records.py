"""What formats of captions have in common: records, splits, and where pictures are."""

from pathlib import Path
from typing import NamedTuple

from keras_attention.data import report as reasons
from keras_attention.data.captioned_image import CaptionedImage

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "restval": "train",  # Karpathy's name for the rest of COCO's validation pictures.
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
}
# Where the usual downloads have their pictures, beside the captions or one folder up.
PICTURE_FOLDERS = (
    "images",
    "Images",
    "Flicker8k_Dataset",
    "Flickr8k_Dataset",
    "flickr30k_images",
    "flickr30k-images",
)


class Record(NamedTuple):
    """One line of a file of captions: a picture, and something said of it."""

    place: int | str
    """The number of the line, or another name for reports."""
    image: str
    """The picture's path, as the file gives it."""
    captions: list[str]
    split: str | None = None
    truth: dict | None = None


class Skip(Exception):
    """A line that gives no caption; the argument is the reason."""


def named_split(name):
    """`"train"`, `"valid"` or `"test"` for what others call so; None for nothing."""
    if name is None or not str(name).strip():
        return None
    try:
        return SPLIT_NAMES[str(name).strip().lower()]
    except KeyError:
        raise Skip(reasons.UNKNOWN_SPLIT) from None


def gather(records, folder, report):
    """Brings the captions of each picture together.

    Args:
        records: iterable of `Record`.
        folder: `PictureFolder`.
        report: `SkipReport`. A picture that stands in two splits keeps the first.

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
            yield CaptionedImage(
                name, image, record.captions, record.split, record.truth
            )


class PictureFolder:
    """Finds pictures by the names that a file of captions gives them.

    Args:
        captions_path: Path of the captions.
        images: str or Path of the folder of pictures, optional. Else they are
            beside the captions, or in a folder there or one further up that has a
            usual name, such as `images`.

    Raises:
        ValueError: `images` is no folder.
    """

    def __init__(self, captions_path, images=None):
        if images is not None:
            if not Path(images).is_dir():
                raise ValueError(
                    f"images must be the folder of the pictures; there is none at "
                    f"{Path(images).absolute()}"
                )
            self.folders = [Path(images)]
            return
        captions_path = Path(captions_path).absolute()
        here = captions_path if captions_path.is_dir() else captions_path.parent
        places = [
            place / name for place in (here, here.parent) for name in PICTURE_FOLDERS
        ]
        self.folders = [here, *(place for place in places if place.is_dir())]

    def find(self, name):
        """The picture's path; where there is none, the first that was looked for.

        COCO's `val2014/a.jpg` is also looked for as `a.jpg`.
        """
        paths = [folder / name for folder in self.folders]
        paths += [folder / Path(name).name for folder in self.folders]
        return next((path for path in paths if file_size(path) is not None), paths[0])


def file_size(path):
    """Bytes of a file, None if there is none, or none can have such a name."""
    try:
        return path.stat().st_size if path.is_file() else None
    except (OSError, ValueError):
        return None
