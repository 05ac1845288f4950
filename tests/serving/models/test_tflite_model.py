"""TensorFlow Lite models are served where that is preferred, and there."""

import dataclasses
import threading
import time

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from keras_attention.serving.callers import Caller
from keras_attention.serving.metrics import Metrics
from keras_attention.serving.models.inference import (
    CLASSIFY,
    REGRESS,
    multi_inference,
)
from keras_attention.serving.models.loading import load_model
from keras_attention.serving.models.tflite_model import TfliteModel
from keras_attention.serving.options import BatchingParameters, LoadOptions
from keras_attention.serving.wire.errors import ServingError
from tests.serving.models.support import (
    FixedGraph,
    FixedShape,
    TwoLite,
    example,
    export_module,
    export_tflite,
    leaving,
    lite_content,
    lite_echo,
    with_signature_defs,
)

LITE = LoadOptions(prefer_tflite_model=True, num_tflite_interpreters=2)
X = np.float32([[1, 2], [3, 4], [5, 6]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("line") / "1"
    export_tflite(folder)
    return folder


@pytest.fixture(scope="module")
def lite(folder):
    model = load_model(folder, LITE)
    yield model
    model.close()


def test_it_is_preferred_only_where_it_is_and_where_that_is_said(
    folder, tmp_path, lite
):
    plain = load_model(folder)
    assert plain.run("", {"x": X})["y"].tolist() == (3 * X + 1).tolist()
    plain.close()
    assert lite.run("", {"x": X})["y"].tolist() == (3 * X).tolist()
    without = tmp_path / "1"
    without.mkdir()
    for name in ("saved_model.pb", "variables", "fingerprint.pb"):
        (without / name).symlink_to(folder / name)
    model = load_model(without, LITE)
    assert model.run("", {"x": X})["y"].tolist() == (3 * X + 1).tolist()
    model.close()


def test_batches_of_any_size_and_outputs_by_name(lite):
    for rows in (3, 1, 2):
        outputs = lite.run("", {"x": X[:rows]})
        assert outputs["total"].tolist() == X[:rows].sum(axis=1).tolist()
    assert list(lite.run("", {"x": X}, ["total"])) == ["total"]


def test_its_signature_is_told_like_any_other(lite):
    definition = lite.signature_defs["serving_default"]
    assert definition.method_name == "tensorflow/serving/predict"
    sizes = [dim.size for dim in definition.inputs["x"].tensor_shape.dim]
    assert sizes == [-1, 2]


def test_bad_inputs_are_refused_and_harm_nothing(lite):
    for bad in (np.float32([1, 2]), np.int32([[1, 2]]), np.float32([[1, 2, 3]])):
        with pytest.raises(ServingError, match="INVALID_ARGUMENT"):
            lite.run("", {"x": bad})
        assert lite.run("", {"x": X})["y"].tolist() == (3 * X).tolist()


def test_many_callers_share_few_interpreters(lite):
    responses = {}

    def send(i):
        x = np.full([i % 3 + 1, 2], i, np.float32)
        responses[i] = lite.run("", {"x": x})["y"]

    threads = [threading.Thread(target=send, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, y in responses.items():
        assert y.tolist() == [[3.0 * i] * 2] * (i % 3 + 1)


def test_a_broken_file_says_so(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"not a model")
    with pytest.raises(ServingError, match=r"cannot load .*model\.tflite"):
        TfliteModel(tmp_path / "model.tflite", LITE, Metrics(), "m")


def load_lite(path, content):
    path.write_bytes(content)
    return TfliteModel(path, LITE, Metrics(), "m")


@pytest.fixture(scope="module", params=["signature", "metadata", "nothing"])
def fixed(request, tmp_path_factory):
    """A file that knows one shape, with a signature, one in its metadata, or none."""
    folder = tmp_path_factory.mktemp("fixed")
    export_module(FixedShape(), folder / "1")
    content = lite_content(folder / "1")
    if request.param == "nothing":
        content = with_signature_defs(content, {})
    if request.param == "metadata":
        plain = load_lite(folder / "plain", with_signature_defs(content, {}))
        definition = plain.signature_defs["serving_default"]
        written = {"serving_default": definition.SerializeToString()}
        content = with_signature_defs(content, written)
    model = load_lite(folder / "model.tflite", content)
    (name,) = model.signature("").inputs
    yield model, name
    model.close()


def outputs_of(model, name, x):
    outputs = model.run("", {name: np.float32(x)}).values()
    return sorted((output.tolist() for output in outputs), key=str)


def test_a_file_of_one_shape_takes_batches_of_any_size(fixed):
    model, name = fixed
    weights = np.float32([[1, 2, 3], [4, 5, 6]])
    for rows in (3, 1, 2, 3):
        x = X[:rows]
        expected = [(x @ weights).tolist(), (x + 1).tolist(), x.sum().tolist()]
        assert outputs_of(model, name, x) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("shape", "stored"),
    [([2], "-?1, 2"), ([1, 1, 2], "-?1, 2"), ([1, 4], "1, 2"), ([2, 3], "1, 2")],
)
def test_values_are_not_read_as_other_rows(fixed, shape, stored):
    """A layer of two features would take any number of values that two divide."""
    model, name = fixed
    expected = rf"{name} must be of shape \[{stored}\], received \[{str(shape)[1:-1]}\]"
    with pytest.raises(ServingError, match=expected) as caught:
        model.run("", {name: np.ones(shape, np.float32)})
    assert caught.value.code.name == "INVALID_ARGUMENT"
    assert outputs_of(model, name, X[:1])[2] == [[9.0, 12.0, 15.0]]


def test_other_sizes_are_taken_where_the_model_can(tmp_path):
    export_module(FixedShape(), tmp_path / "1")
    model = load_lite(tmp_path / "model.tflite", lite_content(tmp_path / "1"))
    x = np.ones([1, 4], np.float32)
    assert model.run("", {"x": x}, ["shifted"])["shifted"].tolist() == [[2.0] * 4]
    definition = model.signature_defs["serving_default"]
    sizes = [dim.size for dim in definition.inputs["x"].tensor_shape.dim]
    assert sizes == [-1, 2]  # so that clients send batches


def test_what_cannot_be_resized_says_so_and_harms_nothing(tmp_path):
    export_module(FixedGraph(), tmp_path / "1")
    model = load_lite(tmp_path / "model.tflite", lite_content(tmp_path / "1"))
    for _ in range(2):
        for rows in (3, 2):
            with pytest.raises(ServingError, match="x must be of shape .1, 4., rece"):
                model.run("", {"x": np.ones([rows, 4], np.float32)})
        y = model.run("", {"x": np.float32([[1, 2, 3, 4]])})["y"]
        assert y.tolist() == [[[1, 4], [3, 8]]]


def test_nothing_is_computed_from_nothing(lite):
    nothing = np.zeros([0, 2], np.float32)
    outputs = lite.run("", {"x": nothing})
    assert [output.shape for output in outputs.values()] == [(0,), (0, 2)]


def test_numbers_are_not_made_up_where_nothing_came(fixed):
    model, name = fixed
    with pytest.raises(ServingError, match=f"expected values for input {name}"):
        model.run("", {name: np.zeros([0, 2], np.float32)})


def test_requests_of_a_file_of_one_shape_run_together(tmp_path):
    export_module(FixedShape(), tmp_path / "1")
    (tmp_path / "1" / "model.tflite").write_bytes(lite_content(tmp_path / "1"))
    batching = BatchingParameters(max_batch_size=4, batch_timeout_micros=200_000)
    options = dataclasses.replace(LITE, batching=batching)
    model = load_model(tmp_path / "1", options)
    responses = {}

    def send(i):
        x = np.full([1, 2], i, np.float32)
        responses[i] = model.run("", {"x": x}, ["shifted"])["shifted"].tolist()

    threads = [threading.Thread(target=send, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert responses == {i: [[i + 1.0] * 2] for i in range(4)}
    runs = ":tensorflow:serving:batching_session:wrapped_run_count"
    assert model.metrics.counter(runs).value() < 4
    model.close()


def test_several_of_its_signatures_read_the_same_examples(tmp_path):
    two = TwoLite()
    signatures = {"regress": two.regress, "classify": two.classify}
    tf.saved_model.save(two, str(tmp_path / "1"), signatures=signatures)
    model = load_lite(tmp_path / "model.tflite", lite_content(tmp_path / "1"))
    tasks = [("regress", REGRESS), ("classify", CLASSIFY)]
    values, classes = multi_inference(model, tasks, [example(x=1.0), example()])
    assert [item.value for item in values.regression_result.regressions] == [2.0, 2.0]
    for item in classes.classification_result.classifications:
        assert [c.score for c in item.classes] == [3.0, 4.0]


TEXTS = [b"one", b"", b"z\0", "\u00e9".encode()]


def echo(model, signature, name):
    outputs = model.run(signature, {name: np.array(TEXTS, dtype=object)})
    return {key: value.ravel().tolist() for key, value in outputs.items()}


def test_texts_pass_unchanged(tmp_path):
    model = load_lite(tmp_path / "model.tflite", lite_echo(tmp_path / "echo"))
    assert echo(model, "", "text") == {"same": TEXTS, "number": [4]}


def test_without_signatures_tensors_have_their_names(tmp_path):
    model = load_lite(tmp_path / "model.tflite", lite_echo(tmp_path / "echo", {}))
    (name,) = model.signature("").inputs
    assert name == "serving_default_text"  # and not "serving_default_text:0"
    outputs = echo(model, "", name)
    assert sorted(outputs.values(), key=len) == [[4], TEXTS]


def definition(text_tensor):
    definition = meta_graph_pb2.SignatureDef(method_name="tensorflow/serving/predict")
    definition.inputs["t"].name = text_tensor
    definition.inputs["t"].dtype = 7
    definition.inputs["t"].tensor_shape.dim.add(size=-1)
    definition.outputs["count"].name = "PartitionedCall:0"
    definition.outputs["count"].dtype = 3
    definition.outputs["count"].tensor_shape.dim.add(size=1)
    return definition.SerializeToString()


def test_signatures_in_the_metadata_come_first(tmp_path):
    written = {"serving_default": definition("serving_default_text:0")}
    written["other"] = written["serving_default"]
    content = lite_echo(tmp_path / "echo", written)
    model = load_lite(tmp_path / "model.tflite", content)
    assert sorted(model.signature_defs) == ["other", "serving_default"]
    assert echo(model, "", "t") == echo(model, "other", "t") == {"count": [4]}


@pytest.mark.parametrize(
    ("serialized", "message"),
    [
        (definition("nowhere:0"), "Signature input t references an unknown tensor"),
        (b"\xff\xff", "Cannot parse signature def found in flatbuffer"),
    ],
)
def test_metadata_that_do_not_fit_are_refused(tmp_path, serialized, message):
    content = lite_echo(tmp_path / "echo", {"serving_default": serialized})
    with pytest.raises(ServingError, match=message):
        load_lite(tmp_path / "model.tflite", content)


def test_waiting_for_an_interpreter_has_an_end(lite):
    with lite._interpreter(Caller()), lite._interpreter(Caller()):
        late = Caller(time.monotonic() + 0.01)
        for caller, code in ((late, "DEADLINE_EXCEEDED"), (leaving(0.01), "CANCELLED")):
            with pytest.raises(ServingError) as caught:
                lite.run("", {"x": X}, caller=caller)
            assert caught.value.code.name == code
    patient = Caller(time.monotonic() + 60.0)
    assert lite.run("", {"x": X}, caller=patient)["y"].tolist() == (3 * X).tolist()
