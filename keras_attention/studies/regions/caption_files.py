"""Captions on disk, with where each word is in the text and its attention.

captions.jsonl    a line for each image: name, text, score, tokens, spans
captions.npz      attention of all tokens, end to end, float16 `(tokens, N, N)`
"""

import json
from pathlib import Path

import numpy as np

from keras_attention.files import whole_file, write_whole
from keras_attention.tasks.captioner import Caption, CaptionHypothesis


def kept_captions(path, make):
    """Captions that are in a file, and if they are not, that `make()` gives.

    Args:
        path: path of the JSON lines; written last, so that it is there if all is.
        make: function that returns a list of `Caption`.

    Returns:
        list of `Caption`, with their best hypothesis alone.
    """
    path = Path(path)
    if not path.exists():
        write_captions(path, make())
    return read_captions(path)


def write_captions(path, captions):
    """Writes the best hypothesis of each caption."""
    path = Path(path)
    grids = [each.attention for each in captions if each.attention is not None]
    if grids:
        arrays = np.concatenate(grids).astype("float16")
        with whole_file(path.with_suffix(".npz")) as new, new.open("wb") as file:
            np.savez_compressed(file, attention=arrays)
    lines = (
        json.dumps(
            {
                "name": caption.name,
                "text": caption.text,
                "score": caption.score,
                "tokens": caption.tokens,
                "spans": caption.spans,
            },
            ensure_ascii=False,
        )
        for caption in captions
    )
    write_whole(path, "".join(f"{line}\n" for line in lines))


def read_captions(path):
    """Reads what `write_captions` wrote."""
    path = Path(path)
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    attention, grids = None, path.with_suffix(".npz")
    if grids.exists():
        with np.load(grids) as file:
            attention = file["attention"].astype("float32")
    captions, start = [], 0
    for row in rows:
        end = start + len(row["tokens"])
        hypothesis = CaptionHypothesis(
            row["text"],
            row["score"],
            row["score"],
            row["tokens"],
            [tuple(span) for span in row["spans"]],
            None if attention is None else attention[start:end],
        )
        captions.append(Caption(row["name"], [hypothesis]))
        start = end
    return captions
