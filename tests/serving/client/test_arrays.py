"""Arrays fit the signature, and JSON brings them back as they were."""

import json

import ml_dtypes
import numpy as np
import orjson
import pytest

from keras_attention.serving.client import arrays as client_arrays
from keras_attention.serving.wire import tensors
from keras_attention.serving.wire.signatures import Signature, TensorSpec


def spec(array, shape=None):
    return TensorSpec("", tensors.NUMBERS[array.dtype], shape or array.shape)


def there_and_back(array):
    content = client_arrays.jsonable({"x": array})
    text = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return client_arrays.read_json(json.loads(text)["x"], spec(array))


NUMBERS = [d for d in tensors.NUMBERS if d.kind not in "Oc"]


@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,), (2, 0)], ids=str)
def test_numbers_survive_json(dtype, shape):
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    read = there_and_back(array)
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize(
    "array",
    [
        np.float32([0.1, np.nan, np.inf, -np.inf, 3.4e38, 1e-45]),
        np.float64([[0.1, np.nan]]),
        np.array([1.5, np.inf], ml_dtypes.bfloat16),
        np.array([-(2**63), 2**63 - 1]),
        np.array([2**64 - 1], np.uint64),
        np.arange(12.0).reshape(3, 4).T,
    ],
    ids=str,
)
def test_extreme_numbers_survive_json(array):
    np.testing.assert_array_equal(there_and_back(array), array)


def test_strings_survive_json():
    array = np.array([["ä".encode(), b"\xff\0"], [b"", b"b64"]], object)
    np.testing.assert_array_equal(there_and_back(array), array)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([1j]), "complex numbers, which JSON lacks; use transport='grpc'"),
        (np.zeros([0, 2]), r"do not tell its shape \[0, 2\]; use transport='grpc'"),
    ],
)
def test_what_json_lacks_is_named(array, message):
    with pytest.raises(ValueError, match=f"input 'x'.*{message}"):
        client_arrays.jsonable({"x": array})


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        ([1.5], "int32"),
        ([True], "int32"),
        ([1], "bool"),
        ([300], "uint8"),
        (["a"], "float32"),
        ([[1.0], [2.0, 3.0]], "float32"),
        ([1], "object"),
        ([{"b64": 3}], "object"),
        ([["a"], ["b", "c"]], "object"),
        ([None], "int32"),
    ],
    ids=str,
)
def test_a_response_of_another_type_is_refused(value, dtype):
    number = tensors.NUMBERS[np.dtype(dtype)]
    with pytest.raises((ValueError, TypeError, OverflowError)):
        client_arrays.read_json(value, TensorSpec("", number, None))


def test_an_empty_response_has_the_signature_s_shape():
    assert client_arrays.read_json([], TensorSpec("", 1, (-1, 3, -1))).shape == (
        0,
        3,
        0,
    )


def test_optional_inputs_may_be_left_out():
    inputs = {"a": TensorSpec("", 1, (-1,)), "b": TensorSpec("", 1, ())}
    signature = Signature(inputs, {}, {"b": np.float32(2)}, "")
    converted = client_arrays.convert({"a": [1]}, signature)
    assert converted["a"].dtype == np.float32 and list(converted) == ["a"]
    with pytest.raises(ValueError, match="takes a, b; received b; optional are b"):
        client_arrays.convert({"b": 1}, signature)


def test_any_rank_takes_any_shape():
    signature = Signature({"x": TensorSpec("", 3, None)}, {}, {}, "")
    for value in (1, [1], [[1]]):
        array = client_arrays.convert({"x": value}, signature)["x"]
        assert array.dtype == np.int32 and array.shape == np.shape(value)


def test_text_and_bytes_go_together():
    signature = Signature({"x": TensorSpec("", 7, (-1,))}, {}, {}, "")
    array = client_arrays.convert({"x": ["ä", b"\xff\0"]}, signature)["x"]
    assert array.tolist() == ["ä".encode(), b"\xff\0"]
    for value in (["a", 1], [["a"], ["b", "c"]]):
        with pytest.raises(ValueError, match="input 'x' must be string"):
            client_arrays.convert({"x": value}, signature)


@pytest.mark.parametrize(("value", "number"), [(2**31, 3), (-1, 4), (2**63, 9)])
def test_integers_never_wrap_around(value, number):
    signature = Signature({"x": TensorSpec("", number, (-1,))}, {}, {}, "")
    with pytest.raises(ValueError, match=f"input 'x' must be .*{value}.*between"):
        client_arrays.convert({"x": [value]}, signature)
