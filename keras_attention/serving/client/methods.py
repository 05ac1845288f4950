"""The methods of a client, whatever the transport."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from keras_attention.serving.client.images import encode_images
from keras_attention.serving.client.results import read_captions, read_translations
from keras_attention.serving.core import ModelSpec
from keras_attention.serving.wire.signatures import DEFAULT_SIGNATURE


# What each call returns: of `Client` the value, of `AsyncClient` what is awaited for it.
Outputs = TypeVar("Outputs")
Classifications = TypeVar("Classifications")
Regressions = TypeVar("Regressions")
Inferences = TypeVar("Inferences")
Metadata = TypeVar("Metadata")
Statuses = TypeVar("Statuses")
Names = TypeVar("Names")
Version = TypeVar("Version")
Nothing = TypeVar("Nothing")
Translations = TypeVar("Translations")
Captions = TypeVar("Captions")


class ClientMethods(
    Generic[
        Outputs,
        Classifications,
        Regressions,
        Inferences,
        Metadata,
        Statuses,
        Names,
        Version,
        Nothing,
        Translations,
        Captions,
    ]
):
    """The methods that `Client` and `AsyncClient` share.

    A call names a model and, if it is not to be the latest version, `version` or
    `label`. `timeout` is a deadline for the whole call, retries included. Lists that
    are longer than a batch of the server are split into several requests.

    Every method raises ServingError if the server refuses, fails or is not reached in
    time, and ValueError for a transport other than "rest" and "grpc", or for both a
    version and a label. In the examples `client` is a `Client` of a server of three
    models, "half_plus_two" (y = x / 2 + 2), "translator" and "captioner".
    """

    _calls: Any

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
    ) -> Outputs:
        """Runs a signature.

        Args:
            model: str.
            inputs: dict of arrays or nested lists, of the signature's shapes. They
                are converted to the signature's types; strings are str or bytes.
                Inputs for which the signature has defaults may be left out.
            signature_name: str.
            version: int, optional. The latest one by default.
            transport: "rest" or "grpc"; by default, the client's.
            outputs: list of str, optional. The outputs wanted; all by default.
            label: str, optional. A version by the name that the server knows.
            timeout: float, optional. Seconds; by default, the client's.

        Returns:
            Dict of arrays, of the signature's shapes and types. Strings are objects:
            str, or bytes for outputs whose name ends in `_bytes`.

        Raises:
            ValueError: other names, shapes or types than the signature's; what JSON
                lacks, as complex numbers, over REST.
            ServingError: FAILED_PRECONDITION, no such signature; NOT_FOUND, no such
                model or version; INVALID_ARGUMENT, no such label or output.

        Example:

        >>> client.predict("half_plus_two", {"x": [[1.0], [2.0]]})["y"]
        array([[2.5],
               [3. ]], dtype=float32)

        References:
            [RESTful API](https://www.tensorflow.org/tfx/serving/api_rest#predict_api);
            `PredictionService.Predict` of `prediction_service.proto`.
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
    ) -> Classifications:
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

        Raises:
            ValueError: a feature that is none of these; the message names it.
            ServingError: INVALID_ARGUMENT, no examples, or a signature without classes
                and scores; others as for `predict`.

        Example:

        >>> examples = [{"x": 1.0}, {"x": 2.0}]
        >>> first, _ = client.classify("half_plus_two", examples, "classify_words")
        >>> first.classes, first.label
        ([('small', 2.5), ('large', 3.5)], 'large')

        References:
            [RESTful API](
            https://www.tensorflow.org/tfx/serving/api_rest#classify_and_regress_api);
            `classification.proto`, and `Input` of `input.proto`.
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
    ) -> Regressions:
        """Runs a signature of one value for each example.

        Args:
            model, examples, context: as for `classify`.
            signature_name, version, transport, label, timeout: as for `predict`.

        Returns:
            List of `ServedRegression`, one for each example.

        Raises:
            ValueError, ServingError: as for `classify`.

        Example:

        >>> examples = [{"x": 1.0}, {"x": 2.0}]
        >>> client.regress("half_plus_two", examples, "regress_x_to_y")
        [ServedRegression(value=2.5), ServedRegression(value=3.0)]

        References:
            [RESTful API](
            https://www.tensorflow.org/tfx/serving/api_rest#classify_and_regress_api);
            `regression.proto`, and `Input` of `input.proto`.
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
    ) -> Inferences:
        """Runs several signatures on the same examples, over gRPC.

        Args:
            model: str.
            tasks: list of pairs of a signature's name and "classify" or "regress".
            examples, context: as for `classify`.
            version, label, timeout: as for `predict`.

        Returns:
            A list for each task, of a `ServedClassification` or a `ServedRegression`
            for each example.

        Raises:
            ValueError: another method than these two; a feature as for `classify`.
            ServingError: as for `classify`.

        Example:

        >>> tasks = [("regress_x_to_y", "regress"), ("classify_words", "classify")]
        >>> (value,), (word,) = client.multi_inference(
        ...     "half_plus_two", tasks, [{"x": 1.0}]
        ... )
        >>> value.value, word.label
        (2.5, 'large')

        References:
            `PredictionService.MultiInference`, `inference.proto`.
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
                "status", _model_spec(model, version, label), transport, timeout
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
        model_spec = _model_spec(model, version, label)
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

        >>> paths = Path("saved_models").resolve().iterdir()
        >>> client.reload_config({path.name: path for path in paths})

        References:
            `ModelService.HandleReloadConfigRequest` of `model_service.proto`;
            `ModelServerConfig` of `config/model_server_config.proto`.
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
    ) -> Translations:
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

        Raises:
            ValueError: the model is no translator.
            ServingError: as for `predict`.

        Example: of a model that shouts.

        >>> (translation,) = client.translate(["Good morning."], "translator")
        >>> translation.text
        'GOOD MORNING.'
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
    ) -> Captions:
        """Captions images.

        Args:
            images: list of paths, of the bytes of files, of Pillow's images or of
                uint8 arrays `(H, W, 3)`, or one of them. JPEG and PNG files are sent as they are;
                WebP, GIF, BMP and TIFF are converted to PNG first.
            model: str, an exported captioner.
            attention: bool. Return tokens and attention grids too.
            signature_name, transport, version, label, timeout: as for `translate`.

        Returns:
            List of `ServedCaption`, one for each image.

        Raises:
            ValueError: what is no image; the model is no captioner.
            OSError: a file that cannot be read.
            ServingError: INVALID_ARGUMENT, what the server cannot decode; others as for
                `predict`.

        Example: of a model that tells how bright the first pixel is.

        >>> image = np.full((32, 32, 3), 200, "uint8")
        >>> (caption,) = client.caption(image, "captioner")
        >>> caption.text
        '200'
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
