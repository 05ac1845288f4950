"""Errors by position: with the right words before, and with the model's own.

Of each image there is one greedy caption, and one reference, that of the image's
which agrees with it at most positions. At position t

    right words before     what the model finds most probable after the reference's
                           first t − 1 words
    its own words before   the greedy caption's word

are both compared with the reference's word. At the first position they are the same by
definition; what lies between them later is what a model's own errors cost it.
"""

from typing import NamedTuple

import numpy as np

from keras_attention.decoding.programs import compiled
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID
from keras_attention.studies.bootstrap import Score
from keras_attention.studies.by_length import exact_match
from keras_attention.tasks.batches import num_rows, pad_rows, pad_to_bucket

LEAST = 50  # references that are so long


class WordsSaid(NamedTuple):
    """Ids of one image, END included; all are as long as the reference."""

    reference: list
    forced: list
    """What was most probable after the reference's words."""
    free: list
    """The greedy caption, cut or filled with padding."""


def say_words(captioner, inputs, references, batch_size=64, progress=None):
    """Captions images greedily, and has the model guess each word of a reference.

    Args:
        captioner: `Captioner`.
        inputs: dict of one array, `images` or `features`.
        references: list of str for each image.
        batch_size: int.
        progress: function of the number of images done.

    Returns:
        list of `WordsSaid`.
    """
    model = captioner.model
    ((kind, array),) = inputs.items()
    most_probable = compiled(model, _most_probable(model))
    found = []
    for start in range(0, len(array), batch_size):
        batch = np.asarray(array[start : start + batch_size])
        rows = num_rows(batch)
        padded = {kind: pad_rows(batch, rows)}
        if batch.dtype != np.uint8:
            padded[kind] = padded[kind].astype("float32")
        greedy = captioner.decode(
            padded, captioner.decoding_options(1, 1, {}), None, False, 0
        )
        free = [
            greedy.token_ids[row, 0, : greedy.lengths[row, 0]].tolist()
            for row in range(len(batch))
        ]
        right = [
            closest_reference(said, _encoded(captioner, texts))
            for said, texts in zip(
                free, references[start : start + batch_size], strict=True
            )
        ]
        before = pad_to_bucket([[START_ID, *ids[:-1]] for ids in right], rows)
        forced = np.asarray(most_probable({**padded, "target_ids": before}))
        for row, ids in enumerate(right):
            own = [*free[row], *[PAD_ID] * len(ids)][: len(ids)]
            found.append(WordsSaid(ids, forced[row, : len(ids)].tolist(), own))
        if progress is not None:
            progress(len(found))
    return found


def _most_probable(model):
    from keras import ops

    def run(inputs):
        return ops.argmax(model(inputs), axis=-1)

    return run


def _encoded(captioner, texts):
    return [[*ids, END_ID] for ids in captioner.tokenizer.encode(texts)]


def closest_reference(said, references):
    """The reference that agrees with a caption at most positions.

    Args:
        said: list of ids.
        references: lists of ids.

    Returns:
        One of them; of several the first.

    Example:

    >>> closest_reference([5, 6, 3], [[6, 5, 3], [5, 7, 8, 3], [5, 6, 8, 9, 3]])
    [5, 6, 8, 9, 3]
    """

    def order(reference):
        agreed = sum(map(int.__eq__, said, reference))
        return -agreed, abs(len(said) - len(reference))

    return min(references, key=order)


def errors_by_position(words, least=LEAST):
    """The share of errors at each position, in per cent, with Wilson's interval.

    Args:
        words: list of `WordsSaid`.
        least: int. Positions that fewer references have are left out, where there are
            four times as many at all.

    Returns:
        Two lists of `Score`, from position 1: with the right words before, and with
        the model's own.
    """
    longest = max(len(each.reference) for each in words)
    forced, free = [], []
    for t in range(longest):
        rows = [each for each in words if len(each.reference) > t]
        if len(rows) < min(least, len(words) / 4):
            break
        right = [each.reference[t] for each in rows]
        forced.append(_errors([each.forced[t] for each in rows], right))
        free.append(_errors([each.free[t] for each in rows], right))
    return forced, free


def _errors(said, right):
    share, low, high, _ = exact_match(list(map(str, said)), list(map(str, right)))
    return Score(100 - share, 100 - high, 100 - low, len(said))
