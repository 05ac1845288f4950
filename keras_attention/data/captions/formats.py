"""From captioned images in files to arrays on disk.

examples = CaptionFiles("captions.csv", images="photos")
tokenizer = train_caption_tokenizer(examples, 8000)
corpus = prepare_captions(examples, "prepared", tokenizer=tokenizer)
corpus.train, corpus.valid, corpus.test
"""

import hashlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from keras_attention.data.captions.captioned_image import CaptionedImage
from keras_attention.data.captions.coco import (
    coco_records,
    json_format,
    karpathy_records,
    list_records,
    read_json,
)
from keras_attention.data.captions.flickr import is_token_line, read_tokens
from keras_attention.data.captions.folders import (
    ImageFolder,
    caption_file,
    coco_halves,
    file_size,
)
from keras_attention.data.captions.prepare import (
    NoImages,
    prepare_captions,
    train_caption_tokenizer,
)
from keras_attention.data.captions.records import gather
from keras_attention.data.captions.store import CaptionCorpus, PreparedCaptions
from keras_attention.data.captions.tables import read_json_lines, read_table
from keras_attention.data.report import SkipReport
from keras_attention.data.text.lines import read_lines

__all__ = [
    "CaptionCorpus",
    "CaptionFiles",
    "CaptionedImage",
    "NoImages",
    "PreparedCaptions",
    "SkipReport",
    "prepare_captions",
    "read_captions",
    "train_caption_tokenizer",
]

# Of a file that is one JSON value, by what is in it.
JSON_READERS = {"coco": coco_records, "karpathy": karpathy_records}
# Of all others. "csv" is a table with any separator; "table" is another word for it.
READERS = {
    "flickr": read_tokens,
    "csv": read_table,
    "table": read_table,
    "jsonl": read_json_lines,
}
FORMATS = ("auto", *JSON_READERS, *READERS)


def read_captions(path, images=None, captions_format="auto", report=None):
    """Reads captions and the paths of their images, which stay unopened.

    All captions of an image come together. A bad line is counted in `report` with
    its number and skipped. Whether an image can be read shows later.

    Args:
        path: str or Path. A file, or a folder that holds one with a usual name, such
            as `captions.csv`.
        images: str or Path. The folder of the images; by default beside the file.
        captions_format: `"coco"` (captions JSON), `"karpathy"` (his dataset JSON,
            with splits), `"flickr"` (token files), `"csv"` or `"table"` (CSV, TSV,
            Kaggle's `captions.txt` and `results.csv`), `"jsonl"`, or `"auto"`: by the
            content.
        report: `SkipReport` to fill in, optional.

    Yields:
        `CaptionedImage`, whose image is a Path.

    Raises:
        ValueError: not one good caption, a damaged or unknown file.
        OSError: the file cannot be opened.
    """
    if captions_format not in FORMATS:
        raise ValueError(
            f"captions_format must be one of {', '.join(FORMATS)}; "
            f"received {captions_format!r}"
        )
    report = SkipReport("caption") if report is None else report
    report.used = "caption"
    path = Path(path)
    folder = ImageFolder(path, images)
    records = _records(path, captions_format, report)
    found = False
    for example in gather(records, folder, report):
        found = True
        yield example
    if not found:
        raise ValueError(
            f"{path}: expected captions of images; received not one good one. "
            f"{report.summary()}\n"
            "Check the format, the columns or keys, and the encoding (UTF-8)."
        )


class CaptionFiles:
    """Reads captions and the paths of their images, the same each time it is called.

    Images stay unopened. Options are those of `read_captions`, which it calls.

    Args:
        path: str or Path. A file, or a folder that holds one with a usual name, such
            as `captions.csv`.
        images: str or Path. The folder of the images; by default beside the file.
        captions_format: str, "auto" by default: by the content. See `read_captions`.

    Call arguments:
        report: `SkipReport` to fill in, optional.

    Returns:
        When called, an iterator of `CaptionedImage`: `name`, `image`, a Path,
        `captions`, a list of str, and `split`, `truth` and `image_id`, or None.

    Raises:
        ValueError: when read: not one good caption, a damaged file or an unknown
            format, or `images` that is no folder.
        OSError: when read: the file cannot be opened.

    Example:

    >>> table = "image,caption\\nimage.png,a cat\\nimage.png,a tabby cat\\n"
    >>> _ = Path("captions.csv").write_text(table, encoding="utf-8")
    >>> (example,) = CaptionFiles("captions.csv")()
    >>> example.image.name, example.captions
    ('image.png', ['a cat', 'a tabby cat'])
    """

    def __init__(self, path: str | Path, **options: Any) -> None:
        self.path = path
        self.options = options

    def __call__(self, report: SkipReport | None = None) -> Iterator[CaptionedImage]:
        return read_captions(self.path, report=report, **self.options)

    def fingerprint(self) -> str:
        """A short name of what is read: captions, splits, and images by their names
        and their sizes in bytes."""
        digest = hashlib.blake2b(digest_size=16)
        for example in self():
            size = file_size(example.image)
            described = example.name, size, example.captions, example.split
            digest.update(repr((*described, example.truth)).encode("utf-8", "replace"))
        return digest.hexdigest()


def _records(path, captions_format, report):
    if path.is_dir():
        halves = coco_halves(path) if captions_format in ("auto", "coco") else None
        if halves is not None:
            return chain.from_iterable(
                coco_records(read_json(file), report, split)
                for split, files in halves.items()
                for file in files
            )
        path = caption_file(path)
    if captions_format == "auto":
        captions_format = _format_of(path)
    if captions_format == "json" or captions_format in JSON_READERS:
        values = read_json(path)
        found = json_format(values)
        readers = {**JSON_READERS, "jsonl": list_records}
        if found not in readers or captions_format not in ("json", found):
            raise ValueError(
                f"{path}: expected COCO's captions (images and annotations), "
                "Karpathy's dataset (images with sentences) or a list of objects"
                + ("" if captions_format == "json" else f", as {captions_format}")
                + f"; received {'neither' if found is None else found}"
            )
        return readers[found](values, report)
    return READERS[captions_format](path, report)


def _format_of(path):
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".jsonl", ".ndjson")):
        return "jsonl"
    if name.endswith(".json"):
        return "json"
    first = next(read_lines(path), None)
    return "flickr" if is_token_line(first) else "csv"
