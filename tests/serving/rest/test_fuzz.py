"""Whatever is sent, REST responds properly, and goes on."""

import json

import httpx
import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keras_attention.serving.rest import codec, json_text
from keras_attention.serving.wire import tensors
from keras_attention.serving.wire.signatures import TensorSpec
from tests.serving.support import raw

FEW = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
SHAPES = arrays.array_shapes(min_dims=1, max_dims=4, max_side=4)
PLAIN = ["float32", "float64", "int8", "int32", "int64", "uint8", "uint64", "bool"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.just({"b64": "AA=="}),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["x", "a", "b", "b64", "z"]), inner, max_size=3
        )
    ),
    max_leaves=20,
)
KEYS = st.sampled_from(
    ["instances", "inputs", "signature_name", "examples", "context", "x"]
)
PATHS = [
    "/v1/models/calculator:predict",
    "/v1/models/half:classify",
    "/v1/models/half:regress",
    "/v1/models/translator:predict",
]


def round_trip(array, form):
    """An array to JSON, as a response is written, and back, as a request is read."""
    body = codec.encode_response({"x": array}, form)
    response = json_text.parse(body)
    key = "predictions" if form == codec.ROW else "outputs"
    number = tensors.NUMBERS[array.dtype]
    specs = {"x": TensorSpec("x", number, None)}
    _, decoded = codec.decode_request({form: response[key]}, specs)
    return decoded["x"]


@pytest.mark.parametrize("form", [codec.ROW, codec.COLUMNAR])
def test_the_largest_numbers_survive_json(form):
    for dtype in (np.float32, np.float64):
        array = np.array([np.finfo(dtype).max, np.finfo(dtype).min], dtype)
        np.testing.assert_array_equal(round_trip(array, form), array)


@FEW
@given(st.data(), st.sampled_from(PLAIN), st.sampled_from([codec.ROW, codec.COLUMNAR]))
def test_every_array_survives_json(data, dtype, form):
    array = data.draw(arrays.arrays(dtype, SHAPES))
    back = round_trip(array, form)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@FEW
@given(st.lists(st.text(max_size=8), min_size=1, max_size=5))
def test_every_text_survives_json(texts):
    texts = [t for t in texts if t.isprintable()] or ["a"]
    array = tensors.as_array(texts)
    assert round_trip(array, codec.ROW).tolist() == array.tolist()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_small_floats_survive_json(dtype):
    array = np.array([[0.1, -2.5], [3e4, 0]], dtype)
    np.testing.assert_array_equal(round_trip(array, codec.ROW), array)


def check(response):
    assert response.status_code in (200, 400, 404), response.text
    if response.status_code != 200:
        assert list(response.json()) == ["error"]


@pytest.fixture(scope="module")
def http(server):
    with httpx.Client(base_url=f"http://127.0.0.1:{server.rest_port}") as http:
        yield http


@FEW
@given(path=st.sampled_from(PATHS), document=st.dictionaries(KEYS, JSON, max_size=3))
def test_any_document_is_run_or_rejected(http, path, document):
    check(http.post(path, content=json.dumps(document)))


@FEW
@given(path=st.sampled_from(PATHS), body=st.binary(max_size=60))
def test_any_bytes_are_refused(http, path, body):
    response = http.post(path, content=body)
    check(response)
    assert response.status_code == 400


@FEW
@given(body=st.binary(min_size=1, max_size=60))
def test_any_bytes_said_to_be_zipped_are_refused(http, body):
    headers = {"Content-Encoding": "gzip"}
    assert http.post(PATHS[0], content=body, headers=headers).status_code == 400


@FEW
@given(
    head=st.sampled_from(
        [b"", b"GET ", b"POST /v1/models/calculator:predict HTTP/1.1\r\nHost: a\r\n"]
    ),
    rest=st.binary(max_size=80),
)
def test_any_bytes_on_the_port_harm_nobody(http, server, head, rest):
    response = raw(server.rest_port, head + rest)
    assert not response or response.startswith(b"HTTP/1.1 ")
    assert not response.startswith(b"HTTP/1.1 5")
    response = http.post(PATHS[0], json={"instances": [[1.0, 2.0]]})
    assert response.json() == {"predictions": [[2.0, 4.0]]}
