"""The JSON of predictions: requests to arrays by signature, arrays to responses."""

import numpy as np

from keras_attention.serving.rest.json_tensor import (
    MAX_NESTING,
    check_item,
    decode_column,
    decode_tensor,
    encode_rows,
    encode_tensor,
    is_base64,
)
from keras_attention.serving.rest.json_text import dump, show
from keras_attention.serving.wire.errors import ServingError, invalid_argument

ROW, COLUMNAR = "instances", "inputs"  # the two forms, by their key in requests


def decode_signature_name(document):
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid_argument(
            f"JSON Value: {show(document)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    return name


def decode_request(document, specs, max_nesting=MAX_NESTING):
    """Reads the inputs of a predict request.

    Args:
        document: dict, the parsed body; from `json_numbers`, with arrays in it.
        specs: dict of `TensorSpec`, the inputs of the signature.
        max_nesting: int. How deeply lists may be nested, at most 64.

    Returns:
        `(form, inputs)`: `ROW` or `COLUMNAR`, and a dict of arrays.

    Raises:
        ServingError: INVALID_ARGUMENT with the protocol's text, unless there are arrays
            in `document`: then with any text.
    """
    if ROW in document and COLUMNAR in document:
        raise invalid_argument(
            f"JSON Value: {show(document)} Not formatted correctly expecting only one "
            f"of '{COLUMNAR}' or '{ROW}' keys to exist "
        )
    try:
        if ROW in document:
            instances = document[ROW]
            if not isinstance(instances, list | np.ndarray):
                raise invalid_argument(
                    f"JSON Value: {show(document)} Expecting '{ROW}' to be an "
                    "list/array"
                )
            if not len(instances):
                raise invalid_argument(
                    f"JSON Value: {show(document)} No values in '{ROW}' array"
                )
            return ROW, _decode_rows(instances, specs, max_nesting)
        if COLUMNAR in document:
            return COLUMNAR, _decode_columns(document[COLUMNAR], specs, max_nesting)
    except RecursionError:
        raise invalid_argument("JSON Value: nested too deeply") from None
    raise invalid_argument(f"Missing '{COLUMNAR}' or '{ROW}' key")


def _decode_columns(value, specs, max_nesting):
    if isinstance(value, dict) and not is_base64(value):
        missing = next((name for name in specs if name not in value), None)
        if missing is not None:
            raise invalid_argument(
                f"Missing named input: {missing} in '{COLUMNAR}' object."
            )
        return {
            name: decode_tensor(value[name], spec.dtype, max_nesting)
            for name, spec in specs.items()
        }
    if len(specs) > 1:
        raise invalid_argument(
            f"{COLUMNAR} is a plain value/list, but expecting an object as multiple "
            "input tensors required as per tensorinfo_map"
        )
    name, spec = next(iter(specs.items()))
    return {name: decode_tensor(value, spec.dtype, max_nesting)}


def _decode_rows(instances, specs, max_nesting):
    if not isinstance(instances[0], dict) and len(specs) > 1:
        raise invalid_argument(
            f"{ROW} is a plain list, but expecting list of objects as multiple input "
            "tensors required as per tensorinfo_map"
        )
    inputs = _rows_at_once(instances, specs, max_nesting)
    if any(array is None for array in inputs.values()) or not inputs:
        _check_rows(instances, specs, max_nesting)
        raise AssertionError("the rows were sound, and yet they could not be read")
    return inputs


def _rows_at_once(instances, specs, max_nesting):
    """The inputs; {} or None for one of them where a row is not as it should be."""
    if isinstance(instances, np.ndarray) or not _is_object(instances[0]):
        name, spec = next(iter(specs.items()))
        return {name: decode_column(instances, spec.dtype, max_nesting)}
    keys = specs.keys()
    if any(not isinstance(row, dict) or row.keys() != keys for row in instances):
        return {}
    return {
        name: decode_column([row[name] for row in instances], spec.dtype, max_nesting)
        for name, spec in specs.items()
    }


def _check_rows(instances, specs, max_nesting):
    """Finds the first mistake, and raises it in the protocol's words."""
    named = _is_object(instances[0])
    only = next(iter(specs))
    shapes = {}
    for i, instance in enumerate(instances):
        if _is_object(instance) != named:
            wanted, came = ("object", "list") if named else ("value/list", "object")
            raise invalid_argument(
                f"Expecting {wanted} but got {came} at item {i} of input list"
            )
        for name, item in instance.items() if named else [(only, instance)]:
            try:
                if name not in specs:
                    raise invalid_argument(
                        f"JSON object: does not have named input: {name}"
                    )
                shapes[name] = check_item(
                    item, specs[name].dtype, shapes.get(name), max_nesting
                )
            except ServingError as error:
                key = f" key: {name}" if named else ""
                raise invalid_argument(
                    f"Failed to process element: {i}{key} of '{ROW}' list. Error: "
                    f"{error.code.name}: {error.message}"
                ) from None
        if named and instance.keys() != specs.keys():
            raise invalid_argument(
                f"Failed to process element: {i} of '{ROW}' list. JSON object: "
                f"{show(instance)} keys must be equal to: {','.join(sorted(specs))}"
            )


def _is_object(value):
    return isinstance(value, dict) and not is_base64(value)


def encode_response(outputs, form):
    """Writes the body of a predict response.

    Args:
        outputs: dict of arrays; strings are object arrays of `bytes`.
        form: `ROW` or `COLUMNAR`, as the request had it.

    Returns:
        bytes.
    """
    if not outputs:
        raise invalid_argument("Cannot convert empty tensor map to JSON")
    outputs = {name: outputs[name] for name in sorted(outputs)}
    if form == ROW:
        _check_batch(outputs)
    if form == COLUMNAR or len(outputs) == 1:
        content = {
            name: encode_tensor(array, name.endswith("_bytes"))
            for name, array in outputs.items()
        }
        value = content if len(content) > 1 else content.popitem()[1]
    else:
        columns = [
            encode_rows(array, name.endswith("_bytes"))
            for name, array in outputs.items()
        ]
        rows = zip(*columns, strict=True)
        value = [dict(zip(outputs, row, strict=True)) for row in rows]
    return dump({"predictions" if form == ROW else "outputs": value})


def _check_batch(outputs):
    batch_size = None
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid_argument(f"Tensor name: {name} has no shape information ")
        if batch_size not in (None, len(array)):
            raise invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} "
                f"expecting: {batch_size}"
            )
        batch_size = len(array)
