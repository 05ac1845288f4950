"""Captions in one JSON file: COCO's annotations, and Karpathy's splits of them."""

import gzip
import json
from pathlib import Path

from keras_attention.data import report as reasons
from keras_attention.data.captions.records import Record, known_id, named_split
from keras_attention.data.captions.tables import json_record
from keras_attention.data.report import Skip
from keras_attention.data.text.lines import GZIP_MAGIC


def read_json(path):
    """What a JSON file, plain or gzip'd, holds.

    Raises:
        ValueError: it is damaged.
    """
    content = Path(path).read_bytes()
    try:
        if content.startswith(GZIP_MAGIC):
            content = gzip.decompress(content)
        return json.loads(content)
    except (ValueError, EOFError, OSError, RecursionError) as error:
        raise ValueError(f"{path}: expected JSON, which is damaged: {error}") from None


def json_format(values):
    """`"coco"`, `"karpathy"` or `"jsonl"` (a list of objects), or None."""
    if isinstance(values, list):
        return "jsonl"
    if not isinstance(values, dict) or not isinstance(values.get("images"), list):
        return None
    if isinstance(values.get("annotations"), list):
        return "coco"
    first = next(iter(values["images"]), None)
    return "karpathy" if isinstance(first, dict) and "sentences" in first else None


def coco_records(values, report, split=None):
    """Yields the `Record`s of COCO's captions JSON.

    A caption of an unknown image, and an image without captions, are skipped.

    Raises:
        ValueError: no annotation is a caption.
    """
    annotations = values["annotations"]
    if annotations and not any(
        isinstance(each, dict) and "caption" in each for each in annotations
    ):
        raise ValueError(
            "expected COCO's captions; received annotations of another kind, such as "
            "boxes or keypoints: give captions_….json, which lies beside them"
        )
    names: dict = {}
    for place, image in enumerate(values["images"]):
        try:
            names[image["id"]] = image["file_name"]
        except (KeyError, TypeError):
            report.skip(reasons.MISSING_KEY, f"image {place}")
    silent = dict(names)
    for place, annotation in enumerate(annotations):
        try:
            image, caption = annotation["image_id"], annotation["caption"]
            name = names[image]
            if not isinstance(caption, str):
                raise TypeError
        except (KeyError, TypeError):
            report.skip(reasons.MISSING_KEY, f"annotation {place}")
            continue
        silent.pop(image, None)
        yield Record(name, name, [caption], split, image_id=image)
    for name in silent.values():
        report.skip(reasons.NO_CAPTION, name)


def karpathy_records(values, report):
    """Yields the `Record`s of Karpathy's dataset JSON (COCO, Flickr8k, Flickr30k).

    Of COCO, `restval` is for training, as is usual.

    References:
        [Karpathy and Fei-Fei, 2015](https://arxiv.org/abs/1412.2306), section 4.
    """
    for place, image in enumerate(values["images"]):
        try:
            name = image["filename"]
            if image.get("filepath"):
                name = f"{image['filepath']}/{name}"
            captions = [sentence["raw"] for sentence in image["sentences"]]
            if not all(isinstance(caption, str) for caption in captions):
                raise TypeError
            split = named_split(image.get("split"))
            image_id = known_id(image.get("cocoid", image.get("imgid")))
        except (KeyError, TypeError, AttributeError):
            report.skip(reasons.MISSING_KEY, f"image {place}")
        except Skip as skip:
            report.skip(skip.args[0], f"image {place}")
        else:
            if not captions:
                report.skip(reasons.NO_CAPTION, name)
            yield Record(name, name, captions, split, image_id=image_id)


def list_records(values, report):
    """Yields the `Record`s of a list of objects, each as a JSON line would be."""
    for place, item in enumerate(values, start=1):
        try:
            yield json_record(item, place)
        except Skip as skip:
            report.skip(skip.args[0], place)
