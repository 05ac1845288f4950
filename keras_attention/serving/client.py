"""Asks a server for predictions, over REST or gRPC, without TensorFlow.

Works with the embedded server and with TensorFlow Serving alike.
"""

from dataclasses import dataclass, field

import numpy as np

from keras_attention.serving import tensors
from keras_attention.serving.errors import Code, ServingError
from keras_attention.serving.grpc_client import GrpcTransport
from keras_attention.serving.rest_client import RestTransport
from keras_attention.serving.signatures import DEFAULT_SIGNATURE


@dataclass(frozen=True)
class ServedTranslation:
    """A translation as a server gave it; `S` and `T` count this sentence's tokens."""

    text: str
    score: float
    """Log-probability, as the search ranked it."""
    n_best: list = field(default_factory=list)
    """Pairs `(text, score)`, best first; empty when attention was asked for."""
    source_tokens: list | None = None
    """`S` strings, with attention only."""
    target_tokens: list | None = None
    """`T` strings, with attention only."""
    attention_scores: np.ndarray | None = None
    """float `(T, S)`, with attention only."""


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
        read = _read_attention if attention else _read_n_best
        return [
            ServedTranslation(
                str(results["text"][i]), float(results["score"][i]), **read(results, i)
            )
            for i in range(len(texts))
        ]

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


def _read_n_best(results, i):
    if "n_best_text" not in results:
        return {}
    texts, scores = results["n_best_text"][i], results["n_best_score"][i]
    return {"n_best": list(zip(texts.tolist(), scores.tolist(), strict=True))}


def _read_attention(results, i):
    """Takes off what pads the sentence to the length of the longest one."""
    source_tokens = _unpadded(results["source_tokens"][i])
    target_tokens = _unpadded(results["target_tokens"][i])
    shape = np.s_[: len(target_tokens), : len(source_tokens)]
    return {
        "source_tokens": source_tokens,
        "target_tokens": target_tokens,
        "attention_scores": results["attention_scores"][i][shape],  # (T, S)
    }


def _unpadded(tokens):
    tokens = tokens.tolist()
    while tokens and tokens[-1] == "":
        tokens.pop()
    return tokens
