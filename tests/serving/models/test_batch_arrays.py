"""Putting arrays together and apart again changes no values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_attention.serving.models import batch_arrays
from keras_attention.serving.wire.errors import ServingError


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 3))
def test_what_is_merged_can_be_split(sizes, extra):
    rng = np.random.default_rng(0)
    requests = [
        [rng.normal(size=[size, 3]), rng.integers(0, 9, size=[size])] for size in sizes
    ]
    merged = batch_arrays.merge(requests, extra)
    assert [len(array) for array in merged] == [sum(sizes) + extra] * 2
    parts = batch_arrays.split(merged, [*sizes, extra])
    for request, part in zip(requests, parts, strict=False):
        for sent, received in zip(request, part, strict=True):
            np.testing.assert_array_equal(sent, received)


def texts(rows):
    return np.array(rows, dtype=object)


def test_texts_are_padded_with_empty_strings_numbers_with_zeros():
    long = [texts([[b"a", b"b", b"c"]]), np.int32([[1, 2, 3]])]
    short = [texts([[b"x"], [b"y"]]), np.int32([[4], [5]])]
    strings, numbers = batch_arrays.merge([long, short])
    assert strings.tolist() == [[b"a", b"b", b"c"], [b"x", b"", b""], [b"y", b"", b""]]
    assert numbers.tolist() == [[1, 2, 3], [4, 0, 0], [5, 0, 0]]


def test_extra_rows_are_copies_of_a_valid_one():
    (merged,) = batch_arrays.merge([[np.float32([[1, 2]])]], 2)
    assert merged.tolist() == [[1, 2]] * 3


def test_a_request_alone_is_not_copied():
    array = np.float32([[1, 2]])
    assert batch_arrays.merge([[array]])[0] is array


@pytest.mark.parametrize("pad", [False, True])
def test_what_fits_together(pad):
    wide, narrow = [np.zeros([2, 3])], [np.zeros([1, 2])]

    def fits(arrays):
        return batch_arrays.kind(wide, pad) == batch_arrays.kind(arrays, pad)

    assert fits([np.ones([7, 3])])
    assert fits(narrow) is pad
    assert not fits([np.zeros([2, 3, 1])])
    assert not fits([np.zeros([2, 3], "int32")])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ([], "must have at least one input tensor"),
        ([np.float32(1)], "must have at least one dimension"),
        ([np.zeros(2), np.zeros(3)], "must have equal 0th-dimension size"),
    ],
)
def test_requests_without_a_batch_axis_are_refused(arrays, message):
    with pytest.raises(ServingError, match=message):
        batch_arrays.num_rows(arrays)
