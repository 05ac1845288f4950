"""CaptionBatches: every caption once, with its own image, as the step decides."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from keras_attention.data.batches.caption_batches import CaptionBatches
from keras_attention.data.captions.formats import CaptionCorpus
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID
from tests.data.captioned_images import captioned_images, number_of, word_tokenizer

TOKENIZER = word_tokenizer()


def make_corpus(count=60):
    return CaptionCorpus.from_examples(captioned_images(count, captions=3), TOKENIZER)


def same(first, second):
    first, second = map(keras.tree.flatten, (first, second))
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def captions_of(batch):
    """`(number of the image, caption)` of each row that is not padding."""
    inputs, labels, _ = batch
    texts = TOKENIZER.decode(labels)
    rows = np.flatnonzero(labels[:, 0])
    return [(number_of(inputs["images"][row]), texts[row]) for row in rows]


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("tokens", [1, 60, 10**6])
def test_every_caption_comes_once_with_its_own_image(tokens, shuffle):
    corpus = make_corpus()
    batches = CaptionBatches(corpus, tokens, shuffle=shuffle)
    expected = [
        (number, text)
        for number, texts in enumerate(corpus.references)
        for text in texts
    ]
    for data_epoch in range(2):
        seen = []
        for i in range(len(batches)):
            batch = batches.batch_at(data_epoch * len(batches) + i)
            seen += captions_of(batch)
            inputs, labels, sample_weight = batch
            assert inputs["images"].dtype == np.uint8
            np.testing.assert_array_equal(sample_weight, labels != PAD_ID)
            shifted = np.where(labels == END_ID, PAD_ID, labels)[:, :-1]
            np.testing.assert_array_equal(inputs["target_ids"][:, 1:], shifted)
            starts = np.where(labels[:, 0] == PAD_ID, PAD_ID, START_ID)
            np.testing.assert_array_equal(inputs["target_ids"][:, 0], starts)
        assert sorted(seen) == sorted(expected)


@pytest.mark.parametrize("max_shapes", [1, 3, 8])
def test_shapes_are_few_and_within_the_budget(max_shapes):
    batches = CaptionBatches(make_corpus(), 64, max_shapes=max_shapes)
    found = {labels.shape for _, labels, _ in batches}
    assert found == {(rows, length) for rows, _, length in batches.shapes}
    assert len(found) <= max_shapes
    assert all(rows * length <= 64 for rows, length in found)
    labels = [labels for _, labels, _ in batches]
    padding = sum(np.count_nonzero(x == PAD_ID) for x in labels)
    np.testing.assert_allclose(
        batches.padding_share(), padding / sum(x.size for x in labels)
    )


def test_rows_that_fill_a_batch_show_real_images():
    batches = CaptionBatches(make_corpus(), 64)
    batch = next(batch for batch in batches if not batch[1][-1, 0])
    shown = [number_of(image) for image in batch[0]["images"]]
    filled = np.flatnonzero(batch[1][:, 0] == PAD_ID)
    assert {shown[row] for row in filled} <= set(shown[: filled[0]])


def test_the_step_and_the_seed_alone_decide():
    corpus = make_corpus()
    whole = CaptionBatches(corpus, 64, seed=7)
    steps = range(2 * len(whole) + 3)
    expected = [whole.batch_at(step) for step in steps]
    resumed = CaptionBatches(corpus, 64, seed=7, first_step=5)
    copy = pickle.loads(pickle.dumps(whole))
    for step in reversed(steps):
        assert same(resumed[step - 5], expected[step])
    with ThreadPoolExecutor(4) as pool:
        assert all(map(same, pool.map(copy.batch_at, steps), expected))
    other = CaptionBatches(corpus, 64, seed=8)
    assert not all(same(other.batch_at(step), expected[step]) for step in steps)


def test_features_take_the_place_of_images():
    corpus = make_corpus()
    images = CaptionBatches(corpus, 64)
    numbers = np.arange(corpus.num_images, dtype="float16")
    corpus.features = np.broadcast_to(numbers[:, None, None, None], (60, 2, 2, 3))
    for with_images, with_features in zip(
        images, CaptionBatches(corpus, 64), strict=True
    ):
        features = with_features[0].pop("features")
        expected = [number_of(image) for image in with_images[0].pop("images")]
        assert features.shape[1:] == (2, 2, 3) and features.dtype == np.float32
        assert features[:, 0, 0, 0].tolist() == expected
        assert same(with_images, with_features)
    assert "images" in CaptionBatches(corpus, 64, features=False)[0][0]


def test_features_that_are_not_there_and_augmented_ones_are_refused():
    corpus = make_corpus(4)
    with pytest.raises(ValueError, match="attach_features"):
        CaptionBatches(corpus, features=True)
    corpus.features = np.zeros((4, 2, 2, 3), "float16")
    with pytest.raises(ValueError, match="leave out augment"):
        CaptionBatches(corpus, augment=object())


def test_a_model_fits_on_them():
    images = keras.Input((8, 8, 3), name="images")
    target_ids = keras.Input((None,), dtype="int32", name="target_ids")
    pooled = keras.layers.GlobalAveragePooling2D()(
        keras.layers.Rescaling(1 / 255)(images)
    )
    pooled = keras.layers.Dense(16)(pooled)[:, None]
    hidden = keras.layers.Embedding(TOKENIZER.vocabulary_size, 16)(target_ids) + pooled
    logits = keras.layers.Dense(TOKENIZER.vocabulary_size)(hidden)
    model = keras.Model({"images": images, "target_ids": target_ids}, logits)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    history = model.fit(CaptionBatches(make_corpus(), 64), epochs=2, verbose=0)
    assert history.history["loss"][1] < history.history["loss"][0]
