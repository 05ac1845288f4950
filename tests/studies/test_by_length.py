"""Buckets hold enough sentences, and scores come with intervals."""

import random

import pytest

from keras_attention.evaluation.translation import by_source_length
from keras_attention.studies.by_length import (
    Bleu,
    buckets_between,
    choose_buckets,
    exact_match,
    score_by_length,
)


def test_each_length_has_its_bucket_where_there_are_enough():
    lengths = [length for length in range(1, 21) for _ in range(100)]
    assert choose_buckets(lengths) == [(n, n) for n in range(1, 21)]


@pytest.mark.parametrize(
    ("count", "longest"), [(1, 9), (79, 20), (400, 20), (600, 80), (3000, 300)]
)
def test_no_bucket_is_thin_and_none_overlaps(count, longest):
    rng = random.Random(0)
    lengths = [rng.randint(1, longest) for _ in range(count)]
    buckets = choose_buckets(lengths, least=80)
    covered = [n for low, high in buckets for n in range(low, high + 1)]
    assert covered == list(range(1, max(lengths) + 1))
    if len(buckets) > 1:
        sizes = [sum(a <= n <= b for n in lengths) for a, b in buckets]
        assert min(sizes) >= 80


def test_long_sentences_keep_a_bucket_of_their_own():
    lengths = [3] * 10 + [7] * 100 + [12] * 100 + [*range(31, 61)] * 3
    assert choose_buckets(lengths) == [(1, 10), (11, 30), (31, 60)]


def test_buckets_can_be_chosen():
    assert buckets_between([1, 8, 9, 30], [5, 10, 20, 40]) == [
        (1, 5),
        (6, 10),
        (21, 30),
    ]
    for wrong in ([5, 5], [9, 3], [0, 4]):
        with pytest.raises(ValueError, match="must rise from 1"):
            buckets_between([1, 2], wrong)


SENTENCES = [
    ("a b c", "uno dos tres cuatro", "uno dos tres cuatro"),
    ("a b", "uno dos cinco seis", "uno dos cinco siete"),
    ("a b c d e f", "one two three four five", "one two three four six"),
    ("a b c d e f g", "one two three four five six", "two three four five six"),
]


def test_buckets_score_as_evaluation_scores_them():
    sources, references, hypotheses = zip(*SENTENCES, strict=True)
    expected = by_source_length(sources, hypotheses, references, [3])
    scores = score_by_length(SENTENCES, [(1, 3), (4, 7)], Bleu("13a"))
    for ours, theirs in zip(scores, expected, strict=True):
        assert ours.score == pytest.approx(theirs.scores.bleu)
        assert ours.sentences == theirs.num_sentences
        assert ours.low <= ours.score <= ours.high
    assert [score.mean_length for score in scores] == [2.5, 6.5]
    assert "bs:1000|seed:12345" in scores[0].signature


def test_nothing_right_scores_nothing():
    assert Bleu("13a")(["x"], ["y"])[:3] == (0, 0, 0)
    score, low, high, _ = exact_match(["x"] * 10, ["y"] * 10)
    assert (score, low) == (0, 0) and high == pytest.approx(27.75, abs=0.01)


def test_the_interval_of_a_share_is_wilsons():
    score, low, high, _ = exact_match(["a"] * 90 + ["b"] * 10, ["a"] * 100)
    assert score == pytest.approx(90)
    # Newcombe, 1998, table I, gives such numbers to four digits.
    assert (low, high) == pytest.approx((82.56, 94.48), abs=0.01)
