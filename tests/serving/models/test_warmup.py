"""Warm-up requests of every kind are run before a version serves."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from keras_attention.serving.metrics import Metrics
from keras_attention.serving.models.loading import load_model
from keras_attention.serving.models.warmup import (
    MAX_RECORDS,
    WARMUP_FILE,
    read_warmup,
    run_warmup,
    write_warmup,
)
from keras_attention.serving.options import BatchingParameters, LoadOptions
from keras_attention.serving.wire.errors import ServingError
from tests.serving.models.support import example, export_half_plus_two

SESSION_RUN = prediction_log_pb2.PredictionLog()
SESSION_RUN.session_run_log.SetInParent()
PREDICT = ("", {"x": np.float32([[1.0]])})


@pytest.fixture
def model(tmp_path):
    export_half_plus_two(tmp_path / "1")
    batching = BatchingParameters(max_batch_size=8, batch_timeout_micros=10**9)
    model = load_model(tmp_path / "1", LoadOptions(batching=batching), Metrics(), "m")
    yield model
    model.close()


def write_records(model, records):
    path = model.folder / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)


def test_every_kind_of_request_runs_past_the_queues(model):
    requests = [
        PREDICT,
        ("regress_x_to_y", [example(x=1.0)], "regress"),
        ("classify_words", [example(x=1.0), example()], "classify"),
    ]
    path = write_warmup(model.folder, "m", requests)
    logs = read_warmup(model.folder)
    many = prediction_log_pb2.PredictionLog()
    task = many.multi_inference_log.request.tasks.add()
    task.model_spec.name, task.model_spec.signature_name = "m", "regress_x_to_y"
    task.method_name = "tensorflow/serving/regress"
    many.multi_inference_log.request.input.CopyFrom(logs[1].regress_log.request.input)
    write_records(model, [log.SerializeToString() for log in (*logs, many)])
    assert run_warmup(model, num_iterations=2) == 4
    latency = model.metrics.histogram(
        ":tensorflow:serving:runtime_latency", ("model_name", "API", "runtime")
    )
    for api in ("Predict", "Regress", "Classify", "MultiInference"):
        assert latency.value("m", api, "TF1") == 2
    warm = model.metrics.histogram(":tensorflow:serving:model_warmup_latency")
    assert warm.value(str(model.folder), "OK") == 1
    assert path.exists()


def test_no_file_is_no_mistake(model):
    assert run_warmup(model) == 0


def test_a_request_that_fails_is_told(model):
    write_warmup(model.folder, "m", [("zz", {"x": np.float32([[1.0]])})])
    with pytest.raises(ServingError, match='signature key "zz" not found'):
        run_warmup(model)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([b"\xff\xff"], "Failed to parse warmup record 1 from"),
        ([b""] * (MAX_RECORDS + 1), "Number of warmup records exceeds the maximum"),
        (
            [SESSION_RUN.SerializeToString()],
            "Unsupported log_type for warmup: session_run_log",
        ),
    ],
)
def test_other_files_are_refused(model, records, message):
    write_records(model, records)
    with pytest.raises(ServingError, match=message):
        run_warmup(model)


def test_records_without_a_request_are_left_out(model):
    write_records(model, [b""])
    run_warmup(model)


def test_a_file_that_is_no_tfrecord_is_refused(model):
    path = model.folder / WARMUP_FILE
    path.parent.mkdir()
    path.write_bytes(b"hello" * 100)
    with pytest.raises(ServingError, match="verify your warmup data is in TFRecord"):
        run_warmup(model)


def test_too_many_requests_are_not_written(model):
    with pytest.raises(
        ValueError, match="at most 1000 warm-up requests, received 1001"
    ):
        write_warmup(model.folder, "m", [PREDICT] * (MAX_RECORDS + 1))
    with pytest.raises(ValueError, match="expected 'predict', 'classify' or 'regress'"):
        write_warmup(model.folder, "m", [("", [], "guess")])
    for wrong in (b"zz", {"x": 1.0}):
        with pytest.raises(ValueError, match="'regress' must be serialized `tf.Ex"):
            write_warmup(model.folder, "m", [("", [wrong], "regress")])
    assert not (model.folder / WARMUP_FILE).exists()
