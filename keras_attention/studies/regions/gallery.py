"""Wrong words in images: what was said, what is there, and where the model attended."""

import numpy as np

from keras_attention.plotting.gallery import Saying, plot_gallery
from keras_attention.studies.regions.error_analysis import (
    KINDS,
    NAMED,
    NOTHING,
    PLACES,
    SAME,
    UNNAMED,
)

MOST = 12  # mistakes
NOTES = {
    UNNAMED: "attended to {seen}, unnamed",
    SAME: "still on it",
    NAMED: "attended to {seen}, named too",
    NOTHING: "attended to nothing",
}


def draw_gallery(result, images, path):
    """Draws some of a model's mistakes, of each kind in proportion.

    Args:
        result: `Result` of a model with attention.
        images: `MeasuredImages`.
        path: path.

    Returns:
        Whether there was anything to draw.
    """
    chosen = choose(result.mistakes)
    if not chosen:
        return False
    plot_gallery([_example(each, result, images) for each in chosen], path=path)
    return True


def choose(mistakes, most=MOST):
    """Some mistakes, one of an image, spread evenly over kinds and images."""
    kinds, places = list(KINDS), list(PLACES)
    first = {mistake.image: mistake for mistake in reversed(mistakes)}
    ordered = sorted(
        first.values(),
        key=lambda each: (
            kinds.index(each.kind),
            places.index(each.place),
            each.image,
        ),
    )
    numbers = np.linspace(0, len(ordered) - 1, min(most, len(ordered)))
    return [ordered[round(number)] for number in numbers]


def _example(mistake, result, images):
    caption = result.captions[mistake.image]
    note = NOTES[mistake.place].format(seen=mistake.seen)
    return Saying(
        images.pixels[mistake.image],
        _closest_reference(caption.text, images.references[mistake.image]),
        caption.text,
        mistake.word,
        caption.attention[mistake.steps].mean(axis=0),
        tuple(tuple(each["box"]) for each in images.truths[mistake.image]["objects"]),
        note,
        # The same word may have been right before.
        start=caption.spans[mistake.steps[0]][0],
    )


def _closest_reference(said, references):
    words = set(said.lower().split())
    return max(references, key=lambda text: len(words & set(text.lower().split())))
