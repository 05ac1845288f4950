"""What the server can do, whatever the protocol: REST and gRPC only translate."""

import time
from typing import Any, NamedTuple

from keras_attention.serving.errors import Code, ServingError, invalid_argument
from keras_attention.serving.signatures import DEFAULT_SIGNATURE

METADATA_FIELD = "signature_def"


class Target(NamedTuple):
    """The model that a request speaks of."""

    name: str
    version: int | None = None  # the latest one by default
    label: str = ""
    signature_name: str = ""  # the default one if empty


class Answer(NamedTuple):
    """What was computed, and by which version."""

    target: Target
    outputs: Any


class Core:
    """Answers requests from a repository; may be called from many threads.

    Deadlines are times of `time.monotonic`. They stop what has not begun, and what
    runs soon after; a transport that must answer on the dot keeps its own watch.

    Args:
        repository: `Repository`, started.
    """

    def __init__(self, repository):
        self.repository = repository

    def predict(self, target, inputs, output_filter=(), deadline=None):
        """Runs a signature.

        Args:
            target: `Target`.
            inputs: dict of arrays, or a function that makes it from the model. The
                function is called while the model is held, so that the signature it
                reads is the one that runs.
            output_filter: sequence of str. The outputs wanted; all of them if empty.
            deadline: float, optional.

        Returns:
            `Answer` with a dict of arrays.

        Raises:
            ServingError: in the protocol's words.
        """
        with self._use(target) as version:
            if callable(inputs):
                inputs = inputs(version.model)
            outputs = version.model.run(
                target.signature_name, inputs, output_filter, _remaining(deadline)
            )
            return Answer(_resolved(target, version), outputs)

    def classify(self, target, examples, deadline=None):
        """Runs a signature of classes and scores.

        Args:
            target: `Target`.
            examples: list of bytes, serialized `tf.Example`s.
            deadline: float, optional.

        Returns:
            `Answer` with a `ClassificationResult`.
        """
        from keras_attention.serving.models.inference import classify

        return self._infer(classify, target, examples, deadline)

    def regress(self, target, examples, deadline=None):
        """As `classify`; the `Answer` has a `RegressionResult`."""
        from keras_attention.serving.models.inference import regress

        return self._infer(regress, target, examples, deadline)

    def _infer(self, function, target, examples, deadline):
        with self._use(target) as version:
            result = function(
                version.model, target.signature_name, examples, _remaining(deadline)
            )
            return Answer(_resolved(target, version), result)

    def multi_inference(self, tasks, examples, deadline=None):
        """Several signatures of one model, which read the examples once.

        Args:
            tasks: list of `(Target, method_name)`.
            examples: list of bytes, serialized `tf.Example`s.
            deadline: float, optional.

        Returns:
            List of `(Target, InferenceResult)`, one for each task.
        """
        from keras_attention.serving.models.inference import (
            check_tasks,
            multi_inference,
        )

        check_tasks([(t.name, t.signature_name, method) for t, method in tasks])
        with self._use(tasks[0][0]) as version:
            results = multi_inference(
                version.model,
                [(target.signature_name, method) for target, method in tasks],
                examples,
                _remaining(deadline),
            )
            targets = [_resolved(target, version) for target, _ in tasks]
            return list(zip(targets, results, strict=True))

    def signatures(self, target):
        """Returns `(target, signature_defs)`: the version's number and its protos."""
        with self._use(target) as version:
            answer = Target(target.name, version.number)
            return answer, dict(version.model.signature_defs)

    def status(self, target):
        """Returns a list of `(number, State, ServingError or None)`."""
        return self.repository.status(target.name, target.version, target.label)

    def reload(self, models, deadline=None, wait=True):
        """Serves other models, or the same ones otherwise.

        Args:
            models: dict of name to `ModelConfig`. What is not in it is unloaded.
            deadline: float, optional. A time of `time.monotonic` until which to wait.
            wait: bool. Whether to wait until everything new is loaded or has failed to.
        """
        self.repository.reload(models, _remaining(deadline) if wait else 0)

    def model_names(self):
        return self.repository.model_names()

    def is_ready(self):
        return self.repository.is_ready()

    def _use(self, target):
        if not target.name:
            raise invalid_argument("ModelSpec has no name specified.")
        return self.repository.use(target.name, target.version, target.label)


def _resolved(target, version):
    name = target.signature_name or DEFAULT_SIGNATURE
    return Target(target.name, version.number, "", name)


def _remaining(deadline):
    """Seconds that are left, or None if nothing hurries."""
    if deadline is None:
        return None
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise ServingError(Code.DEADLINE_EXCEEDED, "Deadline exceeded")
    return remaining
