"""What the server can do, whatever the protocol: REST and gRPC only translate."""

import contextlib
from typing import Any, NamedTuple

from keras_attention.serving.wire.errors import invalid_argument
from keras_attention.serving.wire.signatures import DEFAULT_SIGNATURE


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


class Held(NamedTuple):
    """A version that stays loaded while a request is about it."""

    target: Target  # with the version's number and the signature's name
    model: Any  # `ServedModel`


class Core:
    """Answers requests from a repository; may be called from many threads.

    A `Caller` that leaves, or is late, stops what has not begun and, soon after, what
    runs. Whoever makes it, a transport, says so: nobody else watches its deadline.

    Args:
        repository: `Repository`, started.
    """

    def __init__(self, repository):
        self.repository = repository

    @contextlib.contextmanager
    def use(self, target):
        """Holds the version that a target speaks of: what is read of it is what runs.

        Args:
            target: `Target`.

        Returns:
            A context manager, which gives `Held`.

        Raises:
            ServingError: if there is no such model, version or label.
        """
        if not target.name:
            raise invalid_argument("ModelSpec has no name specified.")
        with self.repository.use(target.name, target.version, target.label) as version:
            name = target.signature_name or DEFAULT_SIGNATURE
            yield Held(Target(target.name, version.number, "", name), version.model)

    def predict(self, held, inputs, output_filter=(), caller=None):
        """Runs a signature.

        Args:
            held: `Held`, of `use`.
            inputs: dict of arrays.
            output_filter: sequence of str. The outputs wanted; all of them if empty.
            caller: `Caller`, optional.

        Returns:
            `Answer` with a dict of arrays.

        Raises:
            ServingError: in the protocol's words.
        """
        outputs = held.model.run(
            held.target.signature_name, inputs, output_filter, caller
        )
        return Answer(held.target, outputs)

    def classify(self, target, examples, caller=None):
        """Runs a signature of classes and scores.

        Args:
            target: `Target`.
            examples: list of bytes, serialized `tf.Example`s.
            caller: `Caller`, optional.

        Returns:
            `Answer` with a `ClassificationResult`.
        """
        from keras_attention.serving.models.inference import classify

        return self._infer(classify, target, examples, caller)

    def regress(self, target, examples, caller=None):
        """As `classify`; the `Answer` has a `RegressionResult`."""
        from keras_attention.serving.models.inference import regress

        return self._infer(regress, target, examples, caller)

    def _infer(self, function, target, examples, caller):
        with self.use(target) as held:
            result = function(held.model, target.signature_name, examples, caller)
            return Answer(held.target, result)

    def multi_inference(self, tasks, examples, caller=None):
        """Several signatures of one model, which read the examples once.

        Args:
            tasks: list of `(Target, method_name)`.
            examples: list of bytes, serialized `tf.Example`s.
            caller: `Caller`, optional.

        Returns:
            List of `(Target, InferenceResult)`, one for each task.
        """
        from keras_attention.serving.models.inference import (
            check_tasks,
            multi_inference,
        )

        check_tasks([(t.name, t.signature_name, method) for t, method in tasks])
        with self.use(tasks[0][0]) as held:
            results = multi_inference(
                held.model,
                [(target.signature_name, method) for target, method in tasks],
                examples,
                caller,
            )
            names = [target.signature_name or DEFAULT_SIGNATURE for target, _ in tasks]
            targets = [held.target._replace(signature_name=name) for name in names]
            return list(zip(targets, results, strict=True))

    def signatures(self, target):
        """Returns `(target, signature_defs)`: the version's number and its protos."""
        with self.use(target) as held:
            answer = held.target._replace(signature_name="")
            return answer, dict(held.model.signature_defs)

    def status(self, target):
        """Returns a list of `(number, VersionState, ServingError or None)`."""
        return self.repository.status(target.name, target.version, target.label)

    def reload(self, models, caller=None, wait=True):
        """Serves other models, or the same ones otherwise.

        Args:
            models: dict of name to `ServedModelConfig`. What is not in it is unloaded.
            caller: `Caller`, optional. Once it has left nobody waits; loading goes on.
            wait: bool. Whether to wait until everything new is loaded or has failed to.
        """
        if caller is not None:
            caller.check()
        self.repository.reload(models, None if wait else 0, caller)

    def model_names(self):
        return self.repository.model_names()

    def is_ready(self):
        return self.repository.is_ready()
