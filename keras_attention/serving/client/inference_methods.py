"""Requests that run a model: TensorFlow Serving's PredictionService."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from keras_attention.serving.client.methods import Methods, make_model_spec
from keras_attention.serving.wire.signatures import DEFAULT_SIGNATURE

# What each method returns: the value, or of `AsyncClient` what is awaited for it.
Outputs = TypeVar("Outputs")
Classifications = TypeVar("Classifications")
Regressions = TypeVar("Regressions")
Inferences = TypeVar("Inferences")


class InferenceMethods(
    Methods, Generic[Outputs, Classifications, Regressions, Inferences]
):
    """Predict, Classify, Regress and MultiInference."""

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
        model_spec = make_model_spec(model, version, label, signature_name)
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
            ServingError: INVALID_ARGUMENT, no examples or no such signature; over gRPC
                FAILED_PRECONDITION, over REST INVALID_ARGUMENT, a signature of another
                kind; others as for `predict`.

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
        model_spec = make_model_spec(model, version, label, signature_name)
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
        model_spec = make_model_spec(model, version, label, signature_name)
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
        model_spec = make_model_spec(model, version, label)
        return self._perform(
            self._calls.multi_inference(model_spec, tasks, examples, context, timeout)
        )
