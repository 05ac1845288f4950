"""TensorFlow Lite models are served where that is preferred, and there."""

import threading

import numpy as np
import pytest
from tensorflow.core.protobuf import meta_graph_pb2

from keras_attention.serving.errors import ServingError
from keras_attention.serving.metrics import Metrics
from keras_attention.serving.models.loading import load_model
from keras_attention.serving.models.tflite_model import TfliteModel
from keras_attention.serving.options import LoadOptions
from tests.serving.models.support import export_tflite, lite_echo

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
    answers = {}

    def ask(i):
        x = np.full([i % 3 + 1, 2], i, np.float32)
        answers[i] = lite.run("", {"x": x})["y"]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, y in answers.items():
        assert y.tolist() == [[3.0 * i] * 2] * (i % 3 + 1)


def test_a_broken_file_says_so(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"not a model")
    with pytest.raises(ServingError, match=r"cannot load .*model\.tflite"):
        TfliteModel(tmp_path / "model.tflite", LITE, Metrics(), "m")


def load_lite(path, content):
    path.write_bytes(content)
    return TfliteModel(path, LITE, Metrics(), "m")


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
    held = [lite._free.get() for _ in range(2)]
    with pytest.raises(ServingError) as caught:
        lite.run("", {"x": X}, timeout=0.01)
    assert caught.value.code.name == "DEADLINE_EXCEEDED"
    for interpreter in held:
        lite._free.put(interpreter)
    assert lite.run("", {"x": X}, timeout=60.0)["y"].tolist() == (3 * X).tolist()
