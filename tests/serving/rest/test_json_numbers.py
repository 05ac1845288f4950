"""Long lists of numbers are read in chunks, and read the same as whole."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keras_attention.serving.rest import codec, json_numbers
from keras_attention.serving.wire.signatures import TensorSpec

SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, max_side=5)
NUMBERS = arrays.arrays(np.int32, SHAPES) | arrays.arrays(np.float32, SHAPES)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(json_numbers, "_LONG", 8)
    monkeypatch.setattr(json_numbers, "_CHUNK", 16)


@given(NUMBERS, st.sampled_from([None, 1]), st.booleans())
@settings(max_examples=100, deadline=None)
def test_chunks_are_read_as_the_whole(array, indent, compact):
    values = np.nan_to_num(array).astype(np.float64 if array.dtype.kind == "f" else int)
    separators = (",", ":") if compact else None
    text = json.dumps(values.tolist(), indent=indent, separators=separators).encode()
    read = json_numbers.read(text)
    assert read.dtype == values.dtype
    np.testing.assert_array_equal(read, values)


@given(st.text(alphabet='[], 12.e-"t', max_size=30))
@settings(max_examples=300, deadline=None)
def test_what_is_no_array_is_none(text):
    try:
        values = np.array(json.loads(text))
    except ValueError:  # not JSON, or of several shapes
        assert json_numbers.read(text.encode()) is None
        return
    read = json_numbers.read(text.encode())
    if read is not None:
        np.testing.assert_array_equal(read, values)


LISTS = st.lists(st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=3))
JSON = st.recursive(
    LISTS | st.text(alphabet='[]"{}\\', max_size=5) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "array 0"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def plain(value):
    return value.tolist()


@given(st.dictionaries(st.sampled_from(["inputs", "instances"]), JSON))
@settings(max_examples=300, deadline=None)
def test_a_document_is_read_as_a_parser_reads_it(document):
    parsed = json_numbers.parse(json.dumps(document).encode())
    if parsed is not None:
        assert json.loads(json.dumps(parsed, default=plain)) == document


@pytest.mark.parametrize(
    "text",
    [
        "[[1, 2], 3[, 4]]", "[[1, 2], [3]]", "[[1], 2]", "[1 2]", "[1, 2,]", "[[1][2]]",
        "[[1], [2]", "[1]]", "[]", "[[], []]", "[true, 1]", "[NaN, 1]", "1", "[1], [2]",
        "[1, 18446744073709551616]]", "[18446744073709551615]", "[- 1]", "[1, [2, 3]]",
    ],
)  # fmt: skip
def test_what_is_not_regular_is_left_to_the_parser(text):
    assert json_numbers.read(text.encode()) is None


@pytest.mark.parametrize(
    "document",
    [
        {"instances": [[1, 2, 3], [4, 5, 6.5]]},
        {"inputs": [[1, 2, 3], [4, 5, 6.5]], "signature_name": "array 4"},
        {"inputs": [[1, 2, 3], [4, 5, 6.5]], "b": [0, 0, 0, 0], "c": "array 2"},
        {"instances": [{"x": [1, 2, 3]}, {"x": [4, 5, 6.5]}]},
        {"inputs": {"x": [[1, 2, 3], [4, 5, 6.5]], "other": "no array"}},
    ],
)
def test_arrays_come_wherever_lists_may(document):
    parsed = json_numbers.parse(json.dumps(document).encode())
    _, inputs = codec.decode_request(parsed, {"x": TensorSpec("x", 1, None)})
    assert inputs["x"].dtype == np.float32
    np.testing.assert_array_equal(inputs["x"], [[1, 2, 3], [4, 5, 6.5]])
    assert parsed.get("signature_name") == document.get("signature_name")


@pytest.mark.parametrize(
    "text",
    ['{"inputs": [1, 2, 3, 4]', '[[1, 2, 3, 4, 5]]', '"a" [1, 2, 3, 4, 5, 6] "b"',
     '{"signature_name": [1, 2, 3, 4], "inputs": 1}',
     '{"inputs": [1, 2, 3, 4, 5], "x": ' + "[" * 1000 + "]" * 1000 + "}",
     '{"a\\n": [1, 2, 3, 4, 5]}', '{"array 0": [1, 2, 3, 4, 5]}', "{}", ""],
)  # fmt: skip
def test_what_is_no_such_document_is_left_to_the_parser(text):
    assert json_numbers.parse(text.encode()) is None


@pytest.mark.parametrize(
    ("dtype", "values"),
    [(3, [1, 2**31, 3]), (3, [1.5, 2, 3]), 
     (10, [1, 0, 1]), (7, [1, 2, 3])],
)  # fmt: skip
def test_numbers_that_do_not_fit_are_refused(dtype, values):
    parsed = json_numbers.parse(json.dumps({"inputs": values}).encode())
    with pytest.raises(codec.ServingError):
        codec.decode_request(parsed, {"x": TensorSpec("x", dtype, None)})
