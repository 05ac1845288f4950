"""What was said of images, as COCO's evaluation and its toolkit read it."""

import json
import re
from collections import Counter
from pathlib import Path

from keras_attention.files import write_whole

# COCO_val2014_000000391895.jpg, 000000391895.jpg
COCO_NAME = re.compile(r"(?:COCO_\w+_)?(\d{12})")


def result_ids(names, ids):
    """The `image_id` of each image.

    Args:
        names: list of str. What the images are called.
        ids: list of int, str or None. What the data call them, where they do.

    Returns:
        list of int or str: those of the data; where some have none, the numbers in the
        names if all are named as COCO's are; else 1, 2, 3 and so on.

    Raises:
        ValueError: two images of one id.
    """
    found = list(ids)
    if None in found:
        matches = [COCO_NAME.fullmatch(Path(name).stem) for name in names]
        found = [int(match[1]) for match in matches if match]
        if len(found) < len(names) or len(set(found)) < len(found):
            found = list(range(1, len(names) + 1))
    for one, count in Counter(map(str, found)).items():
        if count > 1:
            raise ValueError(
                f"COCO's results have one caption for each image_id; received {count} "
                f"images with image_id {one}"
            )
    return found


def write_results(path, names, ids, texts):
    """Writes `[{"image_id": …, "caption": …, "file_name": …}, …]`, whole or not at all.

    Args:
        path: str or Path.
        names: list of str, the images' names.
        ids: list of int or str, see `result_ids`.
        texts: list of str, a caption for each.
    """
    rows = [
        {"image_id": one, "caption": text, "file_name": name}
        for one, text, name in zip(ids, texts, names, strict=True)
    ]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    write_whole(path, f"[\n{lines}\n]\n")
