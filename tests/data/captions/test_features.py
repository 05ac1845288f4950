"""Features are computed once, survive a kill, and are known by what they are of."""

import pickle

import numpy as np
import pytest

from keras_attention.data.batches.caption_batches import CaptionBatches
from keras_attention.data.captions.features import (
    FeatureStore,
    compute_caption_features,
    compute_features,
)
from keras_attention.data.captions.formats import PreparedCaptions, prepare_captions
from tests.data.captioned_images import captioned_images, number_of, word_tokenizer

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3)).astype("uint8")


def encode(images):
    """A grid of 2 × 2 means."""
    assert images.dtype == np.uint8 and len(images) == 16
    return images.reshape(-1, 2, 4, 2, 4, 3).mean(axis=(2, 4)).astype("float32")


def killed_after(count):
    calls = []

    def encode_some(images):
        calls.append(len(images))
        if len(calls) > count:
            raise KeyboardInterrupt
        return encode(images)

    return encode_some


def compute(folder, encode_function=encode, images=IMAGES, name="a", **options):
    return compute_features(encode_function, images, folder, name, 16, **options)


def test_features_are_those_of_the_function_in_float16(tmp_path):
    counts = []
    store = compute(tmp_path / "features", progress=counts.append)
    expected = IMAGES.reshape(-1, 2, 4, 2, 4, 3).mean(axis=(2, 4)).astype("float16")
    assert isinstance(store.features, np.memmap) and store.fingerprint == "a"
    np.testing.assert_array_equal(store.features, expected)
    assert counts == [16, 32, 48, 50]


@pytest.mark.parametrize("half_written", [0, 5])
def test_a_killed_run_goes_on_where_it_was(tmp_path, half_written):
    expected = compute(tmp_path / "whole").features
    folder = tmp_path / "killed"
    with pytest.raises(KeyboardInterrupt):
        compute(folder, killed_after(2))
    with pytest.raises(ValueError, match="32 of 50 images"):
        FeatureStore.open(folder)
    with (folder / "features.bin").open("ab") as file:
        file.write(b"x" * half_written)
    counts = []
    store = compute(folder, killed_after(2), progress=counts.append)
    assert counts == [32, 48, 50]
    np.testing.assert_array_equal(store.features, expected)
    compute(folder, killed_after(0))  # Complete: nothing is encoded.


def test_a_killed_first_batch_leaves_nothing_in_the_way(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        compute(tmp_path, killed_after(0))
    with pytest.raises(ValueError, match="compute them first"):
        FeatureStore.open(tmp_path)
    assert len(compute(tmp_path).features) == 50


def test_other_features_are_not_continued(tmp_path):
    compute(tmp_path)
    with pytest.raises(ValueError, match="another encoder.*overwrite=True"):
        compute(tmp_path, name="b")
    with pytest.raises(ValueError, match="another encoder"):
        compute(tmp_path, images=IMAGES[:20])
    store = compute(tmp_path, name="b", images=IMAGES[:20], overwrite=True)
    assert len(store.features) == 20 and store.fingerprint == "b"


def test_what_cannot_be_kept_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at most 65,504"):
        compute(tmp_path, lambda images: encode(images) * 1e4)
    with pytest.raises(ValueError, match="received a shape of"):
        compute(tmp_path, lambda images: encode(images).mean(axis=1))
    with pytest.raises(ValueError, match="received none"):
        compute(tmp_path, images=IMAGES[:0])


def test_prepared_captions_take_features_of_their_own_images(tmp_path):
    tokenizer = word_tokenizer()
    options = {"tokenizer": tokenizer, "image_size": 8}
    prepared = prepare_captions(captioned_images(), tmp_path / "prepared", **options)
    counts = []
    compute_caption_features(
        encode,
        prepared,
        tmp_path / "features",
        "means",
        batch_size=16,
        progress=lambda *done: counts.append(done),
    )
    assert counts == [(16, 40), (20, 40), (30, 40), (40, 40)]

    again = PreparedCaptions.open(prepared.folder)
    plain = CaptionBatches(again.train, 60)
    again.attach_features(tmp_path / "features")
    batches = CaptionBatches(pickle.loads(pickle.dumps(again.train)), 60)
    names = again.train.names
    for step in (0, 7):
        images = plain.batch_at(step)[0]["images"]
        features = batches.batch_at(step)[0]["features"]
        expected = images.reshape(-1, 2, 4, 2, 4, 3).mean(axis=(2, 4))
        np.testing.assert_allclose(features, expected, rtol=1e-3)
        assert {f"image-{number_of(image)}" for image in images} <= set(names)

    other = prepare_captions(captioned_images(seed=1), tmp_path / "other", **options)
    with pytest.raises(ValueError, match="features of other images"):
        other.attach_features(tmp_path / "features")
    with pytest.raises(ValueError, match="expected features of 10 images"):
        other.test.attach_features(tmp_path / "features" / "train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "features.json is damaged: expected an object"),
        ('{"format": "features 1"}', "features.json is damaged: KeyError"),
        (
            '{"format": "features 1", "shape": 3, "done": 3, "fingerprint": "a"}',
            "features.json is damaged: TypeError",
        ),
    ],
)
def test_a_damaged_meta_file_is_named(tmp_path, text, message):
    compute(tmp_path)
    (tmp_path / "features.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        FeatureStore.open(tmp_path)
    with pytest.raises(ValueError, match=message):
        compute(tmp_path)
