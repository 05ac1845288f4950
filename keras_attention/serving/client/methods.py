"""What the methods of `Client` and of `AsyncClient` have in common."""

from typing import Any

from keras_attention.serving.core import ModelSpec


class Methods:
    """Methods of a client, whatever the transport.

    A call names a model and, if it is not to be the latest version, `version` or
    `label`. `timeout` is a deadline for the whole call, retries included. Lists that
    are longer than a batch of the server are split into several requests.

    Every method raises ServingError if the server refuses, fails or is not reached in
    time, and ValueError for a transport other than "rest" and "grpc", or for both a
    version and a label. In the examples `client` is a `Client` of a server of three
    models: "half_plus_two" (y = x / 2 + 2), "translator" and "captioner".
    """

    _calls: Any  # `Calls`

    def _perform(self, steps):
        """Takes the steps of a call; gives what they return, or a promise of it."""
        raise NotImplementedError


def make_model_spec(model, version, label, signature_name=""):
    """The `ModelSpec` of a call.

    Raises:
        ValueError: if both version and label are given.
    """
    if version is not None and label:
        raise ValueError(
            f"a version is named by its number or by a label; received version="
            f"{version} and label={label!r}"
        )
    return ModelSpec(model, version, label or "", signature_name)
