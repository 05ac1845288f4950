"""Captions as tables: CSV, TSV, Kaggle's files, and JSON lines."""

import json
from itertools import chain

from keras_attention.data import report as reasons
from keras_attention.data.captions.records import Record, known_id, named_split
from keras_attention.data.images.files import SUFFIXES
from keras_attention.data.report import Skip
from keras_attention.data.text.csv_cells import quoted_cells, read_rows
from keras_attention.data.text.lines import read_texts

IMAGE_KEYS = ("image", "file_name", "filename", "image_name", "file", "path")
CAPTION_KEYS = ("caption", "captions", "text", "comment", "sentence", "title")
SPLIT_KEY = "split"
ID_KEY = "image_id"
TRUTH_KEY = "truth"
SEPARATORS = ("\t", "|", ",")
OTHER_SEPARATORS = {";": 'semicolons, ";"', ":": 'colons, ":"', " ": "spaces"}


def read_table(path, report):
    """Yields the `Record`s of a table, with a header or without.

    The separator is a comma, a tab or `|`, whatever the first line has. A header
    names columns by `IMAGE_KEYS`, `CAPTION_KEYS` and `split`; without one the first
    column is the image, the second the caption. Commas of a caption that comes
    last need no quotes.
    """
    lines = read_texts(path, report)
    first = next(lines, None)
    if first is None:
        return
    separator, header = _header(first[1])
    if header is None:
        name = first[1].split(separator)[0].strip(' "')
        if not name.lower().endswith(SUFFIXES):
            raise ValueError(
                f"{path}: expected a header with image and caption (and perhaps "
                f"split), or an image in the first column; received {first[1]!r:.80}"
                + _other_separator(first[1])
            )
        lines, header = chain([first], lines), ["image", "caption"]
    # Only commas are quoted.
    for number, text in read_rows(lines, "," if separator == "," else None):
        try:
            row = _row(_cells(text, separator), header, separator)
            split, image_id = named_split(row.get(SPLIT_KEY)), known_id(row.get(ID_KEY))
            captions = [row["caption"]]
            yield Record(number, row["image"], captions, split, image_id=image_id)
        except Skip as skip:
            report.skip(skip.args[0], number)


def read_json_lines(path, report):
    """Yields the `Record`s of a file with one JSON object a line."""
    for number, text in read_texts(path, report):
        if not text.strip():
            continue
        try:
            yield json_record(json.loads(text), number)
        except Skip as skip:
            report.skip(skip.args[0], number)
        except (ValueError, RecursionError):
            report.skip(reasons.BAD_JSON, number)


def json_record(values, place):
    """`Record` from `{"image": …, "caption": … or "captions": […], "split": …}`."""
    if not isinstance(values, dict):
        raise Skip(reasons.BAD_JSON)
    image = _first(values, IMAGE_KEYS)
    captions = _first(values, CAPTION_KEYS)
    captions = [captions] if isinstance(captions, str) else captions
    if not isinstance(image, str) or not image or not isinstance(captions, list):
        raise Skip(reasons.MISSING_KEY)
    if not all(isinstance(caption, str) for caption in captions):
        raise Skip(reasons.MISSING_KEY)
    truth = values.get(TRUTH_KEY)
    truth = truth if isinstance(truth, dict) else None
    split = named_split(values.get(SPLIT_KEY))
    return Record(place, image, captions, split, truth, known_id(values.get(ID_KEY)))


def _cells(text, separator):
    return quoted_cells(text, separator) if separator == "," else text.split(separator)


def _header(line):
    """The separator, and the names of the columns as this package calls them; None
    in their place where the first line is no header."""
    for separator in SEPARATORS:
        names = [name.strip(' "').lower() for name in line.split(separator)]
        image = next((names.index(key) for key in IMAGE_KEYS if key in names), None)
        caption = next((names.index(key) for key in CAPTION_KEYS if key in names), None)
        if image is not None and caption is not None:
            names[image], names[caption] = "image", "caption"
            return separator, names
    return next((mark for mark in SEPARATORS if mark in line), ","), None


def _other_separator(line):
    """What to do where a first line would do with a separator that is not read."""
    for mark, name in OTHER_SEPARATORS.items():
        first, *rest = [cell.strip(' "').lower() for cell in line.split(mark)]
        if rest and (
            first.endswith(SUFFIXES)
            or ({first, *rest} & {*IMAGE_KEYS} and {first, *rest} & {*CAPTION_KEYS})
        ):
            return (
                f". Its columns are separated by {name}: save it with commas, captions "
                "that hold a comma in quotes; or with tabs"
            )
    return ""


def _row(cells, header, separator):
    if len(cells) > len(header) and header[-1] == "caption":
        last = len(header) - 1
        cells = [*cells[:last], separator.join(cells[last:])]
    row = dict(zip(header, map(str.strip, cells), strict=False))
    if not row.get("image") or "caption" not in row:
        raise Skip(reasons.MISSING_COLUMN)
    return row


def _first(values, keys):
    return next((values[key] for key in keys if key in values), None)
