"""The methods of a client, whatever the transport."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_attention.serving.client.images import encode_images
from keras_attention.serving.client.results import read_captions, read_translations
from keras_attention.serving.core import ModelSpec
from keras_attention.serving.wire.signatures import DEFAULT_SIGNATURE


class ClientMethods:
    """The methods that `Client` and `AsyncClient` share.

    A call names a model and, if it is not to be the latest version, `version` or
    `label`. `timeout` is a deadline for the whole call, retries included. Lists that
    are longer than a batch of the server are split into several requests.

    Args:
        calls: `Calls`.
    """

    def __init__(self, calls: Any) -> None:
        self._calls = calls

    def _perform(self, steps):
        """Takes the steps of a call; gives what they return, or a promise of it."""
        raise NotImplementedError

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        signature_name: str = DEFAULT_SIGNATURE,
        version: int | None = None,
        transport: str | None = None,
        outputs: Sequence[str] | None = None,
        *,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Runs a signature.

        Args:
            model: str.
            inputs: dict of arrays or nested lists, of the signature's shapes. They
                are converted to the signature's types; strings are str or bytes.
            signature_name: str.
            version: int, optional. The latest one by default.
            transport: "rest" or "grpc"; by default, the client's.
            outputs: list of str, optional. The outputs wanted; all by default.
            label: str, optional. A version by the name that the server knows.
            timeout: float, optional. Seconds; by default, the client's.

        Returns:
            Dict of arrays. Strings are objects: str, or bytes for outputs whose name
            ends in `_bytes`.

        Raises:
            ValueError: if the inputs are others than the signature's.
        """
        model_spec = _model_spec(model, version, label, signature_name)
        return self._perform(
            self._calls.predict(model_spec, inputs, transport, outputs, timeout)
        )

    def classify(
        self,
        model: str,
        examples: Sequence[Mapping[str, Any]],
        signature_name: str = DEFAULT_SIGNATURE,
        version: int | None = None,
        transport: str | None = None,
        *,
        context: Mapping[str, Any] | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Runs a signature of classes and scores.

        Args:
            model: str.
            examples: list of dicts of feature name to a value, a flat list or an
                array: str or bytes, ints, or floats. A model that wants floats must
                be given floats: `1.0` rather than `1`.
            context: dict like these, optional: features that all examples share.
            signature_name, version, transport, label, timeout: as for `predict`.

        Returns:
            List of `ServedClassification`, one for each example.
        """
        model_spec = _model_spec(model, version, label, signature_name)
        return self._perform(
            self._calls.infer(
                "classify", model_spec, examples, context, transport, timeout
            )
        )

    def regress(
        self,
        model: str,
        examples: Sequence[Mapping[str, Any]],
        signature_name: str = DEFAULT_SIGNATURE,
        version: int | None = None,
        transport: str | None = None,
        *,
        context: Mapping[str, Any] | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Runs a signature of one value for each example.

        Args:
            model, examples, context: as for `classify`.
            signature_name, version, transport, label, timeout: as for `predict`.

        Returns:
            List of `ServedRegression`, one for each example.
        """
        model_spec = _model_spec(model, version, label, signature_name)
        return self._perform(
            self._calls.infer(
                "regress", model_spec, examples, context, transport, timeout
            )
        )

    def multi_inference(
        self,
        model: str,
        tasks: Sequence[tuple[str, str]],
        examples: Sequence[Mapping[str, Any]],
        version: int | None = None,
        *,
        context: Mapping[str, Any] | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Runs several signatures on the same examples, over gRPC.

        Args:
            model: str.
            tasks: list of pairs of a signature's name and "classify" or "regress".
            examples, context: as for `classify`.
            version, label, timeout: as for `predict`.

        Returns:
            A list for each task, of `ServedClassification` or `ServedRegression`.
        """
        model_spec = _model_spec(model, version, label)
        return self._perform(
            self._calls.multi_inference(model_spec, tasks, examples, context, timeout)
        )

    def metadata(
        self,
        model: str,
        version: int | None = None,
        transport: str | None = None,
        *,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """The signatures of a model.

        Returns:
            `(version, signatures)`: int, and a dict of name to `Signature`.
        """
        return self._perform(
            self._calls.describe(
                "metadata", _model_spec(model, version, label), transport, timeout
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
    ) -> Any:
        """The state of a model's versions.

        Returns:
            List of `VersionStatus`, highest version first.
        """
        return self._perform(
            self._calls.describe(
                "status", _model_spec(model, version, label), transport, timeout
            )
        )

    def models(self, *, timeout: float | None = None) -> Any:
        """The names of the models that this package's server has; over REST.

        TensorFlow Serving has no such route.
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
    ) -> Any:
        """Waits for a model to be served, and for the server if it is not there yet.

        Returns:
            int, the version that is, the highest of several.

        Raises:
            ServingError: DEADLINE_EXCEEDED, with what was seen last.
        """
        model_spec = _model_spec(model, version, label)
        return self._perform(
            self._calls.wait_until_ready(model_spec, transport, timeout)
        )

    def reload_config(
        self, models: Mapping[str, Any], *, timeout: float | None = None
    ) -> Any:
        """Changes which models the server serves, and how; over gRPC.

        Args:
            models: dict of name to a path on the server, or to `ServedModelConfig`.
                What is not in it is unloaded.
            timeout: as for `predict`. The server responds when all is loaded.
        """
        models = dict(models)
        return self._perform(self._calls.reload_config(models, timeout))

    def translate(
        self,
        texts: Sequence[str] | str,
        model: str,
        transport: str | None = None,
        attention: bool = False,
        version: int | None = None,
        *,
        signature_name: str | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Translates sentences.

        Args:
            texts: list of str, or one str.
            model: str, an exported translator.
            attention: bool. Return tokens and attention scores too.
            signature_name: str, optional. By default the one that searches, or the
                one with attention.
            transport, version, label, timeout: as for `predict`.

        Returns:
            List of `ServedTranslation`, one for each text.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        model_spec = _model_spec(
            model, version, label, _chosen(signature_name, attention)
        )
        return self._perform(
            self._calls.read_all(
                "text", texts, read_translations, model_spec, transport, timeout
            )
        )

    def caption(
        self,
        images: Any,
        model: str,
        transport: str | None = None,
        attention: bool = False,
        version: int | None = None,
        *,
        signature_name: str | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Captions images.

        Args:
            images: list of paths, of the bytes of files, of Pillow's images or of
                uint8 arrays, or one of them. JPEG and PNG files are sent as they are;
                WebP, GIF, BMP and TIFF are converted to PNG first.
            model: str, an exported captioner.
            attention: bool. Return tokens and attention grids too.
            signature_name, transport, version, label, timeout: as for `translate`.

        Returns:
            List of `ServedCaption`, one for each image.

        Raises:
            ValueError: what is no image.
        """
        image_bytes = encode_images(images)
        model_spec = _model_spec(
            model, version, label, _chosen(signature_name, attention)
        )
        return self._perform(
            self._calls.read_all(
                "image_bytes",
                image_bytes,
                read_captions,
                model_spec,
                transport,
                timeout,
            )
        )


def _model_spec(model, version, label, signature_name=""):
    if version is not None and label:
        raise ValueError(
            f"a version is named by its number or by a label; received version="
            f"{version} and label={label!r}"
        )
    return ModelSpec(model, version, label or "", signature_name)


def _chosen(signature_name, attention):
    return signature_name or ("attend" if attention else DEFAULT_SIGNATURE)
