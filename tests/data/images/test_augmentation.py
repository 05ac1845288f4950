"""Augmented images are those of the seed and the step, and captions stay true."""

import pickle

import numpy as np
import pytest

from keras_attention.data.batches.caption_batches import CaptionBatches
from keras_attention.data.captions.formats import CaptionCorpus
from keras_attention.data.images.augmentation import Augmentation, names_a_side
from tests.data.captioned_images import captioned_images, word_tokenizer

NOTHING = dict.fromkeys(
    ["flip", "shift", "zoom", "brightness", "contrast", "saturation"], 0.0
)


def random_images(count=20, size=16):
    shape = (count, size, size, 3)
    return np.random.default_rng(1).integers(0, 256, shape).astype("uint8")


def changed(images, may_flip=True, seed=0, **options):
    augment = Augmentation(**{**NOTHING, **options})
    flippable = np.full(len(images), may_flip)
    inputs = {"images": images}
    return augment(inputs, np.random.default_rng(seed), flippable)["images"]


@pytest.mark.parametrize(
    "caption",
    [
        "A cat to the LEFT of a dog.",
        "the right-most of them",
        "Links neben dem Baum",
        "das rechte Auto",
        "un chat à gauche",
        "à droite de l'arbre",
        "a la izquierda",
        "el lado derecho",
        "猫在树的左边",
        "木の右に犬がいる",
        "кот слева от дерева",
    ],
)
def test_words_of_side_are_known(caption):
    assert names_a_side(caption)


@pytest.mark.parametrize(
    "caption", ["A cat above a tree.", "bright cleft", "Ein Hund unter dem Tisch", "猫"]
)
def test_other_words_are_none(caption):
    assert not names_a_side(caption)


def test_all_zero_changes_nothing():
    images = random_images()
    np.testing.assert_array_equal(changed(images), images)


def test_a_flip_mirrors_those_that_may_be():
    images = random_images()
    np.testing.assert_array_equal(changed(images, flip=1.0), images[:, :, ::-1])
    np.testing.assert_array_equal(changed(images, False, flip=1.0), images)
    half = changed(images, flip=0.5)
    mirrored = [
        np.array_equal(*pair) for pair in zip(half, images[:, :, ::-1], strict=True)
    ]
    same = [np.array_equal(*pair) for pair in zip(half, images, strict=True)]
    assert sum(mirrored) + sum(same) == 20 and 4 < sum(mirrored) < 16


def test_a_flip_mirrors_what_is_moved_too():
    images = random_images()
    options = {"shift": 0.2, "zoom": 0.2}
    straight = changed(images, **options)
    mirrored = changed(images, flip=1.0, **options)
    np.testing.assert_array_equal(mirrored, straight[:, :, ::-1])


def test_a_shift_moves_an_image_no_farther_than_said():
    images = np.zeros((50, 20, 20, 3), "uint8")
    images[:, 10, 10] = 255
    moved = changed(images, shift=0.2).astype(float)[..., 0]
    total = moved.sum(axis=(1, 2))
    places = [
        (moved * np.arange(20)[:, None]).sum(axis=(1, 2)) / total,
        (moved * np.arange(20)).sum(axis=(1, 2)) / total,
    ]
    for place in places:
        assert np.all(np.abs(place - 10) < 4.1)
        assert place.min() < 7 and place.max() > 13
    np.testing.assert_allclose(total, 255, atol=3)


def test_what_comes_in_from_outside_repeats_the_edge():
    images = np.full((20, 16, 16, 3), 90, "uint8")
    np.testing.assert_array_equal(changed(images, shift=0.5, zoom=0.5), images)


@pytest.mark.parametrize("options", [{}, {"flip": 1.0}, {"shift": 0.3}, {"zoom": 0.4}])
def test_windows_move_with_their_images(options):
    """Of white images on black, a few lines of pixels wide."""
    windows = np.array([[0, 6, 16, 9], [0, 0, 16, 16], [2, 0, 4, 16]] * 10, "int32")
    images = np.zeros((30, 16, 16, 3), "uint8")
    for image, (x0, y0, x1, y1) in zip(images, windows, strict=True):
        image[y0:y1, x0:x1] = 255
    augment = Augmentation(**{**NOTHING, **options})
    may_flip = np.ones(30, bool)
    inputs = {"images": images, "windows": windows}
    found = augment(inputs, np.random.default_rng(0), may_flip)
    images, moved = found["images"], found["windows"]
    assert moved.dtype == np.int32
    for image, (x0, y0, x1, y1) in zip(images, moved, strict=True):
        seen = np.zeros((16, 16), bool)
        seen[y0:y1, x0:x1] = True
        np.testing.assert_array_equal(image[..., 0] > 0, seen)
    assert options == {} or not np.array_equal(moved, windows)


def test_an_image_that_leaves_its_square_leaves_no_window():
    augment = Augmentation(**{**NOTHING, "shift": 0.5})
    windows = np.array([[0, 0, 1, 16]] * 20, "int32")
    images = np.zeros((20, 16, 16, 3), "uint8")
    rng = np.random.default_rng(0)
    inputs = {"images": images, "windows": windows}
    moved = augment(inputs, rng, np.zeros(20, bool))["windows"]
    widths = moved[:, 2] - moved[:, 0]
    assert widths.min() == 0 and widths.max() > 1  # Edges are repeated.


def test_zoom_keeps_the_middle():
    images = np.zeros((30, 21, 21, 3), "uint8")
    images[:, 5:16, 5:16] = 200
    areas = (changed(images, zoom=0.3)[..., 0] / 200).sum(axis=(1, 2))
    assert areas.min() < 100 and areas.max() > 150
    assert np.all(areas > 121 * 0.7**2 - 5) and np.all(areas < 121 * 1.3**2 + 5)


def test_colours_agree_with_their_formulas():
    images = random_images(1)
    chance = np.random.default_rng(0).uniform(-1, 1, (1, 7))[0, 4:]
    x = images[0].astype(float)
    luminance = np.array([0.299, 0.587, 0.114])
    brightness, contrast, saturation = 1 + 0.3 * chance
    grey = (x @ luminance)[..., None]
    x = grey + saturation * (x - grey)
    x = grey.mean() + contrast * (x - grey.mean())
    expected = np.clip(brightness * x, 0, 255)
    result = changed(images, brightness=0.3, contrast=0.3, saturation=0.3)[0]
    assert np.abs(result - expected).max() < 0.51


def test_grey_stays_grey_and_hues_keep_their_order():
    images = np.zeros((30, 4, 4, 3), "uint8")
    images[:, :2] = 100
    images[:, 2:] = 40, 200, 120
    result = changed(images, brightness=0.2, contrast=0.2, saturation=0.2)
    assert np.ptp(result[:, :2], axis=-1).max() <= 1
    assert np.all(np.argsort(result[:, 2:], axis=-1) == [0, 2, 1])


def test_one_number_leaves_the_others_chances_alone():
    images = random_images()
    moved = changed(images, shift=0.3)
    both = changed(images, shift=0.3, flip=1.0)
    np.testing.assert_array_equal(both, moved[:, :, ::-1])


@pytest.mark.parametrize("option", NOTHING)
def test_numbers_out_of_range_are_refused(option):
    with pytest.raises(ValueError, match=f"{option} must be between 0 and"):
        Augmentation(**{option: -0.1})
    with pytest.raises(ValueError, match="received 1.5"):
        Augmentation(**{option: 1.5})


def test_batches_are_augmented_by_seed_and_step():
    corpus = CaptionCorpus.from_examples(captioned_images(40), word_tokenizer())
    options = {"tokens_per_batch": 60, "seed": 3, "augment": Augmentation()}
    batches = CaptionBatches(corpus, **options)
    copy = pickle.loads(pickle.dumps(CaptionBatches(corpus, first_step=2, **options)))
    plain = CaptionBatches(corpus, tokens_per_batch=60, seed=3)
    for step in (5, 2, 40):
        images = batches.batch_at(step)[0]["images"]
        assert images.dtype == np.uint8
        np.testing.assert_array_equal(copy[step - 2][0]["images"], images)
        assert not np.array_equal(plain.batch_at(step)[0]["images"], images)
        for mine, theirs in zip(
            batches.batch_at(step)[1:], plain.batch_at(step)[1:], strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)


def test_batches_mirror_no_image_whose_caption_names_a_side():
    corpus = CaptionCorpus.from_examples(captioned_images(40), word_tokenizer())
    augment = Augmentation(**{**NOTHING, "flip": 1.0})
    assert 0 < augment.flippable(corpus).sum() < len(corpus)
    assert not Augmentation(flip=0).flippable(corpus).any()
    options = {"tokens_per_batch": 60, "shuffle": False}
    mirrored = CaptionBatches(corpus, augment=augment, **options)
    tokenizer = word_tokenizer()
    for one, other in zip(CaptionBatches(corpus, **options), mirrored, strict=True):
        for row, text in enumerate(tokenizer.decode(one[1])):
            image = one[0]["images"][row]
            if text:  # Rows that fill the batch may be either.
                image = image if "left" in text else image[:, ::-1]
                np.testing.assert_array_equal(other[0]["images"][row], image)
