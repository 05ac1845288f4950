"""JSON of predictions: what goes in comes out, and mistakes are named."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_attention.serving.rest import codec, json_text
from keras_attention.serving.wire import tensors
from keras_attention.serving.wire.errors import ServingError
from keras_attention.serving.wire.signatures import TensorSpec

FLOAT, INT32, STRING, INT64, BOOL = 1, 3, 7, 9, 10
SHAPES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=3)
SENDABLE = [dtype for dtype in tensors.DTYPES.values() if dtype.kind in "fiub"]


def specs(**dtypes):
    return {name: TensorSpec(name, dtype, None) for name, dtype in dtypes.items()}


def decode(text, **dtypes):
    return codec.decode_request(json_text.parse(text.encode()), specs(**dtypes))[1]


@given(
    st.sampled_from(SENDABLE).flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)),
    st.sampled_from([codec.ROW, codec.COLUMNAR]),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_a_response_sent_back_is_the_same_array(array, form, alone):
    outputs = {"x": array} if alone else {"x": array, "other": array}
    response = json.loads(codec.encode_response(outputs, form))
    key = {codec.ROW: "predictions", codec.COLUMNAR: "outputs"}[form]
    request = json.dumps({form: response[key]})
    dtype = tensors.NUMBERS[array.dtype]
    read = decode(request, **dict.fromkeys(outputs, dtype))
    for name in outputs:
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)


@given(st.lists(st.text(max_size=4), min_size=1, max_size=4))
def test_texts_come_back(texts):
    outputs = {"x": tensors.as_array(texts, STRING)}
    response = json.loads(codec.encode_response(outputs, codec.ROW))
    assert response == {"predictions": texts}
    assert decode(json.dumps({"instances": texts}), x=STRING)["x"].tolist() == [
        text.encode() for text in texts
    ]


@given(st.lists(st.binary(max_size=5), min_size=1, max_size=4))
def test_bytes_come_back_as_base64(items):
    array = np.empty(len(items), dtype=object)
    array[:] = items
    response = json.loads(codec.encode_response({"x_bytes": array}, codec.COLUMNAR))
    read = decode(json.dumps({"inputs": response["outputs"]}), x_bytes=STRING)
    assert read["x_bytes"].tolist() == items


def test_floats_are_written_as_short_as_they_are():
    x = np.array([0.1, 2.0, np.nan, -np.inf], np.float32)
    assert b"[0.1,2.0]" in codec.encode_response({"x": x[:2]}, codec.COLUMNAR)
    body = codec.encode_response({"x": x}, codec.COLUMNAR)
    assert body == b'{"outputs":[0.1,2.0,NaN,-Infinity]}'


def test_special_numbers_are_read():
    read = decode('{"inputs": [NaN, Infinity, -Infinity, 1]}', x=FLOAT)["x"]
    np.testing.assert_array_equal(read, np.float32([np.nan, np.inf, -np.inf, 1]))


@pytest.mark.parametrize(
    ("text", "dtypes", "message"),
    [
        ('{"instances": [1, "a"]}', {"x": FLOAT},
         "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
         'JSON Value: "a" Type: String is not of expected type: float'),
        ('{"inputs": "a"}', {"x": FLOAT},
         'JSON Value: "a" Type: String is not of expected type: float'),
        ('{"inputs": [1.5]}', {"x": INT32},
         "JSON Value: 1.5 Type: Number is not of expected type: int32"),
        ('{"inputs": [3000000000]}', {"x": INT32},
         "JSON Value: 3000000000 Type: Number is not of expected type: int32"),
        ('{"inputs": [true]}', {"x": INT64},
         "JSON Value: true Type: True is not of expected type: int64"),
        ('{"inputs": [1]}', {"x": BOOL},
         "JSON Value: 1 Type: Number is not of expected type: bool"),
        ('{"inputs": [null]}', {"x": STRING},
         "JSON Value: null Type: Null is not of expected type: string"),
        ('{"instances": [[1, 2], [3]]}', {"x": FLOAT},
         "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
         "Expecting tensor size: 2 but got: 1"),
        ('{"instances": [[[1, 2]], [[3], [4]]]}', {"x": FLOAT},
         "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
         "Expecting shape [1,2] but got: [2,1]"),
        ('{"instances": [{"a": 1, "b": 2}, {"a": 1, "b": [2]}]}',
         {"a": FLOAT, "b": FLOAT},
         "Failed to process element: 1 key: b of 'instances' list. Error: "
         "INVALID_ARGUMENT: Expecting shape [] but got: [1]"),
        ('{"inputs": [[1, 2], [3]]}', {"x": FLOAT},
         "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ('{"inputs": [1, [2]]}', {"x": FLOAT},
         "Encountered list at unexpected level: 1 expected < 1"),
        ('{"inputs": [[1], 2]}', {"x": FLOAT},
         "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. "
         "Expected at level: 2"),
        ('{"inputs": {"b64": "?"}}', {"x": STRING}, "Unable to base64 decode"),
        ('{"inputs": [{"b65": "YQ=="}]}', {"x": STRING},
         'JSON Value: {\n    "b65": "YQ=="\n} not formatted correctly for base64 data'),
        ('{"instances": [{"a": 1}]}', {"a": FLOAT, "b": FLOAT},
         "Failed to process element: 0 of 'instances' list. JSON object: "
         '{\n    "a": 1\n} keys must be equal to: a,b'),
        ('{"instances": [{"a": 1, "c": 2}]}', {"a": FLOAT, "b": FLOAT},
         "Failed to process element: 0 key: c of 'instances' list. Error: "
         "INVALID_ARGUMENT: JSON object: does not have named input: c"),
        ('{"instances": [{"x": 1}, 2]}', {"x": FLOAT},
         "Expecting object but got list at item 1 of input list"),
        ('{"instances": [1, {"x": 2}]}', {"x": FLOAT},
         "Expecting value/list but got object at item 1 of input list"),
        ('{"instances": [1]}', {"a": FLOAT, "b": FLOAT},
         "instances is a plain list, but expecting list of objects as multiple input "
         "tensors required as per tensorinfo_map"),
        ('{"inputs": [1]}', {"a": FLOAT, "b": FLOAT},
         "inputs is a plain value/list, but expecting an object as multiple input "
         "tensors required as per tensorinfo_map"),
        ('{"inputs": {"a": 1}}', {"a": FLOAT, "b": FLOAT},
         "Missing named input: b in 'inputs' object."),
        ('{"instances": 1}', {"x": FLOAT},
         'JSON Value: {\n    "instances": 1\n} Expecting \'instances\' to be an '
         "list/array"),
        ('{"instances": []}', {"x": FLOAT},
         'JSON Value: {\n    "instances": []\n} No values in \'instances\' array'),
        ("{}", {"x": FLOAT}, "Missing 'inputs' or 'instances' key"),
        ('{"inputs": 1, "instances": 2}', {"x": FLOAT},
         'JSON Value: {\n    "inputs": 1,\n    "instances": 2\n} Not formatted '
         "correctly expecting only one of 'inputs' or 'instances' keys to exist "),
        ("", {"x": FLOAT}, "JSON Parse error: The document is empty"),
        ("bad", {"x": FLOAT}, "JSON Parse error: Invalid value. at offset: 0"),
        ('{"a": 1} 2', {"x": FLOAT},
         "JSON Parse error: The document root must not be followed by other values. "
         "at offset: 9"),
        ("[1]", {"x": FLOAT}, "JSON Value: [\n    1\n] Is not object"),
        ('{"inputs": [NaN, 1' + "0" * 400 + "]}", {"x": FLOAT},
         "JSON Parse error: Number too big to be stored in double. at offset: 0"),
        ('{"inputs": ["\\ud800"]}', {"x": STRING},
         "JSON Parse error: The surrogate pair in string is invalid."),
    ],
)  # fmt: skip
def test_mistakes_are_named(text, dtypes, message):
    with pytest.raises(ServingError) as caught:
        decode(text, **dtypes)
    assert caught.value.message == message
    assert caught.value.http_status == 400


def test_the_first_mistake_is_named():
    """Rows are looked at one by one, and values in the order they are written in."""
    for text, message in {
        '{"instances": [{"a": "z", "b": 1}, 5]}': "element: 0 key: a of",
        '{"instances": [{"b": "z", "a": "z"}]}': "element: 0 key: b of",
        '{"instances": [{"a": 1}, {"c": 1}]}': "element: 0 of",
        '{"instances": [{"a": 1, "b": 1}, {"a": 1, "b": [1], "c": 1}]}': "1 key: b of",
    }.items():
        with pytest.raises(ServingError, match=message):
            decode(text, a=FLOAT, b=FLOAT)


def test_a_byte_order_mark_is_no_mistake():
    assert json_text.parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("shape", [[300_000], [3, 100_000], [200_000, 2]])
def test_large_responses_are_written_like_small_ones(shape):
    x = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    x.flat[[5, -5]] = np.nan, -np.inf
    response = json.loads(codec.encode_response({"x": x}, codec.ROW))
    np.testing.assert_array_equal(np.float32(response["predictions"]), x)


def test_special_numbers_are_written_among_other_outputs():
    outputs = {"a": np.array([[np.nan, 1], [2, 3]]), "b": np.array([1, np.inf])}
    body = codec.encode_response(outputs, codec.ROW)
    assert body == (
        b'{"predictions":[{"a":[NaN,1.0],"b":1.0},{"a":[2.0,3.0],"b":Infinity}]}'
    )
    body = codec.encode_response({"b": np.array(np.nan)}, codec.COLUMNAR)
    assert body == b'{"outputs":NaN}'


def test_extra_columns_are_ignored_and_padding_may_be_missing():
    read = decode('{"inputs": {"x": [{"b64": "YQ"}], "z": 1}}', x=STRING)
    assert read["x"].tolist() == [b"a"]


@pytest.mark.parametrize("depth", [900, 100_000])
def test_deep_nesting_is_allowed(depth):
    with pytest.raises(ServingError):
        decode('{"inputs": ' + "[" * depth + '"a"' + "]" * depth + "}", x=FLOAT)


def test_a_long_value_is_cut():
    with pytest.raises(ServingError) as caught:
        decode(json.dumps({"instances": "long" * 10_000}), x=FLOAT)
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("shape", [(0,), (0, 4), (0, 2, 0)])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, object])
def test_models_that_find_nothing_return_no_rows(shape, dtype):
    array = np.empty(shape, dtype)
    for outputs in ({"x": array}, {"x": array, "y": np.empty([0, 3])}):
        response = codec.encode_response(outputs, codec.ROW)
        assert json.loads(response) == {"predictions": []}


def test_numbers_are_rounded_to_floats_as_by_tensorflow_serving():
    """Its tests FloatTensorWithPrecisionLoss, …ThatExceedsMax…, …ThatExceedsMin…."""
    numbers = "[1435774380, 16777217, 1e300, -1e39, 1e-60, 3.4028235e38]"
    largest = float(np.finfo(np.float32).max)
    expected = [1435774336, 16777216, np.inf, -np.inf, 0, largest]
    for form in ("inputs", "instances"):
        read = decode(f'{{"{form}": {numbers}}}', x=FLOAT)
        np.testing.assert_array_equal(read["x"], np.float32(expected))


@pytest.mark.parametrize("text", ["YWJj\\nZGU=\\n", " Y W J jZGU", "YWJjZGU"])
def test_base64_may_have_spaces_and_lack_its_padding(text):
    read = decode(f'{{"inputs": {{"b64": "{text}"}}}}', x=STRING)
    assert read["x"].item() == b"abcde"


@pytest.mark.parametrize("text", ["YQ=", "YQ===", "Y", "YWJj=", "Y=Q="])
def test_base64_with_wrong_padding_is_refused(text):
    with pytest.raises(ServingError, match="Unable to base64 decode"):
        decode(f'{{"inputs": {{"b64": "{text}"}}}}', x=STRING)


def test_nan_and_infinity_may_be_spelt_as_for_tensorflow_serving():
    read = decode('{"inputs": [Inf, -Inf, -NaN, NaN, Infinity, -Infinity]}', x=FLOAT)
    inf = np.inf
    expected = np.float32([inf, -inf, np.nan, np.nan, inf, -inf])
    np.testing.assert_array_equal(read["x"], expected)
    read = decode('{"inputs": {"x": ["Inf \\" -NaN"], "y": [Inf]}}', x=STRING, y=FLOAT)
    assert read["x"].tolist() == [b'Inf " -NaN']
    for text in ('{"inputs": [In]}', '{"inputs": [Inf Inf]}', '{"inputs": [Infi]}'):
        with pytest.raises(ServingError, match="JSON Parse error"):
            decode(text, x=FLOAT)


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ({"x": np.float32(1)}, "Tensor name: x has no shape information "),
        (
            {"a": np.zeros([0, 2]), "b": np.zeros(3)},
            "Tensor name: b has inconsistent batch size: 3 expecting: 0",
        ),
        (
            {"a": np.zeros(2), "b": np.zeros(3)},
            "Tensor name: b has inconsistent batch size: 3 expecting: 2",
        ),
    ],
)
def test_rows_need_one_batch(outputs, message):
    with pytest.raises(ServingError) as caught:
        codec.encode_response(outputs, codec.ROW)
    assert caught.value.message == message


@pytest.mark.parametrize("before", ["", "Inf, "])
def test_a_string_without_end_is_read_once(before):
    """Looked at again from each of its quotes, this one would take hours."""
    with pytest.raises(ServingError, match="JSON Parse error"):
        decode('{"inputs": [' + before + '"' + '\\"' * 1_000_000, x=FLOAT)
