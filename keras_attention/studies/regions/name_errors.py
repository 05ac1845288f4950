"""Errors by thing: the first, second, … thing that a caption names.

    right words before     the image's first reference is given up to where it names
                           its k-th thing, and the model goes on greedily: what it
                           names next is compared
    its own words before   the k-th thing that the greedy caption names is

A name is right if such a thing is in the image and has not been named before. Unlike
words, things may be said in any order, and a word more or less moves nothing.
"""

from typing import NamedTuple

from keras_attention.data.scenes import read_caption
from keras_attention.studies.bootstrap import Score
from keras_attention.studies.by_length import exact_match

LEAST = 50  # images of a position


class NamesSaid(NamedTuple):
    """What one image's captions name; as many as the reference names."""

    forced: list
    """After the reference's words: a name, or None where nothing more was named."""
    free: list
    """After its own."""
    forced_right: list
    """Bool each."""
    free_right: list


def say_names(captioner, inputs, references, truths, batch_size=64, progress=None):
    """Has the model name things after words of a reference, and after its own.

    Args:
        captioner: `Captioner`.
        inputs: dict of one array, `images` or `features`.
        references: str for each image.
        truths: dict for each, with `objects`.
        batch_size: int.
        progress: function of the number of captions made.

    Returns:
        list of `NamesSaid`.
    """
    ((kind, array),) = inputs.items()
    language = captioner.language or "en"
    mentions = [read_caption(text, language).mentions for text in references]
    there = [{each["name"] for each in truth["objects"]} for truth in truths]
    made = 0

    def go_on(rows, prefixes):
        nonlocal made
        texts = []
        for start in range(0, len(rows), batch_size):
            some = rows[start : start + batch_size]
            captions = captioner.caption_inputs(
                {kind: array[some]},
                beam=1,
                n_best=1,
                # An empty prefix would be a program of its own.
                prefixes=prefixes and prefixes[start : start + batch_size],
                batch_size=batch_size,
            )
            texts += [caption.text for caption in captions]
            made += len(some)
            if progress is not None:
                progress(made)
        return [read_caption(text, language).mentions for text in texts]

    own = go_on(list(range(len(references))), None)
    said = [NamesSaid([], [], [], []) for _ in references]
    for row, named in enumerate(own):
        before = set()
        for k in range(len(mentions[row])):
            name = named[k][2] if k < len(named) else None
            said[row].free.append(name)
            said[row].free_right.append(name in there[row] - before)
            before.add(name)
        if mentions[row]:
            said[row].forced.append(said[row].free[0])
            said[row].forced_right.append(said[row].free_right[0])
    for k in range(1, max(map(len, mentions), default=0)):
        rows = [row for row, named in enumerate(mentions) if len(named) > k]
        prefixes = [references[row][: mentions[row][k][0]].rstrip() for row in rows]
        for row, prefix, found in zip(
            rows, prefixes, go_on(rows, prefixes), strict=True
        ):
            name = next(
                (name for begin, _, name in found if begin >= len(prefix)), None
            )
            before = {name for _, _, name in mentions[row][:k]}
            said[row].forced.append(name)
            said[row].forced_right.append(name in there[row] - before)
    return said


def errors_by_name(said, least=LEAST):
    """The share of wrong names at each place, in per cent, with Wilson's interval.

    Args:
        said: list of `NamesSaid`.
        least: int. Places that fewer captions have are left out, where there are four
            times as many at all.

    Returns:
        Two lists of `Score`, from the first name: with the right words before, and
        with the model's own.
    """
    forced, free = [], []
    for k in range(max((len(each.free) for each in said), default=0)):
        rows = [each for each in said if len(each.free) > k]
        if len(rows) < min(least, len(said) / 4):
            break
        forced.append(_wrong([each.forced_right[k] for each in rows]))
        free.append(_wrong([each.free_right[k] for each in rows]))
    return forced, free


class WrongNames(NamedTuple):
    """What is wrong with names, counted over all places."""

    places: int
    omitted: int
    """Nothing more was named."""
    repeated: int
    """The name had been said."""
    absent: int
    """No such thing is there."""


def wrong_names(said, truths):
    """What is wrong with the names of `say_names`.

    Args:
        said: list of `NamesSaid`.
        truths: dict for each image, with `objects`.

    Returns:
        dict of `WrongNames`, "forced" and "free".
    """
    return {
        field: _count_wrong(
            [
                (getattr(each, field), getattr(each, f"{field}_right"), truth)
                for each, truth in zip(said, truths, strict=True)
            ]
        )
        for field in ("forced", "free")
    }


def _count_wrong(rows):
    places = omitted = repeated = absent = 0
    for names, right, truth in rows:
        there = {each["name"] for each in truth["objects"]}
        places += len(names)
        for name, fine in zip(names, right, strict=True):
            omitted += name is None
            repeated += not fine and name in there
            absent += name is not None and name not in there
    return WrongNames(places, omitted, repeated, absent)


def _wrong(right):
    share, low, high, _ = exact_match(list(map(str, right)), ["True"] * len(right))
    return Score(100 - share, 100 - high, 100 - low, len(right))
