"""TokenBatches: every pair once, in few shapes, in an order that the step decides."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from keras_attention.data.batches.buckets import mixed_order
from keras_attention.data.batches.text_batches import TokenBatches
from keras_attention.data.prepared.store import Sentences, TokenisedCorpus
from keras_attention.data.text.alignments import Links
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID


def make_corpus(num_pairs=500, longest=40, seed=0):
    """Each pair's first id is its own number, so that it can be recognised."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest, num_pairs)
    source, target = [], []
    for number, length in enumerate(lengths):
        source.append([4 + number, *rng.integers(4, 99, length - 1)])
        target.append([4 + number, *rng.integers(4, 99, rng.integers(0, length + 1))])
    return TokenisedCorpus(*(Sentences.from_ids(x, 9999) for x in (source, target)))


def numbers(batch):
    first = batch[0]["source_ids"][:, 0]
    return (first[first > END_ID] - 4).tolist()


def same(first, second):
    return all(
        np.array_equal(a, b)
        for a, b in zip(
            keras.tree.flatten(first), keras.tree.flatten(second), strict=True
        )
    )


def test_a_batch_frames_the_ids_as_models_expect():
    corpus = TokenisedCorpus(
        Sentences.from_ids([[5, 6, 7], [8]], 10), Sentences.from_ids([[9], [4, 5]], 10)
    )
    inputs, labels, sample_weight = TokenBatches(corpus, shuffle=False)[0]
    rows = np.argsort(inputs["source_ids"][:, 0])
    assert inputs["source_ids"][rows].tolist() == [[5, 6, 7, END_ID], [8, END_ID, 0, 0]]
    assert inputs["target_ids"][rows].tolist() == [[START_ID, 9, 0], [START_ID, 4, 5]]
    assert labels[rows].tolist() == [[9, END_ID, 0], [4, 5, END_ID]]
    assert sample_weight[rows].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert sample_weight.dtype == np.float32
    assert {x.dtype for x in (labels, *inputs.values())} == {np.dtype("int32")}


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("tokens", [1, 100, 512, 10**6])
def test_every_pair_comes_once_per_data_epoch_with_its_own_ids(tokens, shuffle):
    corpus = make_corpus()
    batches = TokenBatches(corpus, tokens, shuffle=shuffle)
    for data_epoch in range(2):
        seen = []
        for i in range(len(batches)):
            batch = batches.batch_at(data_epoch * len(batches) + i)
            inputs, labels, sample_weight = batch
            for row, number in enumerate(numbers(batch)):
                source = corpus.source_ids(number).tolist()
                target = corpus.target_ids(number).tolist()
                padding = [PAD_ID] * (labels.shape[1] - len(target) - 1)
                assert labels[row].tolist() == [*target, END_ID, *padding]
                assert inputs["target_ids"][row].tolist() == [
                    START_ID,
                    *target,
                    *padding,
                ]
                assert inputs["source_ids"][row][: len(source) + 1].tolist() == [
                    *source,
                    END_ID,
                ]
            np.testing.assert_array_equal(sample_weight, labels != PAD_ID)
            seen += numbers(batch)
        assert sorted(seen) == list(range(500))


@pytest.mark.parametrize("max_shapes", [1, 2, 3, 8])
@pytest.mark.parametrize("tokens", [64, 1024])
def test_shapes_are_few_listed_and_within_the_budget(max_shapes, tokens):
    batches = TokenBatches(make_corpus(), tokens, max_shapes=max_shapes)
    found = {(*x["source_ids"].shape, labels.shape[1]) for x, labels, _ in batches}
    assert found == {tuple(shape) for shape in batches.shapes}
    assert len(found) <= max_shapes
    for rows, source_length, target_length in found:
        assert rows == 1 or rows * max(source_length, target_length) <= tokens


def test_more_shapes_waste_less():
    corpus = make_corpus()
    shares = [
        TokenBatches(corpus, 512, max_shapes=n).padding_share() for n in (1, 3, 8)
    ]
    assert shares[0] > shares[1] > shares[2]


def test_the_padding_share_is_what_the_batches_hold():
    batches = TokenBatches(make_corpus(), 512)
    ids = [x for inputs, labels, _ in batches for x in (inputs["source_ids"], labels)]
    padding = sum(np.count_nonzero(x == PAD_ID) for x in ids)
    expected = padding / sum(x.size for x in ids)
    np.testing.assert_allclose(batches.padding_share(), expected)


def test_the_step_and_the_seed_alone_decide():
    corpus = make_corpus()
    whole = TokenBatches(corpus, 512, seed=7)
    steps = range(2 * len(whole) + 3)
    expected = [whole.batch_at(step) for step in steps]
    resumed = TokenBatches(corpus, 512, seed=7, first_step=5)
    backwards = TokenBatches(corpus, 512, seed=7)
    for step in reversed(steps):
        assert same(backwards.batch_at(step), expected[step])
        assert same(resumed[step - 5], expected[step])
    other = TokenBatches(corpus, 512, seed=8)
    assert not all(same(other.batch_at(step), expected[step]) for step in steps)
    assert numbers(expected[0]) != numbers(expected[len(whole)])


def test_epochs_of_fit_go_on_where_the_last_one_ended():
    corpus = make_corpus()
    expected = TokenBatches(corpus, 512)
    batches = TokenBatches(corpus, 512, steps_per_epoch=4)
    for epoch in range(6):
        batches.on_epoch_begin()
        for i in range(len(batches)):
            assert same(batches[i], expected.batch_at(4 * epoch + i))
        batches.on_epoch_end()
    assert batches.first_step == 24


def test_threads_and_copies_read_the_same():
    batches = TokenBatches(make_corpus(), 256)
    steps = [*range(3 * len(batches))]
    expected = [batches.batch_at(step) for step in steps]
    copy = pickle.loads(pickle.dumps(batches))
    with ThreadPoolExecutor(8) as pool:
        assert all(map(same, pool.map(copy.batch_at, steps), expected))


def test_without_shuffling_every_epoch_is_the_same():
    batches = TokenBatches(make_corpus(), 512, shuffle=False)
    for step in range(len(batches)):
        batch = batches.batch_at(step)
        assert numbers(batch) == sorted(numbers(batch))
        assert same(batch, batches.batch_at(step + len(batches)))


@pytest.mark.parametrize("lengths", [[40, 20], [(41, 42), (9, 12)]])
def test_buckets_can_be_given(lengths):
    batches = TokenBatches(make_corpus(), 256, bucket_lengths=[*lengths, (50, 51)])
    found = {tuple(shape[1:]) for shape in batches.shapes}
    given = {x if isinstance(x, tuple) else (x, x) for x in lengths}
    assert given <= found <= given | {(50, 51), (42, 43), (41, 41), (21, 21)}


def aligned(corpus, seed=0):
    """The same corpus with a few links for each pair, some twice, some pairs none."""
    rng = np.random.default_rng(seed)
    lengths = zip(corpus.source_lengths, corpus.target_lengths, strict=True)
    flat = [
        rng.integers(0, ends, (rng.integers(0, 6) if min(ends) else 0, 2)).ravel()
        for ends in lengths
    ]
    links = Links(Sentences.from_ids([row.tolist() for row in flat], 99))
    return TokenisedCorpus(corpus.source, corpus.target, alignments=links)


def test_alignments_share_each_row_among_its_links_and_tie_the_ends():
    corpus = TokenisedCorpus(
        Sentences.from_ids([[5, 6, 7], [8], [9]], 10),
        Sentences.from_ids([[9], [4, 5], [6]], 10),
        alignments=Links(Sentences.from_ids([[0, 0, 2, 0], [0, 1], []], 10)),
    )
    batches = TokenBatches(corpus, 8, [(4, 3)], shuffle=False, alignments=True)
    assert batches.shapes == [(2, 4, 3)]
    (first, _, _), (second, _, _) = batches[0], batches[1]
    assert first["alignments"].dtype == np.float32
    assert first["alignments"].tolist() == [
        [[0.5, 0, 0.5, 0], [0, 0, 0, 1], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]],
    ]
    # The second batch holds one pair, and padding.
    assert np.argwhere(second["alignments"]).tolist() == [[0, 1, 1]]


def test_alignments_follow_their_pairs_and_change_nothing_else():
    corpus = aligned(make_corpus())
    plain = TokenBatches(corpus, 512, seed=3)
    batches = TokenBatches(corpus, 512, seed=3, first_step=5, alignments=True)
    for step in range(5, 2 * len(plain)):
        batch = batches[step - 5]
        alignments = batch[0].pop("alignments")
        assert same(batch, plain.batch_at(step))
        assert alignments.shape == (*batch[1].shape, batch[0]["source_ids"].shape[1])
        for number, found in zip(numbers(batch), alignments, strict=False):
            expected = {tuple(link) for link in corpus.alignments[number].tolist()}
            expected.add((corpus.source_lengths[number], corpus.target_lengths[number]))
            assert {(s, t) for t, s in np.argwhere(found)} == expected
            sums = found.sum(axis=1)
            np.testing.assert_allclose(sums, found.any(axis=1), rtol=1e-6)
        assert not alignments[len(numbers(batch)) :].any()
    copy = pickle.loads(pickle.dumps(batches))
    assert same(copy.batch_at(7), batches.batch_at(7))


def test_alignments_must_be_there_to_be_asked_for():
    with pytest.raises(ValueError, match=r"prepare it with alignments=…"):
        TokenBatches(make_corpus(), alignments=True)


# Keras infers static shapes from the first two batches (see mixed_order).


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("num_pairs", [2, 3, 10, 500])
@pytest.mark.parametrize("longest", [3, 40])
def test_neighbours_differ_on_both_sides_or_all_agree(shuffle, num_pairs, longest):
    for tokens in (8, 64, 300):
        corpus = make_corpus(num_pairs, longest, seed=tokens)
        batches = TokenBatches(corpus, tokens, shuffle=shuffle, max_shapes=3)
        if len(batches.shapes) == 1:
            continue
        previous = batches.batch_at(0)
        for step in range(1, min(400, 3 * len(batches))):
            batch = batches.batch_at(step)
            for one, other in ((0, 0), (1, 1)):
                a, b = previous[one], batch[other]
                a, b = (x["source_ids"] if isinstance(x, dict) else x for x in (a, b))
                assert a.shape[1] != b.shape[1]
            previous = batch
        assert len(batches.shapes) <= 3


@pytest.mark.parametrize("seed", range(20))
def test_any_mixable_counts_are_mixed(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 30, rng.integers(2, 9))
    counts[0] = counts[1:].sum() if seed % 2 else min(counts[0], counts[1:].sum())
    counts[1:] = np.minimum(counts[1:], counts.sum() // 2)
    if counts.max() > counts.sum() // 2:
        counts = np.array([counts[0], counts[0]])
    bucket = np.repeat(np.arange(len(counts)), counts)
    order = mixed_order(bucket, rng)
    assert sorted(order) == list(range(len(bucket)))
    mixed = bucket[order]
    assert mixed[0] == 0 and np.all(mixed != np.roll(mixed, 1))


def test_fit_takes_all_shapes_whatever_the_step_it_resumes_at():
    corpus = make_corpus(60, 12)
    source = keras.Input((None,), dtype="int32", name="source_ids")
    target = keras.Input((None,), dtype="int32", name="target_ids")
    embedding = keras.layers.Embedding(600, 2)
    pooled = keras.layers.GlobalAveragePooling1D(keepdims=True)(embedding(source))
    outputs = keras.layers.Dense(600)(embedding(target) + pooled)
    model = keras.Model({"source_ids": source, "target_ids": target}, outputs)
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    validation = TokenBatches(corpus, 64, shuffle=False)
    for first_step in (0, 7):
        batches = TokenBatches(corpus, 64, first_step=first_step)
        assert len(batches.shapes) > 2
        model.fit(batches, epochs=2, verbose=0, validation_data=validation)
        assert batches.first_step == first_step + 2 * len(batches)


def test_one_step_per_epoch_keeps_one_shape():
    batches = TokenBatches(make_corpus(), 512, steps_per_epoch=1)
    assert len(batches.shapes) == 1 and len(batches) == 1


def test_errors_say_what_to_do():
    corpus = make_corpus()
    with pytest.raises(ValueError, match="too short for"):
        TokenBatches(corpus, bucket_lengths=[10, 20])
    with pytest.raises(ValueError, match="grow on both sides"):
        TokenBatches(corpus, bucket_lengths=[(50, 50), (60, 50)])
    with pytest.raises(ValueError, match="empty"):
        TokenBatches(make_corpus(0))
    with pytest.raises(ValueError, match="at least 1"):
        TokenBatches(corpus, tokens_per_batch=0)
