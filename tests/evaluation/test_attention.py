"""Measures of attention agree with their formulas."""

import numpy as np
import pytest

from keras_attention.evaluation.attention import (
    alignment_error_rate,
    coverage,
    entropy,
    hard_alignment,
    parse_alignment,
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


def test_hard_alignment_follows_a_permutation():
    order = [2, 0, 1]
    assert hard_alignment(np.eye(3)[order]) == {(2, 0), (0, 1), (1, 2)}


def test_a_step_that_looks_nowhere_is_not_aligned():
    assert hard_alignment([[0, 1], [0, 0]]) == {(1, 0)}


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


def test_alignments_are_read_as_aligners_write_them():
    assert parse_alignment("0-0 2-1\n") == {(0, 0), (2, 1)}
    assert parse_alignment("") == set()


def test_errors_name_what_came():
    with pytest.raises(ValueError, match=r"received the shape \(3,\)"):
        entropy([0.2, 0.3, 0.5])
    with pytest.raises(ValueError, match=r"\(T, S\).*\(2, 3, 4\)"):
        hard_alignment(example())
    with pytest.raises(ValueError, match="1 alignments, 2 sure and 2 possible"):
        alignment_error_rate([set()], [set(), set()])
    with pytest.raises(ValueError, match="at least one link"):
        alignment_error_rate([set()], [set()])
    with pytest.raises(ValueError, match="received '0:0'"):
        parse_alignment("0:0")
