"""Draws docs/images/caption.png: what a captioner attends to as it names things.

    keras-attention train scenes-lite0
    python tools/draw_caption.py runs/scenes-lite0/bundle docs/images/caption.png

Of the first scenes of the test split it draws one of which all is said right in few
words, things and how they lie, and where the brightest spot is on each thing as it is
named: the one with most attention there.
"""

import sys

import numpy as np

from keras_attention import Captioner
from keras_attention.data.scenes import Scenes, read_caption
from keras_attention.evaluation.pointing import name_attention
from keras_attention.evaluation.scenes import judge
from keras_attention.plotting.captions import plot_caption

SCENES = 400  # of the test split, that are captioned
THINGS = 3  # at least, in two kinds or more
TOKENS = 12  # at most: two rows of panels


def main(bundle, path):
    captioner = Captioner.load(bundle)
    size = captioner.model.image_size
    data = captioner.training["recipe"]["data"]
    scenes = Scenes(
        data["scenes_count"],
        seed=captioner.training["recipe"]["training"]["seed"],
        image_size=size,
        num_things=data["scenes_things"],
    )
    numbers = [i for i in range(len(scenes)) if scenes.split_of(i) == "test"][:SCENES]
    found = [scenes[i] for i in numbers]
    images = np.stack([scene.image for scene in found])
    captions = captioner.caption_inputs({"images": images}, return_attention=True)
    best = max(zip(found, captions, strict=True), key=lambda pair: points(*pair, size))
    if points(*best, size) < 0:
        raise SystemExit("no scene is said right and attended to: train on")
    scene, caption = best
    print(f"{scene.name}: {caption.text}")
    plot_caption(
        scene.image, caption.tokens, caption.attention, boxes=boxes(*best), path=path
    )


def points(scene, caption, size):
    """Attention on the things as they are named; -1 for what is not to be drawn."""
    said = read_caption(caption.text, "en")
    things = scene.truth["objects"]
    kinds = {thing["name"] for thing in things}
    right = judge(said, scene.truth).true and len(kinds) > 1 and len(things) >= THINGS
    right = right and len(caption.tokens) <= TOKENS
    attentions = [
        each
        for mention in said.mentions
        for each in name_attention(caption, scene.truth, [noun(mention, caption)], size)
    ]
    if not right or not all(each is not None and each.hit for each in attentions):
        return -1.0
    return min(each.inside for each in attentions)


def noun(mention, caption):
    """Of "two red dogs" the last word, whose panel gets the boxes."""
    begin, end, name = mention
    starts = [first for first, last in caption.spans if first < end and last > begin]
    return max([begin, *starts]), end, name


def boxes(scene, caption):
    """Of each token, the boxes of what it names."""
    of_tokens: list = [[] for _ in caption.tokens]
    for mention in read_caption(caption.text, "en").mentions:
        begin, end, name = noun(mention, caption)
        for step, (first, last) in enumerate(caption.spans):
            if first < end and last > begin:
                things = scene.truth["objects"]
                of_tokens[step] = [t["box"] for t in things if t["name"] == name]
    return of_tokens


if __name__ == "__main__":
    main(*sys.argv[1:])
