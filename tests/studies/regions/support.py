"""What a study of regions would have measured, without a model."""

import dataclasses

import numpy as np

from keras_attention.data.scenes import Scenes, read_caption
from keras_attention.evaluation.pointing import covered_cells
from keras_attention.studies.regions.metrics import MeasuredImages, measure
from keras_attention.studies.regions.name_errors import NamesSaid
from keras_attention.studies.regions.position_errors import WordsSaid
from keras_attention.studies.regions.variants import VARIANTS
from keras_attention.tasks.captioner import Caption, CaptionHypothesis
from keras_attention.training.recipe import load_recipe

GRID = 8
MADE = {
    "package_version": "0.1",
    "keras_version": "3.15",
    "model": {"config": {"units": 64}},
    "training": {
        "parameters": 1000,
        "steps": 20,
        "minutes": 0.1,
        "backend": "tensorflow",
    },
}


def studied_scenes(count=48, **options):
    """The test split of so many scenes of few things, as `MeasuredImages`."""
    scenes = Scenes(count=10 * count, image_size=64, num_things=12, **options)
    chosen = [
        i for i in range(len(scenes)) if scenes.split_of(i) in ("test", "held out")
    ]
    found = [scenes[i] for i in chosen[:count]]
    return MeasuredImages(
        np.stack([each.image for each in found]),
        [each.captions for each in found],
        [each.truth for each in found],
        "en",
    )


def caption_of(text, truth, attend, image_size=64):
    """A `Caption` whose words attend to the boxes of `attend(name, objects)`."""
    words, spans, start = [], [], 0
    for word in text.split():
        start = text.index(word, start)
        words.append(word)
        spans.append((start, start + len(word)))
        start += len(word)
    mentions = read_caption(text, "en").mentions
    grids = []
    for begin, end in spans:
        name = next((n for b, e, n in mentions if b < end and e > begin), None)
        boxes = [] if name is None else attend(name, truth["objects"])
        grid = covered_cells(boxes, image_size, GRID) ** 2 + 1e-3
        grids.append(grid / grid.sum())
    grids.append(np.full((GRID, GRID), GRID**-2))
    hypothesis = CaptionHypothesis(
        text,
        -1.0,
        -1.0,
        [*words, "</s>"],
        [*spans, (len(text), len(text))],
        np.array(grids, "float32"),
    )
    return Caption("image", [hypothesis])


def to_the_thing(name, objects):
    """Attends to the thing that is named, if it is there; else at the first."""
    there = [each["box"] for each in objects if each["name"] == name]
    return there or [objects[0]["box"]]


def blind(caption):
    """The same without attention."""
    (hypothesis,) = caption.hypotheses
    return Caption(caption.name, [dataclasses.replace(hypothesis, attention=None)])


def measured(images, variant, right, attend=to_the_thing, words=None, names=None):
    """The `Result` of a model of whose captions so large a share is right; the rest
    are of other images."""
    rng = np.random.default_rng(3)
    captions, forced = [], []
    for i, (texts, truth) in enumerate(
        zip(images.references, images.truths, strict=True)
    ):
        j = i if rng.random() < right else (i + 7) % len(images.truths)
        captions.append(caption_of(images.references[j][-1], truth, attend))
        forced.append(caption_of(texts[0], truth, attend))
    if not variant.attends:
        captions, forced = list(map(blind, captions)), None
    words = words or [WordsSaid([5, 6, 3], [5, 6, 3], [5, 7, 3])] * len(captions)
    names = names or [NamesSaid(["dog"], ["dog"], [True], [True])] * len(captions)
    run = variant.name
    return measure(variant, run, MADE, images, captions, forced, words, names)


def all_measured(images, soft=0.9, pooled=0.4):
    """Results of all variants."""
    return [
        measured(images, variant, soft if variant.attends else pooled)
        for variant in VARIANTS
    ]


def regions_recipe(steps=20, **training):
    """Trains on few scenes in seconds."""
    recipe = load_recipe(
        "scenes-soft",
        [
            "model.preset=tiny",
            "data.scenes_count=300",
            "data.scenes_things=12",
            "tokenizer.vocabulary_size=120",
            f"training.max_steps={steps}",
            "training.batch_tokens=256",
            "training.max_shapes=1",
            "training.warmup_steps=4",
            "training.validate_every=10",
            "training.validation_sentences=4",
            "training.test_sentences=4",
            "decoding.beam=1",
            "decoding.max_length=8",
        ],
    )
    training = dataclasses.replace(recipe.training, **training)
    return dataclasses.replace(recipe, training=training)
