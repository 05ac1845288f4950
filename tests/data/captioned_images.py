"""Small captioned images for tests."""

import numpy as np

from keras_attention.data.captions.formats import CaptionedImage
from keras_attention.data.tokenizer import Tokenizer

WORDS = ["cat", "dog", "tree", "left", "red", "sits", "on", "the"]


class CaptionedImages(list):
    """Examples that know their name, as scenes do."""

    def fingerprint(self):
        return f"{len(self)} images"


def captioned_images(count=40, size=8, captions=2, seed=0):
    """Each image's first pixel is its own number, so that it can be recognised."""
    rng = np.random.default_rng(seed)
    examples = CaptionedImages()
    for number in range(count):
        image = rng.integers(0, 256, (size, size, 3)).astype("uint8")
        image[0, 0] = number % 256, number // 256, 7
        texts = [
            " ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(captions)
        ]
        split = ("train", "train", "valid", "test")[number % 4]
        truth = {"number": number}
        name = f"image-{number}"
        examples.append(CaptionedImage(name, image, texts, split, truth))
    return examples


def word_tokenizer():
    return Tokenizer.train([" ".join(WORDS)] * 3, 40, model_type="word")


def number_of(image):
    return int(image[0, 0, 0]) + 256 * int(image[0, 0, 1])
