"""Feature dicts become the `tf.Example`s that TensorFlow itself would make."""

import json

import numpy as np
import pytest
import tensorflow as tf

from keras_attention.serving.client import features as client_examples
from keras_attention.serving.wire import protos

EXAMPLE = {
    "word": "ä",
    "raw": [b"\xff\0", "text"],
    "whole": 3,
    "flags": [True, False],
    "real": [1, 2.5],
    "grid": np.array([[1, 2], [3, 4]], np.int32),
    "half": np.float16(0.5),
    "mixed": [np.float32(1.0), np.int64(2)],
    "strings": np.array(["a", "bc"]),
    "none": [],
}


def expected():
    def feature(**lists):
        ((kind, value),) = lists.items()
        message = {
            "bytes_list": tf.train.BytesList,
            "float_list": tf.train.FloatList,
            "int64_list": tf.train.Int64List,
        }[kind]
        return tf.train.Feature(**{kind: message(value=value)})

    features = {
        "word": feature(bytes_list=["ä".encode()]),
        "raw": feature(bytes_list=[b"\xff\0", b"text"]),
        "whole": feature(int64_list=[3]),
        "flags": feature(int64_list=[1, 0]),
        "real": feature(float_list=[1.0, 2.5]),
        "grid": feature(int64_list=[1, 2, 3, 4]),
        "half": feature(float_list=[0.5]),
        "mixed": feature(float_list=[1.0, 2.0]),
        "strings": feature(bytes_list=[b"a", b"bc"]),
        "none": tf.train.Feature(),
    }
    return tf.train.Example(features=tf.train.Features(feature=features))


def test_the_messages_are_tensorflow_s():
    features = client_examples.read_features(EXAMPLE)
    input_ = protos.Input()
    client_examples.fill_input(input_, [features], None)
    (example,) = input_.example_list.examples
    assert tf.train.Example.FromString(example.SerializeToString()) == expected()


def test_what_all_share_goes_apart():
    input_ = protos.Input()
    client_examples.fill_input(input_, [{"a": [1]}, {"a": [2]}], {"b": [0.5]})
    content = input_.example_list_with_context
    assert content.context.features.feature["b"].float_list.value[:] == [0.5]
    assert len(content.examples) == 2


def test_no_examples_are_an_empty_list_rather_than_nothing():
    input_ = protos.Input()
    client_examples.fill_input(input_, [], None)
    assert input_.WhichOneof("kind") == "example_list"


def test_json_keeps_floats_apart_from_integers_and_bytes_from_text():
    features = client_examples.as_json(client_examples.read_features(EXAMPLE))
    assert features["raw"] == [{"b64": "/wA="}, "text"]
    assert json.dumps(features["real"]) == "[1.0, 2.5]"
    assert json.dumps(features["grid"]) == "[1, 2, 3, 4]"
    assert json.dumps(features["flags"]) == "[1, 0]"


def test_special_floats_are_found():
    assert client_examples.has_special_floats({"a": [1.0, float("nan")]})
    assert not client_examples.has_special_floats({"a": [1.0], "b": [1], "c": [b"x"]})


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ([1, 2], "an example must be a dict of feature name .* received list"),
        ({"a": [[1], [2]]}, "feature 'a' must be numbers, .* flat list .* received l"),
        ({"a": None}, "feature 'a' must be .* received NoneType"),
        ({"a": ["b", 1]}, "received int, str"),
        ({"a": 2**63}, "feature 'a' has integers beyond 64 bits"),
        ({"a": 1j}, "received complex"),
    ],
)
def test_what_no_example_can_hold_is_named(example, message):
    with pytest.raises(ValueError, match=message):
        client_examples.read_features(example)
