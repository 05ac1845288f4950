"""Warm-up files: requests that a version runs before it is served.

A first request pays for what TensorFlow sets up lazily. The server, like TensorFlow
Serving, runs the requests in `assets.extra/tf_serving_warmup_requests` first.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from keras_attention.serving.wire import tensors
from keras_attention.serving.wire.errors import Code, ServingError, invalid_argument

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000  # TensorFlow Serving refuses more


def write_warmup(
    version_folder: str | Path, model_name: str, requests: Iterable[tuple[Any, ...]]
) -> Path:
    """Writes the warm-up file of an exported version.

    Args:
        version_folder: path, with `saved_model.pb` in it.
        model_name: str. The name under which the model will be served.
        requests: list of `(signature_name, inputs)`: a dict of arrays, whose shapes and
            types must be those of the signature (Python's floats are float64), for
            Predict; or `(signature_name, examples, "classify" or "regress")` with a
            list of bytes, serialized `tf.Example`s. 1000 at most.

    Returns:
        Path of the file, TFRecords of `PredictionLog`, which is replaced if it was
        there: `assets.extra/tf_serving_warmup_requests` in `version_folder`.

    Raises:
        ValueError: more requests than TensorFlow Serving takes; another method than
            these; an array that no request can hold; examples that are not such bytes.
            Whether requests fit the signature shows when the version is loaded.
        OSError: `version_folder` is not there, or cannot be written to.

    Example:

    >>> folder = "saved_models/half_plus_two/1"
    >>> inputs = {"x": np.float32([[1.0], [2.0]])}
    >>> path = write_warmup(folder, "half_plus_two", [("serving_default", inputs)])
    >>> path.name
    'tf_serving_warmup_requests'

    References:
        [SavedModel Warmup](https://www.tensorflow.org/tfx/serving/saved_model_warmup);
        `PredictionLog` of `tensorflow_serving/apis/prediction_log.proto`.
    """
    import tensorflow as tf

    requests = list(requests)
    if len(requests) > MAX_RECORDS:
        raise ValueError(
            f"expected at most {MAX_RECORDS} warm-up requests, received "
            f"{len(requests)}; leave some out"
        )
    logs = [_make_log(model_name, *request) for request in requests]
    path = Path(version_folder) / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    with tf.io.TFRecordWriter(str(unfinished)) as writer:
        for log in logs:
            writer.write(log.SerializeToString())
    unfinished.replace(path)
    return path


def _make_log(model_name, signature_name, inputs, method="predict"):
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    from keras_attention.serving.models.examples import make_input

    if method not in ("predict", "classify", "regress"):
        raise ValueError(
            f"expected 'predict', 'classify' or 'regress', received {method!r}"
        )
    log = prediction_log_pb2.PredictionLog()
    request = getattr(log, f"{method}_log").request
    request.model_spec.name = model_name
    request.model_spec.signature_name = signature_name
    if method == "predict":
        for alias, value in inputs.items():
            tensors.fill(request.inputs[alias], tensors.as_array(value))
    else:
        try:
            request.input.CopyFrom(make_input(inputs))
        except (DecodeError, TypeError) as error:
            raise ValueError(
                f"the examples of {method!r} must be serialized `tf.Example`s, bytes; "
                f"received something else: {error}"
            ) from error
    return log


def read_warmup(version_folder):
    """Reads the warm-up requests of a version.

    Returns:
        List of `PredictionLog`; empty without a file.

    Raises:
        ServingError: if the file holds something else, or too much.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    path = Path(version_folder) / WARMUP_FILE
    if not path.exists():
        return []
    logs = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            logs.append(prediction_log_pb2.PredictionLog.FromString(record))
            if len(logs) > MAX_RECORDS:
                raise invalid_argument(
                    f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at "
                    f"{path}"
                )
    except DecodeError:
        raise invalid_argument(
            f"Failed to parse warmup record {len(logs) + 1} from {path}"
        ) from None
    except tf.errors.OpError as error:
        raise ServingError(
            Code.DATA_LOSS,
            f"{error.message}. Please verify your warmup data is in TFRecord format. "
            f"It is {path}",
        ) from None
    return logs


def run_warmup(model, num_iterations=1):
    """Runs the warm-up requests of a model.

    Args:
        model: `ServedModel`. Requests pass by its queues.
        num_iterations: int. How often each of them is run.

    Returns:
        int, how many requests there were.

    Raises:
        ServingError: if one of them fails.
    """
    model = model.unbatched
    start = time.perf_counter()
    status = "OK"
    logs = []
    try:
        logs = read_warmup(model.folder)
        for log in logs:
            for _ in range(num_iterations):
                _replay(model, log)
    except ServingError as error:
        status = error.code.name
        raise
    finally:
        if logs:
            model.metrics.histogram(
                ":tensorflow:serving:model_warmup_latency",
                ("model_path", "status"),
                "Distribution of wall time (in microseconds) for warming up the model.",
            ).observe(
                round((time.perf_counter() - start) * 1e6), str(model.folder), status
            )
    return len(logs)


def _replay(model, log):
    from keras_attention.serving.models.examples import read_input
    from keras_attention.serving.models.inference import (
        classify,
        multi_inference,
        regress,
    )

    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        inputs = {a: tensors.read(proto) for a, proto in request.inputs.items()}
        model.run(request.model_spec.signature_name, inputs, request.output_filter)
    elif kind in ("classify_log", "regress_log"):
        function = classify if kind == "classify_log" else regress
        request = getattr(log, kind).request
        function(model, request.model_spec.signature_name, read_input(request.input))
    elif kind == "multi_inference_log":
        request = log.multi_inference_log.request
        tasks = [(t.model_spec.signature_name, t.method_name) for t in request.tasks]
        multi_inference(model, tasks, read_input(request.input))
    elif kind is not None:  # else nothing to run
        raise ServingError(
            Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}"
        )
