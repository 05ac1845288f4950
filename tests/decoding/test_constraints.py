"""Rules forbid and force what a plain Python reading of them says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.decoding.constraints import (
    FORBIDDEN,
    Constraints,
    is_possible,
    repeated_ngrams,
)
from tests.decoding.support import completes_ngram, free

V = 6


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(
        st.lists(st.integers(0, V - 1), min_size=7, max_size=7), min_size=2, max_size=2
    ),
    st.integers(0, 7),
    st.integers(1, 4),
)
def test_repeated_ngrams_are_those_that_python_finds(rows, index, size):
    history = np.array(rows, "int32")  # what follows `index` must not matter
    found = ops.convert_to_numpy(
        repeated_ngrams(history, ops.convert_to_tensor(index), size, V)
    )
    for row, repeats in zip(rows, found, strict=True):
        assert set(np.flatnonzero(repeats)) == completes_ngram(tuple(row[:index]), size)


def allowed(options, index, limits=(9, 9), prefix_ids=None, history=None, size=V):
    constrain = Constraints(
        options, ops.convert_to_tensor(np.array(limits, "int32")), size, prefix_ids
    )
    log_probs = np.log(np.full((2, size), 1 / size, "float32"))
    result = constrain(
        ops.convert_to_tensor(log_probs), ops.convert_to_tensor(index), history
    )
    possible = ops.convert_to_numpy(is_possible(result))
    np.testing.assert_array_equal(
        ops.convert_to_numpy(result)[possible], log_probs[possible]
    )
    return [np.flatnonzero(row).tolist() for row in possible]


@pytest.mark.parametrize(
    "index, expected", [(0, [1, 4, 5]), (1, [1, 4, 5]), (2, [1, 3, 4, 5])]
)
def test_padding_start_and_early_ends_are_never_said(index, expected):
    assert allowed(free(min_length=3), index) == [expected, expected]


@pytest.mark.parametrize("unknown", ["forbid", "allow", "copy"])
def test_unknown_words_are_said_only_where_they_may_be(unknown):
    expected = [3, 4, 5] if unknown == "forbid" else [1, 3, 4, 5]
    assert allowed(free(unknown=unknown), 1) == [expected] * 2
    # A beginning that somebody gave may hold them.
    prefix_ids = np.array([[5, 1], [5, 0]], "int32")
    options = free(unknown=unknown)
    assert allowed(options, 1, prefix_ids=prefix_ids) == [[1], expected]


def test_who_has_nothing_left_to_say_may_end_early():
    history = ops.convert_to_tensor(np.array([[4, 5, 0], [4, 4, 0]], "int32"))
    options = free(unknown="forbid", no_repeat_ngram=1, min_length=9)
    assert allowed(options, 2, history=history) == [[3], [5]]
    # A vocabulary of special ids has nothing to begin with.
    assert allowed(free(unknown="forbid", min_length=9), 0, size=4) == [[3], [3]]


def test_each_row_must_end_at_its_own_limit():
    assert allowed(free(min_length=9), 3, limits=(4, 5)) == [[3], [1, 4, 5]]


def test_a_prefix_is_said_where_it_is_given_and_the_limit_allows():
    prefix_ids = np.array([[5, 4], [3, 0]], "int32")
    options = free(min_length=9)
    assert allowed(options, 0, prefix_ids=prefix_ids) == [[5], [3]]
    assert allowed(options, 1, prefix_ids=prefix_ids) == [[4], [1, 4, 5]]
    assert allowed(options, 2, prefix_ids=prefix_ids) == [[1, 4, 5]] * 2
    assert allowed(options, 1, (2, 2), prefix_ids=prefix_ids) == [[3], [3]]


def test_what_is_forced_costs_nothing_where_options_say_so():
    prefix_ids = np.array([[5, 4], [0, 0]], "int32")
    limits = ops.convert_to_tensor(np.array([9, 1], "int32"))
    constrain = Constraints(free(score_forced=False), limits, V, prefix_ids)
    log_probs = np.log(np.full((2, V), 1 / V, "float32"))
    for index, (first, second) in enumerate([(5, 3), (4, 3)]):
        result = constrain(
            ops.convert_to_tensor(log_probs), ops.convert_to_tensor(index)
        )
        result = ops.convert_to_numpy(result)
        assert result[0, first] == result[1, second] == 0
        assert (np.sort(result)[:, :-1] == FORBIDDEN).all()
    # What is chosen costs what it did.
    assert allowed(free(score_forced=False), 2) == [[1, 3, 4, 5]] * 2


def test_who_can_only_repeat_may_end_early():
    history = ops.convert_to_tensor(np.array([[1, 4, 5, 0], [1, 4, 1, 0]], "int32"))
    options = free(no_repeat_ngram=1, min_length=9)
    assert allowed(options, 3, history=history) == [[3], [5]]


def test_forbidden_sums_are_recognised():
    sums = ops.convert_to_tensor([0.0, -300.0, FORBIDDEN, FORBIDDEN - 9, 2 * FORBIDDEN])
    np.testing.assert_array_equal(
        ops.convert_to_numpy(is_possible(sums)), [True, True, False, False, False]
    )
