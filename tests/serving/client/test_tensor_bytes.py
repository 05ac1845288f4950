"""What is put on the wire by hand reads as what protobuf writes."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from tensorflow_serving.apis import predict_pb2

from keras_attention.serving.client.tensor_bytes import input_chunks
from keras_attention.serving.wire import protos, tensors

DTYPES = [dtype for dtype in tensors.NUMBERS if dtype.kind != "O"]


def read(content):
    """Reads with TensorFlow Serving's own class, and with ours."""
    for message in (predict_pb2.PredictRequest, protos.PredictRequest):
        yield {
            name: tensors.read(proto)
            for name, proto in message.FromString(content).inputs.items()
        }


@given(data=st.data(), name=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_array_survives(data, name):
    dtype = data.draw(st.sampled_from([d for d in DTYPES if d.kind in "fiubc"]))
    shapes = npst.array_shapes(max_dims=4, min_side=0, max_side=20)
    array = data.draw(npst.arrays(dtype, shapes))
    for inputs in read(b"".join(input_chunks(name, array))):
        assert inputs[name].dtype == dtype
        np.testing.assert_array_equal(inputs[name], array)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_it_is_the_very_bytes_of_protobuf(dtype):
    array = np.arange(300).reshape(3, 100).astype(dtype)
    request = protos.PredictRequest()
    tensors.fill(request.inputs["x"], array, compact=True)
    assert b"".join(input_chunks("x", array)) == request.SerializeToString()


def test_it_may_follow_the_rest_of_a_request():
    request = protos.PredictRequest(output_filter=["y"])
    request.model_spec.name = "m"
    tensors.fill(request.inputs["small"], np.float32([1, 2]), compact=True)
    large = np.zeros([40, 400], ml_dtypes.bfloat16)
    content = request.SerializeToString() + b"".join(input_chunks("large", large))
    for inputs in read(content):
        assert sorted(inputs) == ["large", "small"]
        assert inputs["large"].shape == (40, 400)
    whole = predict_pb2.PredictRequest.FromString(content)
    assert whole.model_spec.name == "m" and whole.output_filter[:] == ["y"]


def test_an_array_that_does_not_lie_in_order_is_put_in_order():
    array = np.arange(12).reshape(3, 4).T
    for inputs in read(b"".join(input_chunks("x", array))):
        np.testing.assert_array_equal(inputs["x"], array)
