"""What is measured of a captioner of scenes, image by image."""

from typing import Any, NamedTuple

import numpy as np

from keras_attention.evaluation.captions import cider_d_of_each
from keras_attention.evaluation.pointing import name_attention
from keras_attention.evaluation.ptb_tokenizer import (
    tokenize_captions,
    tokenize_references,
)
from keras_attention.evaluation.scenes import judge, read_statements
from keras_attention.studies.bootstrap import Score, Shares
from keras_attention.studies.regions.error_analysis import (
    MistakeCounts,
    count_mistakes,
    find_mistakes,
)
from keras_attention.studies.regions.name_errors import (
    WrongNames,
    errors_by_name,
    wrong_names,
)
from keras_attention.studies.regions.position_errors import errors_by_position


class MeasuredImages(NamedTuple):
    """The test split."""

    pixels: Any
    """uint8 `(n, S, S, 3)`."""
    references: list
    """List of str for each image."""
    truths: list
    """Dict for each; see `Scenes`."""
    language: str

    @property
    def image_size(self):
        return self.pixels.shape[1]

    @property
    def num_things(self):
        """int `(n,)`: things in each image."""
        return np.array([len(truth["objects"]) for truth in self.truths])

    @property
    def held_out(self):
        """bool `(n,)`: images whose combination was never trained on."""
        return np.array([bool(truth.get("held_out")) for truth in self.truths])


class CaptionMeasure(NamedTuple):
    """A score of what was said."""

    name: str
    label: str
    scale: float
    digits: int


METRICS = (
    CaptionMeasure("cider", "CIDEr-D", 1.0, 2),
    CaptionMeasure("object_f1", "object F1 (%)", 100.0, 1),
    CaptionMeasure("relations", "relations right (%)", 100.0, 1),
)


class PointingShares(NamedTuple):
    """Where attention was while things were named, over all images."""

    inside: Shares
    """Attention inside the box."""
    hits: Shares
    """Names with the peak inside."""
    chance: Shares
    """The box's share of the image."""


class RegionResult(NamedTuple):
    """One model, measured."""

    variant: Any
    run: str
    """Its folder's name."""
    made: dict[str, Any]
    """The bundle's config: how it was made."""
    captions: list
    """`Caption` of each image."""
    scores: dict[str, Shares]
    """For the name of each of `METRICS`."""
    said: PointingShares | None
    """Of its own captions; None without attention, as all below."""
    forced: PointingShares | None
    """Of references that it is made to say."""
    mistakes: list
    mistake_counts: dict[str, MistakeCounts] | None
    errors: tuple[list[Score], list[Score]]
    """By position in the caption: with the right words before, and with its own."""
    name_errors: tuple[list[Score], list[Score]]
    """The same by thing named: the first, the second …"""
    wrong_names: dict[str, WrongNames]
    """What these errors are: with "forced" and "free" words before."""

    @property
    def training(self):
        return self.made["training"]


def measure(variant, run, made, images, captions, forced, words, names):
    """Measures one model.

    Args:
        variant: `RegionVariant`.
        run: str.
        made: dict. The bundle's config.
        images: `MeasuredImages`.
        captions: `Caption` of each.
        forced: `Caption` of each, its first reference; None without attention.
        words: `WordsSaid` of each.
        names: `NamesSaid` of each.

    Returns:
        `RegionResult`.
    """
    texts = [caption.text for caption in captions]
    statements = read_statements(texts, images.language)
    said = pointing = counts = None
    mistakes = []
    if variant.attends:
        said = measure_shares(captions, statements, images)
        references = read_statements([each.text for each in forced], images.language)
        pointing = measure_shares(forced, references, images)
        mistakes = find_mistakes(captions, images.truths, statements, images.image_size)
        counts = count_mistakes(mistakes, statements)
    return RegionResult(
        variant,
        run,
        made,
        captions,
        measure_said(texts, statements, images),
        said,
        pointing,
        mistakes,
        counts,
        errors_by_position(words),
        errors_by_name(names),
        wrong_names(names, images.truths),
    )


def measure_said(texts, statements, images):
    """Of each of `METRICS` the `Shares`: CIDEr-D's mean over images, F1 and relations
    counted over all of them."""
    judged = list(map(judge, statements, images.truths))
    cider = cider_d_of_each(
        tokenize_captions(texts), tokenize_references(images.references)
    )
    return {
        "cider": Shares.of(cider),
        "object_f1": Shares.of(
            [2 * one.right for one in judged],
            [one.said + one.there for one in judged],
        ),
        "relations": Shares.of(
            [one.related and one.relations_right for one in judged],
            [one.related for one in judged],
        ),
    }


def measure_shares(captions, statements, images):
    """`PointingShares` of captions; names of what is not there have no say."""
    sums = []
    for caption, truth, statement in zip(
        captions, images.truths, statements, strict=True
    ):
        found = name_attention(caption, truth, statement.mentions, images.image_size)
        pointing = [name for name in found if name is not None]
        sums.append(
            (
                sum(name.inside for name in pointing),
                sum(name.hit for name in pointing),
                sum(name.area for name in pointing),
                len(pointing),
            )
        )
    inside, hits, areas, names = np.array(sums, "float64").T
    return PointingShares(
        Shares(inside, names), Shares(hits, names), Shares(areas, names)
    )
