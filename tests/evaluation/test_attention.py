"""Measures of attention agree with their formulas."""

import numpy as np
import pytest

from keras_attention.evaluation.attention import (
    alignment_error_rate,
    alignment_scores,
    coverage,
    entropy,
)


def example(shape=(2, 3, 4), seed=0):
    scores = np.random.default_rng(seed).random(shape)
    return scores / scores.sum(axis=-1, keepdims=True)


def test_entropy_agrees_with_the_formula():
    scores = example()
    expected = [[-sum(a * np.log(a) for a in step) for step in row] for row in scores]
    np.testing.assert_allclose(entropy(scores), expected)


def test_entropy_runs_from_one_position_to_all():
    scores = [[0, 1, 0, 0], [0.25] * 4, [0, 0, 0, 0]]
    np.testing.assert_allclose(entropy(scores), [0, np.log(4), 0])


def test_coverage_is_the_sum_over_steps():
    scores = example()
    np.testing.assert_allclose(coverage(scores), scores.sum(axis=1))
    assert coverage(scores).sum() == pytest.approx(2 * 3)


def test_alignment_error_rate_agrees_with_the_formula():
    found = [{(0, 0), (1, 1), (2, 2)}, {(0, 1)}]
    sure = [{(0, 0), (2, 1)}, {(0, 1)}]
    possible = [{(0, 0), (2, 1), (1, 1)}, {(0, 1)}]
    # A ∩ S: 1 + 1, A ∩ P: 2 + 1, A: 3 + 1, S: 2 + 1
    expected = 1 - (2 + 3) / (4 + 3)
    assert alignment_error_rate(found, sure, possible) == pytest.approx(expected)


def test_alignment_error_rate_has_its_ends():
    gold = [{(0, 0), (1, 1)}]
    assert alignment_error_rate(gold, gold) == 0
    assert alignment_error_rate([{(0, 1)}], gold) == 1


def test_sure_links_are_possible_too():
    with_them = alignment_error_rate([{(0, 0)}], [{(0, 0)}], [{(0, 0), (1, 1)}])
    assert alignment_error_rate([{(0, 0)}], [{(0, 0)}], [{(1, 1)}]) == with_them == 0


def test_precision_asks_the_possible_links_and_recall_the_sure_ones():
    scores = alignment_scores([{(0, 0), (1, 1), (2, 2)}], [{(0, 0)}], [{(1, 1)}])
    assert scores == (1 - (1 + 2) / (3 + 1), 2 / 3, 1)


def test_what_was_not_asked_for_has_no_score():
    assert alignment_scores([set()], [{(0, 0)}]) == (1, None, 0)
    assert alignment_scores([{(0, 0)}], [set()], [{(0, 0)}]) == (0, 1, None)


def test_errors_name_what_came():
    with pytest.raises(ValueError, match=r"received the shape \(3,\)"):
        entropy([0.2, 0.3, 0.5])
    with pytest.raises(ValueError, match="1 alignments, 2 sure and 2 possible"):
        alignment_error_rate([set()], [set(), set()])
    with pytest.raises(ValueError, match="at least one link"):
        alignment_error_rate([set()], [set()])
