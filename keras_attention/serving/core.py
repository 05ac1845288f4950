"""What the server can do, whatever the protocol: REST and gRPC only translate."""

from typing import Any, NamedTuple

from keras_attention.serving.errors import invalid_argument
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
    outputs: dict[str, Any]


class Core:
    """Answers requests from a repository.

    Args:
        repository: `Repository`, started.
    """

    def __init__(self, repository):
        self.repository = repository

    def predict(self, target, inputs, output_filter=()):
        """Runs a signature.

        Args:
            target: `Target`.
            inputs: dict of arrays, or a function that makes it from the model. The
                function is called while the model is held, so that the signature it
                reads is the one that runs.
            output_filter: sequence of str. The outputs wanted; all of them if empty.

        Returns:
            `Answer`.

        Raises:
            ServingError: in the protocol's words.
        """
        with self._use(target) as version:
            if callable(inputs):
                inputs = inputs(version.model)
            outputs = version.model.run(target.signature_name, inputs, output_filter)
            name = target.signature_name or DEFAULT_SIGNATURE
            return Answer(Target(target.name, version.number, "", name), outputs)

    def signatures(self, target):
        """Returns `(target, signature_defs)`: the version's number and its protos."""
        with self._use(target) as version:
            answer = Target(target.name, version.number)
            return answer, dict(version.model.signature_defs)

    def status(self, target):
        """Returns a list of `(number, State, ServingError or None)`."""
        version = target.version
        if target.label:
            with self._use(target) as used:
                version = used.number
        return self.repository.status(target.name, version)

    def model_names(self):
        return sorted(self.repository.configs)

    def is_ready(self):
        return self.repository.is_ready()

    def _use(self, target):
        if not target.name:
            raise invalid_argument("ModelSpec has no name specified.")
        return self.repository.use(target.name, target.version, target.label)
