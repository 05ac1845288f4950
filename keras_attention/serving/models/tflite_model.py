"""A TensorFlow Lite model, as `--prefer_tflite_model` serves it."""

import queue
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_attention.serving.errors import Code, ServingError
from keras_attention.serving.models import memory
from keras_attention.serving.models.served_model import ServedModel
from keras_attention.serving.models.sessions import session_config
from keras_attention.serving.models.tflite_signatures import read_signatures


class TfliteModel(ServedModel):
    """Runs `model.tflite`, in one of several interpreters.

    An interpreter answers one request at a time; more requests wait for a free one,
    until their time is up. What runs is not interrupted.

    Args:
        path: path of the file.
        options: `LoadOptions`.
        metrics: `Metrics`.
        name: str, under which the model is served.

    Raises:
        ServingError: if it cannot be loaded; the message says why.
    """

    def __init__(self, path, options, metrics, name):
        path = Path(path)
        try:
            content = path.read_bytes()
            threads = session_config(options).intra_op_parallelism_threads or 1
            interpreters = [
                _interpreter(content, threads)
                for _ in range(options.num_tflite_interpreters)
            ]
            definitions, self._parts = read_signatures(content, interpreters[0])
        except (OSError, ValueError, RuntimeError) as error:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"cannot load {path}: {error}"
            ) from error
        self._free = queue.LifoQueue()  # the last one's memory is still warm
        for interpreter in interpreters:
            self._free.put(interpreter)
        super().__init__(
            path.parent,
            definitions,
            metrics,
            name,
            "TFLite",
            options.check_method_names,
        )

    def execute(self, run, timeout=None):
        try:
            interpreter = self._free.get(timeout=timeout)
        except queue.Empty:
            raise ServingError(
                Code.DEADLINE_EXCEEDED, "Deadline exceeded while waiting to be run"
            ) from None
        try:
            return self._invoke(interpreter, run)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ServingError(Code.INVALID_ARGUMENT, str(error)) from error
        finally:
            self._free.put(interpreter)

    def _invoke(self, interpreter, run):
        (signature,) = {self._parts[name][0] for name in (*run.feeds, *run.fetches)}
        inputs = {}
        for name, array in zip(run.feeds, run.arrays, strict=True):
            _, alias, shape = self._parts[name]
            _check_shape(alias, shape, array)
            inputs[alias] = array
        if signature is None:
            outputs = _invoke_plainly(interpreter, inputs)
        else:
            outputs = interpreter.get_signature_runner(signature)(**inputs)
        return [np.array(outputs[self._parts[name][1]]) for name in run.fetches]

    def close(self):
        while not self._free.empty():
            self._free.get_nowait()
        memory.release()


def _interpreter(content, num_threads):
    with warnings.catch_warnings():  # it is moving to another package
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(
            model_content=content, num_threads=num_threads
        )
    interpreter.allocate_tensors()
    return interpreter


def _check_shape(alias, shape, array):
    """The interpreter would take what has the right number of values."""
    fits = array.ndim == len(shape) and all(
        size in (-1, given) for size, given in zip(shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"input {alias} must be of shape {shape}, received {list(array.shape)}"
        )


def _invoke_plainly(interpreter, inputs):
    indices = {d["name"]: d for d in interpreter.get_input_details()}
    for name, array in inputs.items():
        details = indices[name]
        if tuple(details["shape"]) != array.shape:
            interpreter.resize_tensor_input(details["index"], array.shape)
    interpreter.allocate_tensors()
    for name, array in inputs.items():
        interpreter.set_tensor(indices[name]["index"], array)
    interpreter.invoke()
    return {
        details["name"]: interpreter.get_tensor(details["index"])
        for details in interpreter.get_output_details()
    }
