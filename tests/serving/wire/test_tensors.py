"""Tensors travel unchanged, and TensorFlow reads them as we do."""

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tensorflow.core.framework import tensor_pb2

from keras_attention.serving.wire import protos, tensors

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
NUMERIC = [dtype for dtype in tensors.DTYPES.values() if dtype.kind in "fiubc"]


@given(st.sampled_from(NUMERIC).flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)))
@settings(max_examples=60, deadline=None)
def test_numbers_travel_unchanged_and_as_tensorflow_reads_them(array):
    for compact in (False, True):
        proto = tensor_pb2.TensorProto()
        tensors.fill(proto, array, compact)
        for read in (tensors.read(proto), tf.make_ndarray(proto)):
            assert read.dtype == array.dtype and read.shape == array.shape
            np.testing.assert_array_equal(read, array)


@given(st.lists(st.binary(max_size=4), max_size=4))
def test_strings_travel_unchanged(items):
    array = tensors.as_array(np.array([*items, None], dtype=object)[:-1], 7)
    proto = protos.TensorProto()
    tensors.fill(proto, array)
    assert tensors.read(proto).tolist() == items


@pytest.mark.parametrize("value", [1.5, [1, 2], [[True]], "text", [["a"], ["b"]]])
def test_reads_what_tensorflow_writes(value):
    proto = tf.make_tensor_proto(value)
    np.testing.assert_array_equal(tensors.read(proto), tf.make_ndarray(proto))


def test_bfloat16_travels_unchanged():
    array = np.array([1.5, -2.0], ml_dtypes.bfloat16)
    proto = tensor_pb2.TensorProto()
    tensors.fill(proto, array)
    np.testing.assert_array_equal(tensors.read(proto), array)
    np.testing.assert_array_equal(tf.make_ndarray(proto), array)


def test_a_short_field_repeats_its_last_item():
    proto = protos.TensorProto(dtype=1, float_val=[1.0, 2.0])
    proto.tensor_shape.dim.add(size=4)
    np.testing.assert_array_equal(tensors.read(proto), [1, 2, 2, 2])


def test_of_a_long_field_the_first_items_count():
    proto = protos.TensorProto(dtype=1, float_val=[1.0, 2.0])
    np.testing.assert_array_equal(tensors.read(proto), 1.0)
    proto.tensor_shape.dim.add(size=0)
    assert tensors.read(proto).shape == (0,)


def test_strings_may_come_as_one_block():
    """As Tensor::AsProtoTensorContent writes them."""
    texts = [b"a", b"", b"b" * 200]
    proto = protos.TensorProto(dtype=7)
    proto.tensor_shape.dim.add(size=3)
    proto.tensor_content = b"\x01\x00\xc8\x01" + b"".join(texts)
    assert tensors.read(proto).tolist() == texts
    real = tensor_pb2.TensorProto.FromString(proto.SerializeToString())
    parsed = tf.io.parse_tensor(real.SerializeToString(), tf.string)
    assert parsed.numpy().tolist() == texts


@pytest.mark.parametrize(
    "proto",
    [
        {"dtype": 7, "tensor_content": b"abc"},
        {"dtype": 7, "tensor_content": b"\x81"},
        {"dtype": 7, "tensor_content": b"\xff\xff\xff\xff\xff\x0f"},
        {
            "dtype": 7,
            "tensor_shape": {"dim": [{"size": 2**40}]},
            "tensor_content": b"a",
        },
        {"dtype": 1, "tensor_content": b"abc"},
        {"dtype": 1, "tensor_shape": {"unknown_rank": True}},
        {"dtype": 1, "tensor_shape": {"dim": [{"size": -1}]}},
        {"dtype": 20},
    ],
)
def test_contradictions_are_refused(proto):
    with pytest.raises(ValueError):
        tensors.read(protos.TensorProto(**proto))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ([[1], [2, 3]], 1),
        (["a", ["b"]], 7),
        ([1.5], 3),
        ([None], 7),
        (["a"], 1),
        ([1j], 1),
    ],
)
def test_what_does_not_fit_the_type_is_refused(value, number):
    with pytest.raises(ValueError):
        tensors.as_array(value, number)


def test_strings_keep_their_trailing_zeros():
    assert tensors.as_array([b"a\0", "b\0"]).tolist() == [b"a\0", b"b\0"]
    assert tensors.as_array(b"\0", 7)[()] == b"\0"


def test_text_and_bytes_go_together():
    array = tensors.as_array(["ä", b"\xff\x00"], tensors.STRING)
    assert array.tolist() == ["ä".encode(), b"\xff\x00"]


def test_integers_never_wrap():
    uint8 = tensors.NUMBERS[np.dtype(np.uint8)]
    assert tensors.as_array([0, 255], uint8).tolist() == [0, 255]
    for values in ([256], [-1]):
        with pytest.raises(ValueError, match="expected values that uint8 holds"):
            tensors.as_array(values, uint8)


def test_a_few_bytes_do_not_become_a_huge_tensor():
    proto = protos.TensorProto(dtype=1, float_val=[1.0])
    proto.tensor_shape.dim.add(size=2**33)
    with pytest.raises(ValueError, match="1 values for a tensor of 8589934592"):
        tensors.read(proto)
    proto.tensor_shape.dim[0].size = 2**20
    assert tensors.read(proto).sum() == 2**20
