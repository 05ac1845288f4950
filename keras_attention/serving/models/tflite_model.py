"""A TensorFlow Lite model, as `--prefer_tflite_model` serves it."""

import contextlib
import threading
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_attention.serving.callers import Caller
from keras_attention.serving.models import memory
from keras_attention.serving.models.served_model import ServedModel
from keras_attention.serving.models.sessions import session_config
from keras_attention.serving.models.tflite_signatures import read_signatures
from keras_attention.serving.wire.errors import Code, ServingError


class TfliteModel(ServedModel):
    """Runs `model.tflite`, in one of several interpreters.

    An interpreter runs one request at a time, and takes the shapes of that one's
    inputs; more requests wait for a free one, until their callers leave. What runs is
    not interrupted.

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
        self._free = interpreters
        self._changed = threading.Condition()
        super().__init__(
            path.parent,
            definitions,
            metrics,
            name,
            "TFLite",
            options.check_method_names,
        )

    def execute(self, run, caller=None):
        with self._interpreter(caller or Caller()) as interpreter:
            try:
                return self._invoke(interpreter, run)
            except (ValueError, TypeError, RuntimeError) as error:
                raise ServingError(Code.INVALID_ARGUMENT, str(error)) from error

    @contextlib.contextmanager
    def _interpreter(self, caller):
        with caller.on_leave(self._look_again), self._changed:
            self._changed.wait_for(
                lambda: self._free or caller.is_gone(), caller.seconds()
            )
            caller.check("Deadline exceeded while waiting to be run")
            interpreter = self._free.pop()  # the last one's memory is still warm
        try:
            yield interpreter
        finally:
            with self._changed:
                self._free.append(interpreter)
                self._changed.notify_all()  # one alone may just be leaving

    def _look_again(self):
        with self._changed:
            self._changed.notify_all()

    def _invoke(self, interpreter, run):
        """Runs the signatures that are asked for: MultiInference may want several."""
        arrays = dict(zip(run.feeds, run.arrays, strict=True))
        outputs = {}
        for signature in {self._parts[name].signature for name in run.fetches}:
            feeds = {
                part.alias: (part, arrays[name])
                for name in run.feeds
                if (part := self._parts[name]).signature == signature
            }
            fetches = {
                name: part
                for name in run.fetches
                if (part := self._parts[name]).signature == signature
            }
            results = _invoke_signature(interpreter, signature, feeds)
            _check_empty(feeds, fetches.values(), results)
            _check_rows(feeds, fetches.values(), results)
            for name, part in fetches.items():
                outputs[name] = np.array(results[part.alias])
        return [outputs[name] for name in run.fetches]

    def close(self):
        self._free.clear()
        memory.release()


def _interpreter(content, num_threads):
    with warnings.catch_warnings():  # it is moving to another package
        warnings.simplefilter("ignore")
        interpreter = tf.lite.Interpreter(
            model_content=content, num_threads=num_threads
        )
    interpreter.allocate_tensors()
    return interpreter


def _invoke_signature(interpreter, signature, feeds):
    """Returns outputs by alias; `feeds` has `(Part, array)` by alias."""
    for part, array in feeds.values():
        _check_shape(part, array)
    inputs = {alias: array for alias, (_, array) in feeds.items()}
    try:
        if signature is None:
            return _invoke_plainly(interpreter, inputs)
        return interpreter.get_signature_runner(signature)(**inputs)
    except RuntimeError as error:
        others = [
            _difference(part, array)
            for part, array in feeds.values()
            if list(array.shape) != part.stored
        ]
        if not others:
            raise
        reasons = f"{', '.join(others)}, which the model cannot be resized to: {error}"
        raise ValueError(reasons) from error


def _difference(part, array):
    sizes = list(array.shape)
    return f"input {part.public} must be of shape {part.stored}, received {sizes}"


def _check_shape(part, array):
    """The interpreter would take what has the right number of values."""
    fits = array.ndim == len(part.shape) and all(
        size in (-1, given) or not part.fixed
        for size, given in zip(part.shape, array.shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"input {part.public} must be of shape {part.shape}, received "
            f"{list(array.shape)}"
        )


def _check_empty(feeds, outputs, results):
    """Of nothing the interpreter computes nothing: numbers are what memory held."""
    empty = [part.public for part, array in feeds.values() if array.size == 0]
    for part in outputs:
        if empty and results[part.alias].size:
            raise ValueError(
                f"expected values for input {empty[0]}, received none: output "
                f"{part.public} cannot be computed from an empty tensor"
            )


def _check_rows(feeds, outputs, results):
    """Finds values that were read as other rows than those they came in.

    Files that say nothing of which sizes are free are resized as asked; a layer of so
    many features then takes any number of values that it can divide by theirs.
    """
    if any(part.fixed or not part.stored for part, _ in feeds.values()):
        return
    stored = {part.stored[0] for part, _ in feeds.values()}
    given = {array.shape[0] for _, array in feeds.values()}
    if len(stored) != 1 or len(given) != 1:
        return
    for part in outputs:
        array = results[part.alias]
        if part.stored[:1] == list(stored) and array.shape[:1] != tuple(given):
            raise ValueError(", ".join(_difference(*feed) for feed in feeds.values()))


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
