"""What the server can do, whatever the protocol: REST and gRPC only translate."""

import contextlib
from typing import Any, NamedTuple

from keras_attention.serving.wire.errors import invalid_argument
from keras_attention.serving.wire.signatures import DEFAULT_SIGNATURE


class ModelSpec(NamedTuple):
    """Which model, version and signature a request is for."""

    name: str
    version: int | None = None  # the latest one by default
    label: str = ""
    signature_name: str = ""  # the default one if empty


class Prediction(NamedTuple):
    """The outputs, and the version that computed them."""

    model_spec: ModelSpec
    outputs: Any


class Held(NamedTuple):
    """A version that stays loaded while a request uses it."""

    model_spec: ModelSpec  # with the version's number and the signature's name
    model: Any  # `ServedModel`


class Core:
    """Runs requests on the models of a repository; may be called from many threads.

    A `Caller` that leaves, or is late, cancels what is queued and, soon after, what
    runs. Only the transport that made it says so: nobody else watches its deadline.

    Args:
        repository: `Repository`, started.
    """

    def __init__(self, repository):
        self.repository = repository

    @contextlib.contextmanager
    def use(self, model_spec):
        """Holds the version that a `ModelSpec` names: what is read of it is what runs.

        Args:
            model_spec: `ModelSpec`.

        Returns:
            A context manager, which gives `Held`.

        Raises:
            ServingError: if there is no such model, version or label.
        """
        if not model_spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        with self.repository.use(
            model_spec.name, model_spec.version, model_spec.label
        ) as version:
            name = model_spec.signature_name or DEFAULT_SIGNATURE
            found = ModelSpec(model_spec.name, version.number, "", name)
            yield Held(found, version.model)

    def predict(self, held, inputs, output_filter=(), caller=None):
        """Runs a signature.

        Args:
            held: `Held`, of `use`.
            inputs: dict of arrays.
            output_filter: sequence of str. The outputs wanted; all of them if empty.
            caller: `Caller`, optional.

        Returns:
            `Prediction` with a dict of arrays.

        Raises:
            ServingError: in the protocol's words.
        """
        outputs = held.model.run(
            held.model_spec.signature_name, inputs, output_filter, caller
        )
        return Prediction(held.model_spec, outputs)

    def classify(self, model_spec, examples, caller=None):
        """Runs a signature of classes and scores.

        Args:
            model_spec: `ModelSpec`.
            examples: list of bytes, serialized `tf.Example`s.
            caller: `Caller`, optional.

        Returns:
            `Prediction` with a `ClassificationResult`.
        """
        from keras_attention.serving.models.inference import classify

        return self._infer(classify, model_spec, examples, caller)

    def regress(self, model_spec, examples, caller=None):
        """As `classify`; the `Prediction` has a `RegressionResult`."""
        from keras_attention.serving.models.inference import regress

        return self._infer(regress, model_spec, examples, caller)

    def _infer(self, function, model_spec, examples, caller):
        with self.use(model_spec) as held:
            result = function(held.model, model_spec.signature_name, examples, caller)
            return Prediction(held.model_spec, result)

    def multi_inference(self, tasks, examples, caller=None):
        """Several signatures of one model, which read the examples once.

        Args:
            tasks: list of `(ModelSpec, method_name)`.
            examples: list of bytes, serialized `tf.Example`s.
            caller: `Caller`, optional.

        Returns:
            List of `(ModelSpec, InferenceResult)`, one for each task.
        """
        from keras_attention.serving.models.inference import (
            check_tasks,
            multi_inference,
        )

        check_tasks([(t.name, t.signature_name, method) for t, method in tasks])
        with self.use(tasks[0][0]) as held:
            results = multi_inference(
                held.model,
                [(spec.signature_name, method) for spec, method in tasks],
                examples,
                caller,
            )
            names = [spec.signature_name or DEFAULT_SIGNATURE for spec, _ in tasks]
            model_specs = [held.model_spec._replace(signature_name=n) for n in names]
            return list(zip(model_specs, results, strict=True))

    def signatures(self, model_spec):
        """Returns `(ModelSpec, signature_defs)`, of the version that was found."""
        with self.use(model_spec) as held:
            found = held.model_spec._replace(signature_name="")
            return found, dict(held.model.signature_defs)

    def status(self, model_spec):
        """Returns a list of `(number, VersionState, ServingError or None)`."""
        return self.repository.status(
            model_spec.name, model_spec.version, model_spec.label
        )

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
