"""Asks a server for predictions, over REST or gRPC, without TensorFlow.

Works with the embedded server and with TensorFlow Serving alike.
"""

from pathlib import Path

import numpy as np

from keras_attention.serving import tensors
from keras_attention.serving.answers import read_captions, read_translations
from keras_attention.serving.errors import Code, ServingError
from keras_attention.serving.grpc_client import GrpcTransport
from keras_attention.serving.rest_client import RestTransport
from keras_attention.serving.signatures import DEFAULT_SIGNATURE


class Client:
    """Talks to a server of SavedModels.

    Args:
        rest_url: str. Where REST is served.
        grpc_target: str, host and port. Where gRPC is served. Nothing is connected
            before it is used.
        timeout: float, seconds that an answer may take.

    Raises:
        ServingError: from every method, when the server refuses or is not reached.

    Example:

    ```python
    with Client("http://127.0.0.1:8501") as client:
        outputs = client.predict("translator", {"text": ["Good morning."]})
        print(outputs["text"][0], outputs["score"][0])
    ```
    """

    def __init__(
        self,
        rest_url="http://127.0.0.1:8501",
        grpc_target="127.0.0.1:8500",
        timeout=60.0,
    ):
        self._transports: dict[str, RestTransport | GrpcTransport] = {
            "rest": RestTransport(rest_url, timeout),
            "grpc": GrpcTransport(grpc_target, timeout),
        }
        self._signatures = {}

    def predict(
        self,
        model,
        inputs,
        signature_name=DEFAULT_SIGNATURE,
        version=None,
        transport="rest",
        outputs=None,
    ):
        """Runs a signature.

        Args:
            model: str.
            inputs: dict of arrays or nested lists, of the signature's shapes. They
                are converted to the signature's types; strings are str or bytes.
            signature_name: str.
            version: int, optional. The latest one by default.
            transport: "rest" or "grpc".
            outputs: list of str, optional. The outputs wanted; all by default.

        Returns:
            Dict of arrays. Strings are objects: str, or bytes for outputs whose name
            ends in `_bytes`.
        """
        way = self._transport(transport)
        key = (transport, model, version, signature_name)
        try:
            if key not in self._signatures:
                _, signatures = way.metadata(model, version)
                if signature_name not in signatures:
                    known = ", ".join(
                        sorted(n for n in signatures if not n.startswith("__"))
                    )
                    raise ServingError(
                        Code.FAILED_PRECONDITION,
                        f'Serving signature key "{signature_name}" not found.',
                        f"the model has {known}",
                    )
                self._signatures[key] = signatures[signature_name]
            signature = self._signatures[key]
            arrays = _convert(inputs, signature)
            results = way.predict(
                model, version, signature_name, signature, arrays, outputs
            )
        except (ServingError, ValueError):
            # A new version may have another signature than the one remembered.
            self._signatures.pop(key, None)
            raise
        return {name: _readable(name, results[name]) for name in results}

    def metadata(self, model, version=None, transport="rest"):
        """What a model offers.

        Returns:
            `(version, signatures)`: int, and a dict of name to `Signature`.
        """
        return self._transport(transport).metadata(model, version)

    def status(self, model, version=None, transport="rest"):
        """The state of a model's versions.

        Returns:
            List of `VersionStatus`, highest version first.
        """
        return self._transport(transport).status(model, version)

    def translate(self, texts, model, transport="rest", attention=False, version=None):
        """Translates sentences.

        Args:
            texts: list of str, or one str.
            model: str, an exported translator.
            transport: "rest" or "grpc".
            attention: bool. Ask for tokens and attention scores too.
            version: int, optional. The latest one by default.

        Returns:
            List of `ServedTranslation`, one for each text.
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        if not texts:
            return []
        signature_name = "attend" if attention else DEFAULT_SIGNATURE
        results = self.predict(
            model, {"text": texts}, signature_name, version, transport
        )
        return read_translations(results)

    def caption(self, images, model, transport="rest", attention=False, version=None):
        """Writes about pictures.

        Args:
            images: list of paths or of bytes, or one of them: JPEG or PNG files.
            model: str, an exported captioner.
            transport: "rest" or "grpc".
            attention: bool. Ask for tokens and where they look too.
            version: int, optional. The latest one by default.

        Returns:
            List of `ServedCaption`, one for each picture.
        """
        images = [images] if isinstance(images, (str, bytes, Path)) else list(images)
        if not images:
            return []
        image_bytes = [
            image if isinstance(image, bytes) else Path(image).read_bytes()
            for image in images
        ]
        signature_name = "attend" if attention else DEFAULT_SIGNATURE
        results = self.predict(
            model, {"image_bytes": image_bytes}, signature_name, version, transport
        )
        return read_captions(results)

    def close(self):
        for transport in self._transports.values():
            transport.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def _transport(self, name):
        if name not in self._transports:
            raise ValueError(f"transport must be 'rest' or 'grpc', received {name!r}")
        return self._transports[name]


def _convert(inputs, signature):
    """Arrays of the signature's types; names are left for the server to judge."""
    arrays = {}
    for name, value in inputs.items():
        spec = signature.inputs.get(name)
        try:
            arrays[name] = tensors.as_array(value, spec.dtype if spec else None)
        except (TypeError, ValueError, OverflowError) as error:
            wanted = tensors.type_name(spec.dtype) if spec else "a tensor"
            raise ValueError(f"input {name!r} must be {wanted}: {error}") from error
    return arrays


def _readable(name, array):
    if array.dtype != object or name.endswith("_bytes"):
        return array
    texts = np.empty(array.size, dtype=object)
    texts[:] = [item.decode(errors="replace") for item in array.ravel().tolist()]
    return texts.reshape(array.shape)
