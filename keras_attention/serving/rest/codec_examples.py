"""The JSON of Classify and Regress: features to `tf.Example`s, results to responses."""

import numpy as np
from tensorflow.core.example import example_pb2

from keras_attention.serving.rest.json_tensor import (
    decode_tensor,
    encode_rows,
    encode_tensor,
    is_base64,
)
from keras_attention.serving.rest.json_text import dump, show, type_of
from keras_attention.serving.wire.errors import ServingError, invalid_argument

_FLOAT, _STRING = 1, 7  # DataType numbers
_KINDS = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def decode_examples(document):
    """Reads the examples of a request.

    Args:
        document: dict, the parsed body.

    Returns:
        List of bytes, one serialized `tf.Example` each, with the context before it.

    Raises:
        ServingError: INVALID_ARGUMENT with the protocol's text.
    """
    context = b""
    if "context" in document:
        context = _example(document["context"])
    if "examples" not in document:
        raise invalid_argument(
            f"JSON Value: {show(document)} When method is classify, key 'examples' is "
            "expected and was not found"
        )
    examples = document["examples"]
    if not isinstance(examples, list):
        raise invalid_argument(
            f"JSON Value: {show(document)} Expecting 'examples' value to be an "
            "list/array"
        )
    if not examples:
        raise invalid_argument(
            f"JSON Value: {show(document)} 'examples' value is an empty array"
        )
    return [context + _example(value) for value in examples]


def _example(value):
    if not isinstance(value, dict):
        raise invalid_argument(
            f"Example must be JSON object but got JSON {type_of(value)}"
        )
    example = example_pb2.Example()
    for name, content in value.items():
        feature = example.features.feature[name]
        for item in content if isinstance(content, list) else [content]:
            _add(feature, name, item)
    return example.SerializeToString()


def _add(feature, name, value):
    item: float | bytes
    if isinstance(value, bool):
        kind, item = "int64_list", int(value)
    elif isinstance(value, str) or is_base64(value):
        kind, item = "bytes_list", decode_tensor(value, _STRING)[()]
    elif isinstance(value, float):
        kind, item = "float_list", float(decode_tensor(value, _FLOAT))
    elif isinstance(value, int):
        kind, item = "int64_list", value
        if not -(2**63) <= value < 2**63:
            raise invalid_argument(
                f"Feature: {name} has uint64 element. Only int64 is supported."
            )
    else:
        raise invalid_argument(
            f"Feature: {name} has element with unexpected JSON type: {type_of(value)}"
        )
    present = feature.WhichOneof("kind")
    if present not in (None, kind):
        raise invalid_argument(
            f"Unexpected element type in feature: {name} expecting type: "
            f"{_KINDS[present]}"
        )
    getattr(feature, kind).value.append(item)


def encode_classifications(result):
    """Writes the body of a classify response: label and score of every class.

    Args:
        result: `ClassificationResult`.

    Returns:
        bytes.
    """
    rows = [
        ([c.label for c in item.classes], [c.score for c in item.classes])
        for item in result.classifications
    ]
    if not rows:
        raise _empty("ClassificationResults")
    results = [
        list(zip(labels, encode_rows(np.array(scores, np.float32)), strict=True))
        for labels, scores in rows
    ]
    return dump({"results": results})


def encode_regressions(result):
    """Writes the body of a regress response: one number for every example."""
    values = [item.value for item in result.regressions]
    if not values:
        raise _empty("RegressionResults")
    return dump({"results": encode_tensor(np.array(values, np.float32))})


def _empty(what) -> ServingError:
    return invalid_argument(f"Cannot convert empty {what} to JSON")
