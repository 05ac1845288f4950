"""Segmentations are drawn anew, reproducibly, and always fit their batch."""

import pickle
import re
from itertools import islice

import numpy as np
import pytest

from keras_attention.data.batches.subword_sampling import SubwordSampling
from keras_attention.data.batches.text_batches import TokenBatches
from keras_attention.data.corpora import corpus_path
from keras_attention.data.prepared.store import TokenisedCorpus
from keras_attention.data.text.readers import read_pairs
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.special_tokens import END_ID

PAIRS = [
    (pair.source, pair.target)
    for pair in islice(read_pairs(corpus_path("help-en-de")), 3000, 3300)
    if re.fullmatch("[a-zA-ZäöüÄÖÜß,. ]+", pair.source + pair.target)
]
OPTIONS = {"unigram": {"alpha": 0.2}, "bpe": {"dropout": 0.1}}


@pytest.fixture(scope="module", params=OPTIONS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def tokenizer(kind):
    texts = [text for pair in PAIRS for text in pair]
    return Tokenizer.train(texts, 300, model_type=kind, byte_fallback=False)


@pytest.fixture(scope="module")
def corpus(tokenizer):
    return TokenisedCorpus.from_pairs(PAIRS, tokenizer, tokenizer)


@pytest.fixture
def batches(kind, tokenizer, corpus):
    sampling = SubwordSampling(tokenizer, tokenizer, **OPTIONS[kind])
    return TokenBatches(corpus, 800, max_shapes=3, sampling=sampling)


def texts_of(tokenizer, batch):
    """The pairs of a batch, from its ids."""
    inputs, labels, _ = batch
    rows = labels[:, 0] > 0
    sides = (inputs["source_ids"][rows], labels[rows])
    return list(zip(*map(tokenizer.decode, sides), strict=True))


def test_texts_stay_and_segmentations_change_at_every_epoch(tokenizer, batches):
    num = batches.num_batches_per_data_epoch
    cut, lengths = [], []
    for data_epoch in range(2):
        made = [batches.batch_at(data_epoch * num + step) for step in range(num)]
        pairs = [pair for batch in made for pair in texts_of(tokenizer, batch)]
        assert sorted(pairs) == sorted(PAIRS)
        cut.append({tuple(row) for batch in made for row in batch[0]["source_ids"]})
        lengths.append(sum(batch[2].sum() for batch in made))
    assert len(cut[0] & cut[1]) < len(PAIRS) / 4
    best = sum(batches.corpus.target_lengths + 1)
    assert min(lengths) > 1.04 * best and lengths[0] != lengths[1]


def test_the_step_and_the_seed_alone_decide(kind, tokenizer, corpus, batches):
    copy = pickle.loads(pickle.dumps(batches))
    for step in (7, 0, 7):
        one, other = batches.batch_at(step), copy.batch_at(step)
        np.testing.assert_array_equal(one[0]["source_ids"], other[0]["source_ids"])
        np.testing.assert_array_equal(one[1], other[1])
    sampling = SubwordSampling(tokenizer, tokenizer, **OPTIONS[kind], seed=1)
    rows, size = np.arange(20), (20, 200)
    drawn = sampling.padded(corpus, "source", rows, size, 3)
    again = batches.sampling.padded(corpus, "source", rows, size, 3)
    assert (drawn != again).any()


def test_labels_are_counted_as_they_were_drawn(batches):
    for step in range(6):
        expected = int(batches.batch_at(step)[2].sum())
        assert batches.target_tokens_at(step) == expected  # remembered
        assert batches.target_tokens_at(step) == expected  # drawn again


def test_most_drawn_sentences_fit_and_the_others_are_cut_as_usual(
    kind, tokenizer, corpus, batches
):
    room = batches.sampling.room(corpus)[0]
    drawn = batches.sampling._drawn(corpus, "source", np.arange(len(PAIRS)), 5)
    lengths = np.array([len(ids) + 1 for ids in drawn])
    assert np.mean(lengths > room) < 0.06
    assert np.mean(room) < 1.5 * np.mean(lengths)
    # So narrow that hardly any other fits.
    longest = int(corpus.source_lengths.max()) + 1
    rows = np.flatnonzero(corpus.source_lengths == longest - 1)
    ids = batches.sampling.padded(corpus, "source", rows, (len(rows), longest), 5)
    best = corpus.source.padded(rows, ids.shape)
    assert (ids == best).all(axis=1).any()
    assert tokenizer.decode(ids) == [PAIRS[i][0] for i in rows]


@pytest.mark.parametrize("others", [[], PAIRS[:3]], ids=["alone", "among others"])
def test_an_empty_sentence_has_room_for_its_end(kind, tokenizer, others):
    corpus = TokenisedCorpus.from_pairs([("", ""), *others], tokenizer, tokenizer)
    sampling = SubwordSampling(tokenizer, tokenizer, **OPTIONS[kind])
    assert [side[0] for side in sampling.room(corpus)] == [1, 1]
    ids = sampling.padded(corpus, "source", [0], (1, 3), 0)
    assert ids.tolist() == [[END_ID, 0, 0]]


def test_links_of_pieces_are_lost(tokenizer):
    links = [{(0, 0)}] * 2
    corpus = TokenisedCorpus.from_pairs(PAIRS[:2], tokenizer, tokenizer, links)
    sampling = SubwordSampling(tokenizer, tokenizer)
    with pytest.raises(ValueError, match="leave out one of them"):
        TokenBatches(corpus, alignments=True, sampling=sampling)
