"""Corpora are mixed by weight, and each is gone through to its end."""

from collections import Counter

import numpy as np
import pytest

from keras_attention.data.batches.text_batches import TokenBatches
from keras_attention.data.prepared.store import Sentences, TokenisedCorpus

SIZES = (300, 60)


def batches(weights, seed=1, **options):
    """Pair `i` is the ids of `i` in base ten, and so many zeros that lengths differ."""
    rng = np.random.default_rng(0)
    ids = [
        [int(digit) + 4 for digit in f"{i:03}"] + [4] * int(rng.integers(9))
        for i in range(sum(SIZES))
    ]
    side = Sentences.from_ids(ids, vocabulary_size=14)
    weights = None if weights is None else list(zip(SIZES, weights, strict=True))
    corpus = TokenisedCorpus(side, side)
    return TokenBatches(corpus, 200, seed=seed, weights=weights, **options)


def pairs_of(fed, data_epoch):
    """Which pairs a data epoch feeds, in their order."""
    steps = range(fed.num_batches_per_data_epoch)
    first = data_epoch * len(steps)
    sources = [fed.batch_at(first + step)[0]["source_ids"] for step in steps]
    rows = np.concatenate([ids[ids[:, 0] > 0, :3] for ids in sources])
    return (rows - 4) @ [100, 10, 1]


@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (1, 9)])
def test_a_weight_is_a_share_of_the_pairs(weights):
    fed = batches(weights)
    pairs = np.concatenate([pairs_of(fed, data_epoch) for data_epoch in range(4)])
    expected = weights[0] / sum(weights)
    assert abs(np.mean(pairs < SIZES[0]) - expected) < 0.02
    assert abs(len(pairs) / 4 - sum(SIZES)) < 20


def test_every_pair_of_a_corpus_comes_as_often():
    fed = batches((1, 1))
    counts = Counter()
    for data_epoch in range(8):
        counts.update(pairs_of(fed, data_epoch).tolist())
    large = [counts[i] for i in range(SIZES[0])]
    small = [counts[i] for i in range(SIZES[0], sum(SIZES))]
    # 180 of each in a data epoch, give or take rounding in each bucket.
    assert set(large) <= {4, 5, 6} and np.mean(large) == pytest.approx(4.8, abs=0.1)
    assert set(small) <= set(range(22, 27)) and np.mean(small) == pytest.approx(
        24, 0.05
    )


def test_batches_hold_both_corpora_whatever_their_shape():
    fed = batches((1, 1), max_shapes=2)
    for step in range(fed.num_batches_per_data_epoch):
        source_ids = fed.batch_at(step)[0]["source_ids"]
        digits = source_ids[source_ids[:, 0] > 0, :3] - 4
        small = np.mean(digits @ [100, 10, 1] >= SIZES[0])
        assert 0 < small < 1


def test_the_step_and_the_seed_alone_decide():
    one, other = batches((2, 1)), batches((2, 1))
    for step in (50, 3, 0):
        a, b = one.batch_at(step), other.batch_at(step)
        np.testing.assert_array_equal(a[0]["source_ids"], b[0]["source_ids"])
    assert pairs_of(one, 0).tolist() != pairs_of(one, 1).tolist()
    assert pairs_of(one, 0).tolist() != pairs_of(batches((2, 1), seed=2), 0).tolist()


def test_the_padding_share_is_what_the_batches_hold():
    fed = batches((1, 3))
    steps = range(fed.num_batches_per_data_epoch)
    held = [fed.batch_at(step) for step in steps]
    used = sum((b[0]["source_ids"] > 0).sum() + b[2].sum() for b in held)
    area = sum(b[0]["source_ids"].size + b[2].size for b in held)
    assert fed.padding_share() == pytest.approx(1 - used / area)


def test_weights_of_other_corpora_are_refused():
    side = Sentences.from_ids([[5], [6]], vocabulary_size=10)
    with pytest.raises(ValueError, match="corpora that have 2 pairs together"):
        TokenBatches(TokenisedCorpus(side, side), weights=[(1, 1.0)])
