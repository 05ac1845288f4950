"""Features in JSON become `tf.Example`s, results become JSON."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, regression_pb2

from keras_attention.serving.rest.codec_examples import (
    decode_examples,
    encode_classifications,
    encode_regressions,
)
from keras_attention.serving.wire.errors import ServingError


def features(serialized):
    example = tf.train.Example.FromString(serialized)
    return {
        name: (
            feature.WhichOneof("kind"),
            list(getattr(feature, feature.WhichOneof("kind")).value),
        )
        for name, feature in example.features.feature.items()
        if feature.WhichOneof("kind")
    }


def test_features_have_the_kind_of_their_values():
    value = {
        "float": [1.5, float("nan"), float("-inf")],
        "one": 0.5,
        "int": [1, -(2**63)],
        "bool": [True, False],
        "text": ["ä", {"b64": "/wA="}],
        "none": [],
    }
    (serialized,) = decode_examples({"examples": [value]})
    got = features(serialized)
    kind, numbers = got.pop("float")
    assert kind == "float_list"
    np.testing.assert_array_equal(numbers, [1.5, np.nan, -np.inf])
    assert got == {
        "one": ("float_list", [0.5]),
        "int": ("int64_list", [1, -(2**63)]),
        "bool": ("int64_list", [1, 0]),
        "text": ("bytes_list", ["ä".encode(), b"\xff\x00"]),
    }


def test_an_example_wins_over_the_context():
    document = {"context": {"a": 1, "b": 2}, "examples": [{"a": 3}, {}]}
    first, second = map(features, decode_examples(document))
    assert first == {"a": ("int64_list", [3]), "b": ("int64_list", [2])}
    assert second == {"a": ("int64_list", [1]), "b": ("int64_list", [2])}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "When method is classify, key 'examples' is expected and was not found"),
        ({"examples": 1}, "Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{}], "context": []},
         "Example must be JSON object but got JSON Array"),
        ({"examples": [{"a": None}]},
         "Feature: a has element with unexpected JSON type: Null"),
        ({"examples": [{"a": [[1]]}]},
         "Feature: a has element with unexpected JSON type: Array"),
        ({"examples": [{"a": {"c": 1}}]},
         "Feature: a has element with unexpected JSON type: Object"),
        ({"examples": [{"a": [1, 2.5]}]},
         "Unexpected element type in feature: a expecting type: int64"),
        ({"examples": [{"a": 2**63}]},
         "Feature: a has uint64 element. Only int64 is supported."),
        ({"examples": [{"a": {"b64": "*"}}]}, "Unable to base64 decode"),
    ],
)  # fmt: skip
def test_refusals(document, message):
    with pytest.raises(ServingError) as caught:
        decode_examples(document)
    assert message in caught.value.message
    assert caught.value.http_status == 400


@pytest.mark.parametrize("odd", [0.1, float("nan"), float("inf")])
def test_results_are_written_as_short_as_they_are(odd):
    classes = classification_pb2.ClassificationResult()
    item = classes.classifications.add()
    item.classes.add(label="a", score=odd)
    item.classes.add(score=0.3)
    text = encode_classifications(classes).decode()
    assert "0.3" in text and "0.30000001" not in text
    ((first, second),) = json.loads(text)["results"]
    assert first[0] == "a" and second == ["", 0.3]
    np.testing.assert_equal(first[1], odd)

    numbers = regression_pb2.RegressionResult()
    numbers.regressions.add(value=odd)
    (value,) = json.loads(encode_regressions(numbers))["results"]
    np.testing.assert_equal(value, odd)


def test_nothing_is_no_result():
    for encode, empty in (
        (encode_classifications, classification_pb2.ClassificationResult()),
        (encode_regressions, regression_pb2.RegressionResult()),
    ):
        with pytest.raises(ServingError, match="Cannot convert empty"):
            encode(empty)
