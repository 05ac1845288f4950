"""Warm-up files: requests that a version answers before it is served.

A first request pays for what TensorFlow sets up lazily. The server, like TensorFlow
Serving, runs the requests in `assets.extra/tf_serving_warmup_requests` first.
"""

from pathlib import Path

from keras_attention.serving import tensors

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
MAX_RECORDS = 1000  # TensorFlow Serving refuses more


def write_warmup(version_folder, model_name, requests):
    """Writes the warm-up file of an exported version.

    Args:
        version_folder: path, with `saved_model.pb` in it.
        model_name: str. The name under which the model will be served.
        requests: list of `(signature_name, inputs)`, inputs a dict of arrays, whose
            types must be those of the signature.

    Returns:
        Path of the file, which is replaced if it was there.
    """
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    requests = list(requests)
    if len(requests) > MAX_RECORDS:
        raise ValueError(
            f"expected at most {MAX_RECORDS} warm-up requests, received "
            f"{len(requests)}; leave some out"
        )
    path = Path(version_folder) / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_name(f"{path.name}.unfinished")
    with tf.io.TFRecordWriter(str(unfinished)) as writer:
        for signature_name, inputs in requests:
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = model_name
            request.model_spec.signature_name = signature_name
            for alias, value in inputs.items():
                tensors.fill(request.inputs[alias], tensors.as_array(value))
            writer.write(log.SerializeToString())
    unfinished.replace(path)
    return path


def read_warmup(version_folder):
    """Reads the warm-up requests of a version.

    Returns:
        List of `(signature_name, inputs, output_filter)`; empty without a file.

    Raises:
        ValueError: if the file holds something else.
    """
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    path = Path(version_folder) / WARMUP_FILE
    if not path.exists():
        return []
    requests = []
    try:
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.WhichOneof("log_type") != "predict_log":
                raise ValueError(f"it has a {log.WhichOneof('log_type')}")
            request = log.predict_log.request
            inputs = {a: tensors.read(proto) for a, proto in request.inputs.items()}
            name = request.model_spec.signature_name
            requests.append((name, inputs, list(request.output_filter)))
    except Exception as error:
        raise ValueError(
            f"expected PredictionLog records with a predict_log in {path}; {error}"
        ) from error
    if len(requests) > MAX_RECORDS:
        raise ValueError(
            f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {path}"
        )
    return requests


def run_warmup(model):
    """Runs the warm-up requests of a `LoadedModel`; returns how many there were."""
    requests = read_warmup(model.folder)
    for signature_name, inputs, output_filter in requests:
        model.run(signature_name, inputs, output_filter)
    return len(requests)
