"""Requests about models: what is served, and how it stands."""

import os
from collections.abc import Mapping
from typing import Generic, TypeVar

from keras_attention.serving.client.methods import Methods, make_model_spec

# What each method returns: the value, or of `AsyncClient` what is awaited for it.
Metadata = TypeVar("Metadata")
Statuses = TypeVar("Statuses")
Names = TypeVar("Names")
Version = TypeVar("Version")
Nothing = TypeVar("Nothing")


class ModelMethods(Methods, Generic[Metadata, Statuses, Names, Version, Nothing]):
    """Metadata, status and configuration of the models."""

    def metadata(
        self,
        model: str,
        version: int | None = None,
        transport: str | None = None,
        *,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Metadata:
        """The signatures of a model.

        Args: as for `predict`.

        Returns:
            `(version, signatures)`: int, and a dict of name to `Signature`, whose
            `inputs` and `outputs` are dicts of name to `TensorSpec`: `name` in the
            graph, `dtype` as TensorFlow numbers them (1 is float32, 7 string), `shape`
            with -1 where any size will do, or None for any rank.

        Example:

        >>> version, signatures = client.metadata("half_plus_two")
        >>> spec = signatures["serving_default"].inputs["x"]
        >>> version, spec.dtype, spec.shape
        (1, 1, (-1, 1))

        References:
            [RESTful API](
            https://www.tensorflow.org/tfx/serving/api_rest#model_metadata_api);
            `get_model_metadata.proto`; `DataType` of TensorFlow's `types.proto`.
        """
        return self._perform(
            self._calls.describe(
                "metadata", make_model_spec(model, version, label), transport, timeout
            )
        )

    def status(
        self,
        model: str,
        version: int | None = None,
        transport: str | None = None,
        *,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Statuses:
        """The state of a model's versions.

        Args: as for `predict`.

        Returns:
            List of `VersionStatus`, highest version first: `version`, int; `state`,
            "START", "LOADING", "AVAILABLE", "UNLOADING" or "END"; `error_code`, "OK" or
            the name of a `Code`, and `error_message`, why it could not be loaded.

        Example:

        >>> (status,) = client.status("half_plus_two")
        >>> status.version, status.state
        (1, 'AVAILABLE')

        References:
            [RESTful API](
            https://www.tensorflow.org/tfx/serving/api_rest#model_status_api);
            `get_model_status.proto`.
        """
        return self._perform(
            self._calls.describe(
                "status", make_model_spec(model, version, label), transport, timeout
            )
        )

    def models(self, *, timeout: float | None = None) -> Names:
        """The names of the models that this package's server has; over REST.

        Args:
            timeout: as for `predict`.

        Returns:
            List of str.

        Raises:
            ServingError: from TensorFlow Serving, which has no such route.

        Example:

        >>> client.models()
        ['captioner', 'half_plus_two', 'translator']
        """
        return self._perform(self._calls.models(timeout))

    def wait_until_ready(
        self,
        model: str,
        version: int | None = None,
        transport: str | None = None,
        *,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Version:
        """Waits for a model to be served, and for the server if it is not there yet.

        Polls the status after 0.05 seconds, then twice as long each time, up to 1.

        Args: as for `predict`.

        Returns:
            int, the version that is, the highest of several.

        Raises:
            ServingError: DEADLINE_EXCEEDED, with what was seen last; at once, whatever
                waiting does not change.

        Example:

        >>> client.wait_until_ready("half_plus_two", timeout=30)
        1
        """
        model_spec = make_model_spec(model, version, label)
        return self._perform(
            self._calls.wait_until_ready(model_spec, transport, timeout)
        )

    def reload_config(
        self,
        models: Mapping[str, "str | os.PathLike[str]"],
        *,
        timeout: float | None = None,
    ) -> Nothing:
        """Changes which models the server serves, and how; over gRPC.

        Args:
            models: dict of name to an absolute path on the server, or to
                `ServedModelConfig`. What is not in it is unloaded.
            timeout: as for `predict`. The server responds when all is loaded.

        Returns:
            None.

        Raises:
            ServingError: as the server says; INVALID_ARGUMENT for a path that is not
                absolute.

        Example:

        >>> from pathlib import Path
        >>> paths = Path("saved_models").resolve().iterdir()
        >>> client.reload_config({path.name: path for path in paths})

        References:
            `ModelService.HandleReloadConfigRequest` of `model_service.proto`;
            `ModelServerConfig` of `config/model_server_config.proto`.
        """
        models = dict(models)
        return self._perform(self._calls.reload_config(models, timeout))
