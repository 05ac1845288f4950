"""Classify, Regress and MultiInference respond as TensorFlow Serving does."""

import numpy as np
import pytest
from tensorflow_serving.apis import input_pb2

from keras_attention.serving.metrics import Metrics
from keras_attention.serving.models.examples import make_input, read_input
from keras_attention.serving.models.inference import (
    CLASSIFY,
    REGRESS,
    check_tasks,
    classify,
    multi_inference,
    regress,
)
from keras_attention.serving.models.loading import load_model
from keras_attention.serving.options import BatchingParameters, LoadOptions
from keras_attention.serving.wire.errors import ServingError
from tests.serving.models.support import example, export_half_plus_two

EXAMPLES = [example(x=80.0), example(x=20.0), example()]


@pytest.fixture(scope="module", params=[None, BatchingParameters(max_batch_size=8)])
def model(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("half_plus_two") / "1"
    export_half_plus_two(folder)
    options = LoadOptions(batching=request.param)
    model = load_model(folder, options, Metrics(), "half")
    yield model
    model.close()


def refusal(function, *arguments):
    with pytest.raises(ServingError) as caught:
        function(*arguments)
    return caught.value.code.name, caught.value.message


def test_regress_gives_a_number_for_each_example(model):
    result = regress(model, "regress_x_to_y", EXAMPLES)
    assert [r.value for r in result.regressions] == [42.0, 12.0, 2.0]
    count = model.metrics.counter(":tensorflow:serving:request_example_count_total")
    assert count.value("half") >= 3


def test_classify_gives_scores_with_or_without_labels(model):
    scores = classify(model, "classify_x_to_y", EXAMPLES[:1])
    (item,) = scores.classifications
    assert [(c.label, c.score) for c in item.classes] == [("", 42.0), ("", 43.0)]
    labelled = classify(model, "classify_words", EXAMPLES)
    assert [[c.label for c in item.classes] for item in labelled.classifications] == [
        ["small", "large"]
    ] * 3


def test_multi_inference_reads_the_examples_once(model):
    tasks = [("regress_x_to_y", REGRESS), ("classify_words", CLASSIFY)]
    first, second = multi_inference(model, tasks, EXAMPLES)
    assert first.regression_result == regress(model, "regress_x_to_y", EXAMPLES)
    assert second.classification_result == classify(model, "classify_words", EXAMPLES)


@pytest.mark.parametrize(
    ("function", "signature", "message"),
    [
        (classify, "zz", "No signature was found with the name: zz"),
        (regress, "zz", "No signature was found with the name: zz"),
        (regress, "classify_words", "Expected one output Tensor."),
        (classify, "predict_many", "Expected one input Tensor."),
        (
            regress,
            "regress_wrong_shape",
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] "
            "but got [3,2]",
        ),
    ],
)
def test_refusals(model, function, signature, message):
    assert refusal(function, model, signature, EXAMPLES) == (
        "INVALID_ARGUMENT",
        message,
    )


def test_signatures_without_examples_are_refused(model):
    for function, kind in ((classify, "classification"), (regress, "regression")):
        code, message = refusal(function, model, "", EXAMPLES)
        assert code == "FAILED_PRECONDITION"
        assert message.startswith(f"No {kind} inputs found in SignatureDef: inputs {{")


def test_methods_are_checked_where_that_is_wanted(tmp_path):
    export_half_plus_two(tmp_path / "1")
    model = load_model(tmp_path / "1", LoadOptions(check_method_names=True))
    assert refusal(regress, model, "classify_words", EXAMPLES) == (
        "INVALID_ARGUMENT",
        "Expected regression signature method_name to be tensorflow/serving/regress. "
        "Was: tensorflow/serving/classify",
    )
    classify(model, "classify_words", EXAMPLES)
    model.close()


def test_bytes_that_are_no_example_are_the_runtime_s_to_refuse(model):
    code, message = refusal(regress, model, "regress_x_to_y", [b"\xff\xff"])
    assert code == "INVALID_ARGUMENT" and "Could not parse example" in message


@pytest.mark.parametrize(
    ("tasks", "code", "message"),
    [
        ([("zz", REGRESS)], "INVALID_ARGUMENT",
         "Requested signature not found in model graph: zz"),
        ([("", "tensorflow/serving/predict")], "UNIMPLEMENTED",
         "Unsupported signature method_name: tensorflow/serving/predict"),
        ([("classify_words", REGRESS)], "INVALID_ARGUMENT",
         "Expected one output Tensor."),
    ],
)  # fmt: skip
def test_refusals_of_tasks(model, tasks, code, message):
    assert refusal(multi_inference, model, tasks, EXAMPLES) == (code, message)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([], "at least one task"),
        ([("", "s", REGRESS)], "Found ModelSpec with an empty model name."),
        ([("a", "s", REGRESS), ("b", "t", REGRESS)], "must access the same model name"),
        ([("a", "", REGRESS), ("a", "serving_default", CLASSIFY)],
         "Duplicate evaluation of signature: serving_default"),
    ],
)  # fmt: skip
def test_tasks_are_checked_before_the_model(tasks, message):
    code, received = refusal(check_tasks, tasks)
    assert code == "INVALID_ARGUMENT" and message in received


def test_an_example_wins_over_its_context():
    message = input_pb2.Input()
    message.example_list_with_context.context.ParseFromString(example(x=1.0, z=5.0))
    message.example_list_with_context.examples.add().ParseFromString(example(x=2.0))
    message.example_list_with_context.examples.add()
    both, neither = [
        type(message.example_list.examples.add()).FromString(serialized)
        for serialized in read_input(message)
    ]
    values = {k: list(f.float_list.value) for k, f in both.features.feature.items()}
    assert values == {"x": [2.0], "z": [5.0]}
    assert neither.features.feature["x"].float_list.value[:] == [1.0]


def test_an_empty_input_is_refused():
    for message in (input_pb2.Input(), make_input([])):
        assert refusal(read_input, message) == ("INVALID_ARGUMENT", "Input is empty.")


def test_inputs_survive():
    examples = [example(x=1.0), example()]
    assert read_input(make_input(examples)) == examples


def test_a_table_of_tensorflow_1_is_filled(model):
    words = np.array([b"two", b"one", b"none"], dtype=object)
    assert model.run("lookup", {"word": words})["index"].tolist() == [1, 0, 2]
