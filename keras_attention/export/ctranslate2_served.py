"""Folders of CTranslate2, served as SavedModels of translators are.

They have the signatures of `keras_attention.export.export`, but for `constrained`:
`serving_default`, `greedy` and `attend`, with the same inputs and outputs.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from keras_attention.conversion.ctranslate2_names import FACTS
from keras_attention.serving.models.served_model import Run, ServedModel
from keras_attention.serving.wire.errors import Code, ServingError
from keras_attention.tasks.languages import ARGUMENTS
from keras_attention.tasks.translator import Translator

PREDICT = "tensorflow/serving/predict"
# What a search did not find, as `Hypotheses` of an exported graph has it.
NOTHING = np.float32(-1e9)
# Of each output: its type, and its axes after the batch.
OUTPUTS = {
    "serving_default": {
        "text": ("string", 0),
        "score": ("float32", 0),
        "n_best_text": ("string", 1),
        "n_best_score": ("float32", 1),
    },
    "greedy": {"text": ("string", 0), "score": ("float32", 0)},
    "attend": {
        "text": ("string", 0),
        "score": ("float32", 0),
        "source_tokens": ("string", 1),
        "target_tokens": ("string", 1),
        "attention_scores": ("float32", 2),
    },
}


def loader(quantization: str | None = None) -> tuple[str, Callable[..., ServedModel]]:
    """What `LoadOptions.loaders` takes, for a server of such folders.

    Args:
        quantization: str, optional. As of `Translator.load`.

    Returns:
        `(file, load)`: the file that tells such a folder, and what loads it.
    """
    return FACTS, partial(ServedTranslator, quantization)


class ServedTranslator(ServedModel):
    """A version whose files are those of `Translator.to_ctranslate2`.

    Args:
        quantization: str, optional. What to compute with.
        folder: path of the version.
        options: `LoadOptions`.
        metrics: `Metrics`.
        name: str, under which the model is served.

    Raises:
        ServingError: if it cannot be loaded; the message says why.
    """

    def __init__(
        self,
        quantization: str | None,
        folder: str | Path,
        options: Any,
        metrics: Any,
        name: str,
    ) -> None:
        try:
            translator = Translator.load(
                folder, engine="ctranslate2", quantization=quantization
            )
            # What decodes by them must be able to: an error now, not of each request.
            languages = {name: _any(translator, name) for name in ARGUMENTS}
            translator.check_arguments(**languages)
        except (ValueError, OSError) as error:
            raise ServingError(
                Code.INVALID_ARGUMENT, f"cannot load {folder}: {error}"
            ) from error
        self._translator = translator
        names = ["text", *(ARGUMENTS if translator.languages else ())]
        definitions = {key: _definition(key, names) for key in OUTPUTS}
        super().__init__(
            folder,
            definitions,
            metrics,
            name,
            "CTranslate2",
            options.check_method_names,
        )

    def execute(self, run: Run, caller: Any = None) -> list[Any]:
        results: dict[str, Any] = {}
        feeds = dict(zip(run.feeds, run.arrays, strict=True))
        for signature in {name.partition("/")[0] for name in run.fetches}:
            given = {
                name.partition("/")[2]: _texts(name, array)
                for name, array in feeds.items()
                if name.startswith(f"{signature}/")
            }
            try:
                found = self._answer(signature, **given)
            except ValueError as error:
                raise ServingError(Code.INVALID_ARGUMENT, str(error)) from error
            results |= {f"{signature}/{key}": value for key, value in found.items()}
        return [results[name] for name in run.fetches]

    def _answer(self, signature, text, **languages):
        options: dict[str, Any] = {}
        if signature == "greedy":
            options = {"beam": 1, "n_best": 1}
        elif signature == "attend":
            options = {"n_best": 1, "return_attention": True}
            options["beam"] = self._translator.options.beam
        found = self._translator.translate(
            text, batch_size=max(len(text), 1), **languages, **options
        )
        answer = {
            "text": _strings([each.text for each in found]),
            "score": np.array([each.score for each in found], "float32"),
        }
        if signature == "serving_default":
            count = self._translator.options.n_best
            rows = [[h.text for h in each.hypotheses] for each in found]
            answer["n_best_text"] = _padded(rows, count)
            scores = np.full((len(found), count), NOTHING)
            for i, each in enumerate(found):
                for slot, hypothesis in enumerate(each.hypotheses):
                    scores[i, slot] = hypothesis.score
                if not each.source_tokens:  # nothing in, nothing out
                    scores[i] = 0.0
            answer["n_best_score"] = scores
        elif signature == "attend":
            answer["source_tokens"] = _padded([each.source_tokens for each in found])
            answer["target_tokens"] = _padded([each.tokens for each in found])
            attention = [each.attention for each in found]
            shapes = [scores.shape for scores in attention if scores is not None]
            most = np.max(shapes, axis=0) if shapes else (0, 0)
            scores = np.zeros((len(found), *most), "float32")
            for i, given in enumerate(attention):
                if given is not None:
                    scores[i, : given.shape[0], : given.shape[1]] = given
            answer["attention_scores"] = scores
        return answer

    def close(self) -> None:
        self._translator.model.runner.unload_model()


def _any(translator, argument):
    """A language that there is, where the default is none."""
    names = sorted(translator.languages)
    return getattr(translator, argument) or (names[0] if names else None)


def _texts(name, array):
    if array.ndim != 1:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"input {name.partition('/')[2]} must have one axis; received the shape "
            f"{list(array.shape)}",
        )
    return [
        each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each)
        for each in array.tolist()
    ]


def _strings(texts):
    array = np.empty(len(texts), object)
    array[:] = [text.encode("utf-8", "replace") for text in texts]
    return array


def _padded(rows, width=None):
    """Bytes `(B, width)` of rows of str; "" where there is none."""
    width = max(map(len, rows), default=0) if width is None else width
    array = np.full((len(rows), width), b"", object)
    for i, row in enumerate(rows):
        array[i, : len(row)] = _strings(row)
    return array


def _definition(signature, names):
    """The SignatureDef of a signature; its tensors are called `signature/name`."""
    from tensorflow.core.framework import types_pb2
    from tensorflow.core.protobuf import meta_graph_pb2

    numbers = {"string": types_pb2.DT_STRING, "float32": types_pb2.DT_FLOAT}
    definition = meta_graph_pb2.SignatureDef(method_name=PREDICT)
    inputs = {name: ("string", 0) for name in names}
    for specs, infos in (
        (inputs, definition.inputs),
        (OUTPUTS[signature], definition.outputs),
    ):
        for name, (kind, axes) in specs.items():
            infos[name].name = f"{signature}/{name}"
            infos[name].dtype = numbers[kind]
            for _ in range(1 + axes):
                infos[name].tensor_shape.dim.add().size = -1
    return definition
