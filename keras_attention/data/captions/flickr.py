"""Captions of Flickr8k and Flickr30k: token files, with lists of images beside them.

1000268201_693b08cb0e.jpg#0<TAB>A child in a pink dress is climbing up stairs .
"""

import re
from pathlib import Path

from keras_attention.data import report as reasons
from keras_attention.data.captions.records import Record
from keras_attention.data.report import Skip
from keras_attention.data.text.lines import read_lines, text_of

LINE = re.compile(r"([^\t]+)#\d+\t(.*)", re.DOTALL)
# Flickr_8k.trainImages.txt comes with Flickr8k, train.txt with Flickr30k's entities.
SPLIT_LISTS = {
    "train": ("*trainImages.txt", "train.txt"),
    "valid": ("*devImages.txt", "*valImages.txt", "val.txt"),
    "test": ("*testImages.txt", "test.txt"),
}


def is_token_line(line):
    """Whether a first line, bytes or None, is one of a token file."""
    return line is not None and bool(LINE.fullmatch(line.decode("utf-8", "replace")))


def read_tokens(path, report):
    """Yields the `Record`s of a token file.

    Where lists of the splits lie beside it, they decide, and an image on none of
    them is skipped: Flickr8k has 91 of those.
    """
    splits = split_lists(path)
    for number, line in enumerate(read_lines(path), start=1):
        report.num_lines = number
        try:
            text = text_of(line)
            if not text.strip():
                continue
            match = LINE.fullmatch(text)
            if not match:
                raise Skip(reasons.NO_TAB)
            image, caption = match[1].strip(), match[2]
            split = splits.get(Path(image).stem)
            if splits and split is None:
                raise Skip(reasons.NO_SPLIT)
            yield Record(number, image, [caption], split)
        except Skip as skip:
            report.skip(skip.args[0], number)


def split_lists(path):
    """The split of each image that a list beside the token file names, a dict from
    its name without suffix; empty where there are no lists."""
    splits: dict[str, str] = {}
    for split, patterns in SPLIT_LISTS.items():
        for pattern in patterns:
            for listed in sorted(Path(path).parent.glob(pattern)):
                names = listed.read_text("utf-8", "replace").split()
                # A name without suffix may hold a dot, but hardly ends on .jpg twice.
                stems = [re.sub(r"\.(jpe?g|png)$", "", name) for name in names]
                splits.update({stem: split for stem in stems if stem not in splits})
    return splits
