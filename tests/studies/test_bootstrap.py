"""Intervals hold what they promise, and pairs are resampled as pairs."""

import numpy as np
import pytest

from keras_attention.studies.bootstrap import Shares, score_difference, score_shares


def test_a_score_is_one_sum_over_another():
    rng = np.random.default_rng(0)
    there = rng.integers(0, 5, 400)
    right = rng.binomial(there, 0.7)
    found = score_shares(Shares.of(right, there), scale=100)
    assert found.score == pytest.approx(100 * right.sum() / there.sum())
    assert found.low < 70 < found.high
    assert found.count == (there > 0).sum()
    # As wide as theory has it for shares of independent things, within a tenth.
    expected = 2 * 1.96 * 100 * np.sqrt(0.21 / there.sum())
    assert found.high - found.low == pytest.approx(expected, rel=0.15)


def test_images_without_a_say_have_no_score():
    nothing = Shares.of([0, 0], [0, 0])
    assert score_shares(nothing) is None
    assert score_difference(nothing, Shares.of([1, 0])) is None
    one = score_shares(Shares.of([0, 1], [0, 1]))
    assert one[:3] == (1, 1, 1)


def test_what_is_hard_for_both_does_not_widen_a_difference():
    rng = np.random.default_rng(0)
    hard = rng.normal(size=300)
    ours, theirs = Shares.of(hard + 0.1), Shares.of(hard)
    assert score_shares(ours).low < score_shares(theirs).high
    gap = score_difference(ours, theirs)
    assert (gap.low, gap.high) == pytest.approx((0.1, 0.1))
    assert gap.signed() == "+0.1 [+0.1, +0.1]"


def test_resampling_is_the_same_each_time():
    shares = Shares.of([0.0, 1.0, 3.0, 2.0])
    assert score_shares(shares) == score_shares(shares)
    some = shares.among(np.array([True, False, True, False]))
    assert score_shares(some).score == 1.5
