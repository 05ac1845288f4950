"""Captioners never trained, that say different things of different images."""

import io
import itertools

import numpy as np
from PIL import Image

from keras_attention.data.tokenizer import Tokenizer
from keras_attention.decoding.options import DecodingOptions
from keras_attention.models.recurrent_captioner import PRESETS, RecurrentCaptioner
from keras_attention.models.transformer_captioner import (
    PRESETS as TRANSFORMER_PRESETS,
)
from keras_attention.models.transformer_captioner import TransformerCaptioner
from keras_attention.tasks.captioner import Captioner

OPTIONS = DecodingOptions(beam=3, n_best=2, max_length=10)
CAPTIONS = [
    f"{number} {colour} {thing} {place} a {other}."
    for number, colour, thing, place, other in itertools.product(
        ("a", "one", "the"),
        ("red", "green", "small"),
        ("dog", "house", "apple"),
        ("left of", "above", "below"),
        ("tree", "car", "boat"),
    )
]


def pixels(height, width, seed=0):
    """Some coloured rectangles, uint8 `(height, width, 3)`."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width, 3), rng.integers(0, 256, 3), "uint8")
    for _ in range(4):
        top, left = rng.integers(0, height - 8), rng.integers(0, width - 8)
        image[top : top + height // 3, left : left + width // 3] = rng.integers(
            0, 256, 3
        )
    return image


def encoded_image(kind="PNG", height=48, width=64, seed=0, mode="RGB", **options):
    """The bytes of a file: `kind` is Pillow's name of the format."""
    stream = io.BytesIO()
    image = Image.fromarray(pixels(height, width, seed)).convert(mode)
    image.save(stream, kind, **options)
    return stream.getvalue()


def encoded_images():
    """Files of several kinds and shapes, as bytes."""
    return [
        encoded_image("PNG", 48, 64, seed=1),
        encoded_image("JPEG", 64, 40, seed=2, quality=90),
        encoded_image("JPEG", 32, 32, seed=3, mode="L"),
        encoded_image("PNG", 20, 90, seed=4, mode="RGBA"),
        encoded_image("PNG", 70, 70, seed=5, mode="P"),
    ]


def make_captioner(seed=0, family=RecurrentCaptioner, fit="pad", **changes):
    """A tiny model with a real tokenizer; its logits are sharp."""
    import keras

    presets = TRANSFORMER_PRESETS if family is TransformerCaptioner else PRESETS
    tokenizer = Tokenizer.train(CAPTIONS, 80, model_type="bpe", byte_fallback=False)
    keras.utils.set_random_seed(seed)
    sizes = {**presets["tiny"], "dropout": 0.0, **changes}
    model = family(tokenizer.vocabulary_size, **sizes)
    model.build()
    model.built = True
    sharpen(model, seed)
    return Captioner(
        model,
        tokenizer,
        options=OPTIONS,
        fit=fit,
        language="en",
        training={"name": "tiny", "corpus": "none", "steps": 0},
        metrics={"model": {"cider": 0.125}},
    )


def sharpen(model, seed):
    """Moves all weights, so that nothing is saved right by chance."""
    rng = np.random.default_rng(seed)
    encoders = {id(weight) for weight in model.image_encoder.weights}
    for weight in model.weights:
        value = np.asarray(weight)
        noise = rng.normal(size=value.shape).astype("float32")
        if weight.name == "moving_variance":
            weight.assign(value + 0.3 * np.abs(noise))
        elif id(weight) in encoders:
            weight.assign(value + 0.05 * noise)
        else:
            weight.assign(2 * value + 0.3 * noise)
