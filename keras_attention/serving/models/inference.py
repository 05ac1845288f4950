"""Classify, Regress and MultiInference: signatures that read `tf.Example`s."""

from typing import NamedTuple

import numpy as np
from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2

from keras_attention.serving.metrics import SIZE_BUCKETS
from keras_attention.serving.models.served_model import Run
from keras_attention.serving.wire import tensors
from keras_attention.serving.wire.errors import Code, ServingError, invalid_argument
from keras_attention.serving.wire.signatures import (
    DEFAULT_SIGNATURE,
    check_inputs,
    check_outputs,
    read_spec,
)

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


class _Plan(NamedTuple):
    """The tensors of a signature; of a classification, `classes` or `scores`."""

    feed: str
    fetches: dict[str, str]  # by alias


def classify(model, signature_name, examples, caller=None):
    """Classes and their scores.

    Args:
        model: `ServedModel`.
        signature_name: str; empty for the default one.
        examples: list of bytes, serialized `tf.Example`s.
        caller: `Caller`, optional.

    Returns:
        `ClassificationResult`.

    Raises:
        ServingError: in the protocol's words.
    """
    plan = _plan_classify(model, _definition(model, signature_name))
    return _classification(plan, _compute(model, "Classify", [plan], examples, caller))


def regress(model, signature_name, examples, caller=None):
    """One number for each example; as `classify`, with a `RegressionResult`."""
    plan = _plan_regress(model, _definition(model, signature_name))
    return _regression(plan, _compute(model, "Regress", [plan], examples, caller))


def check_tasks(tasks):
    """Checks what can be checked without a model.

    Args:
        tasks: list of `(model_name, signature_name, method_name)`.
    """
    if not tasks:
        raise invalid_argument("Inference request must have at least one task.")
    names = [name for name, _, _ in tasks]
    if not all(names):
        raise invalid_argument("Found ModelSpec with an empty model name.")
    if len(set(names)) > 1:
        raise invalid_argument(
            "All ModelSpecs in a MultiInferenceRequest must access the same model name."
        )
    seen = set()
    for _, signature_name, _ in tasks:
        signature_name = signature_name or DEFAULT_SIGNATURE
        if signature_name in seen:
            raise invalid_argument(
                f"Duplicate evaluation of signature: {signature_name}"
            )
        seen.add(signature_name)


def multi_inference(model, tasks, examples, caller=None):
    """Several signatures at once, which are fed the same examples.

    Those of TensorFlow 1 often share their input, too; `tf.saved_model.save` gives each
    signature one of its own.

    Args:
        model: `ServedModel`.
        tasks: list of `(signature_name, method_name)`.
        examples: list of bytes, serialized `tf.Example`s.
        caller: `Caller`, optional.

    Returns:
        List of `InferenceResult`.
    """
    planned = []
    for signature_name, method_name in tasks:
        name = signature_name or DEFAULT_SIGNATURE
        if name not in model.signature_defs:
            raise invalid_argument(
                f"Requested signature not found in model graph: {name}"
            )
        make_plan = {CLASSIFY: _plan_classify, REGRESS: _plan_regress}.get(method_name)
        if make_plan is None:
            raise ServingError(
                Code.UNIMPLEMENTED,
                f"Unsupported signature method_name: {method_name}",
            )
        planned.append(make_plan(model, model.signature_defs[name]))
    outputs = _compute(model, "MultiInference", planned, examples, caller)
    results = []
    for plan, (_, method_name) in zip(planned, tasks, strict=True):
        result = inference_pb2.InferenceResult()
        if method_name == CLASSIFY:
            result.classification_result.CopyFrom(_classification(plan, outputs))
        else:
            result.regression_result.CopyFrom(_regression(plan, outputs))
        results.append(result)
    return results


def _definition(model, signature_name):
    name = signature_name or DEFAULT_SIGNATURE
    if name not in model.signature_defs:
        raise invalid_argument(f"No signature was found with the name: {name}")
    return model.signature_defs[name]


def _plan_classify(model, definition):
    _check_method(model, definition, CLASSIFY, "classification")
    if len(definition.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(definition.outputs) not in (1, 2):
        raise invalid_argument(
            f"Expected one or two output Tensors, found {len(definition.outputs)}"
        )
    if "inputs" not in definition.inputs:
        raise _mismatch("No classification inputs found in SignatureDef: ", definition)
    aliases = [a for a in ("classes", "scores") if a in definition.outputs]
    if not aliases:
        raise _mismatch(
            "Expected classification signature outputs to contain at least one of "
            '"classes" or "scores". Signature was: ',
            definition,
        )
    return _plan(definition, aliases)


def _plan_regress(model, definition):
    _check_method(model, definition, REGRESS, "regression")
    if len(definition.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    if len(definition.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    if "inputs" not in definition.inputs:
        raise _mismatch("No regression inputs found in SignatureDef: ", definition)
    if "outputs" not in definition.outputs:
        raise _mismatch("No regression outputs found in SignatureDef: ", definition)
    return _plan(definition, ["outputs"])


def _plan(definition, aliases):
    inputs = {"inputs": read_spec(definition.inputs["inputs"])}
    outputs = {alias: read_spec(definition.outputs[alias]) for alias in aliases}
    check_inputs(inputs)
    check_outputs(outputs)
    fetches = {alias: spec.name for alias, spec in outputs.items()}
    return _Plan(inputs["inputs"].name, fetches)


def _check_method(model, definition, wanted, kind):
    if model.check_method_names and definition.method_name != wanted:
        raise invalid_argument(
            f"Expected {kind} signature method_name to be {wanted}. Was: "
            f"{definition.method_name}"
        )


def _mismatch(message, definition):
    return ServingError(Code.FAILED_PRECONDITION, f"{message}{definition}")


def _compute(model, api, plans, examples, caller):
    """Feeds the examples; returns arrays by the tensors' names, and their number."""
    if not examples:
        raise invalid_argument("Input is empty.")
    array = np.empty(len(examples), dtype=object)
    array[:] = examples
    feeds = sorted({plan.feed for plan in plans})
    fetches = {name for plan in plans for name in plan.fetches.values()}
    run = Run(tuple(feeds), tuple(sorted(fetches)), [array] * len(feeds))
    outputs = model.compute(run, api, caller)
    _count(model, len(examples))
    return outputs, len(examples)


def _count(model, number):
    name = ":tensorflow:serving:request_example_count"
    model.metrics.histogram(
        f"{name}s",
        ("model",),
        "The number of tensorflow.Examples per request.",
        SIZE_BUCKETS,
    ).observe(number, model.name)
    model.metrics.counter(
        f"{name}_total", ("model",), "The total number of tensorflow.Examples."
    ).add(number, model.name)


def _classification(plan, computed):
    outputs, number = computed
    arrays = {alias: outputs[name] for alias, name in plan.fetches.items()}
    for alias, array in arrays.items():
        _check_classes(alias, array, number)
    width, *others = [array.shape[1] for array in arrays.values()]
    if others and others != [width]:
        raise invalid_argument(
            "Tensors class and score should match in dim_size(1). Got "
            f"{arrays['classes'].shape[1]} vs. {arrays['scores'].shape[1]}"
        )
    classes = arrays["classes"].tolist() if "classes" in arrays else None
    scores = arrays["scores"].tolist() if "scores" in arrays else None
    result = classification_pb2.ClassificationResult()
    for row in range(number):
        added = result.classifications.add().classes
        for column in range(width):
            item = added.add()
            if classes is not None:
                item.label = _text(classes[row][column])
            if scores is not None:
                item.score = scores[row][column]
    return result


def _text(label):
    try:
        return label.decode()
    except UnicodeDecodeError:
        raise invalid_argument(
            f"expected labels in UTF-8, received {label[:100]!r} from the model"
        ) from None


def _check_classes(alias, array, number):
    if array.ndim != 2:
        raise invalid_argument(
            f"Expected Tensor shape: [batch_size num_classes] but got {_shape(array)}"
        )
    wanted, dtype = (
        (object, "DT_STRING")
        if alias == "classes"
        else (
            np.float32,
            "DT_FLOAT",
        )
    )
    if array.dtype != wanted:
        raise invalid_argument(
            f"Expected {alias} Tensor of {dtype}. Got: {_dtype(array)}"
        )
    if len(array) != number:
        raise invalid_argument(
            f"Expected {alias} output batch size of {number}. Got: {len(array)}"
        )


def _regression(plan, computed):
    outputs, number = computed
    array = outputs[plan.fetches["outputs"]]
    if array.ndim != 1 and not (array.ndim == 2 and array.shape[1] == 1):
        raise invalid_argument(
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            f"but got {_shape(array)}"
        )
    if len(array) != number:
        raise invalid_argument(
            f"Input batch size did not match output batch size: {number} vs. "
            f"{len(array)}"
        )
    if array.dtype != np.float32:
        raise invalid_argument(
            f"Expected output Tensor of DT_FLOAT.  Got: {_dtype(array)}"
        )
    result = regression_pb2.RegressionResult()
    for value in array.ravel().tolist():
        result.regressions.add().value = value
    return result


def _shape(array):
    return f"[{','.join(map(str, array.shape))}]"


def _dtype(array):
    return f"DT_{tensors.type_name(tensors.NUMBERS.get(array.dtype)).upper()}"
