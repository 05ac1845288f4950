"""A client's results, typed, and without the padding of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ServedTranslation:
    """A translation by a server; `S` and `T` count this sentence's tokens.

    Returned by `Client.translate`. The last three are None without attention.

    Attributes:
        text: str.
        score: float. Natural log-probability, as the search ranked it: after its
            penalties of length and coverage.
        n_best: list of pairs `(text, score)`, best first; empty if the signature has
            none, as the one with attention.
        source_tokens: list of `S` str, subwords.
        target_tokens: list of `T` str, subwords and the end token, which what was cut
            at its limit lacks.
        attention_scores: float32 array `(T, S)`: how much each target token attends to
            each source token.
    """

    text: str
    score: float
    n_best: list[tuple[str, float]] = field(default_factory=list)
    source_tokens: list[str] | None = None
    target_tokens: list[str] | None = None
    attention_scores: np.ndarray | None = None


@dataclass(frozen=True)
class ServedCaption:
    """A caption by a server; `T` counts its tokens.

    Returned by `Client.caption`. The last two are None without attention.

    Attributes:
        text: str.
        score: float. Natural log-probability, as the search ranked it: after its
            penalties of length and coverage.
        n_best: list of pairs `(text, score)`, best first; empty if the signature has
            none, as the one with attention.
        tokens: list of `T` str, subwords and the end token, which what was cut at its
            limit lacks.
        attention_grids: float32 array `(T, N, N)`: where on the square that the model
            saw of the image each token attends, rows from the top.
    """

    text: str
    score: float
    n_best: list[tuple[str, float]] = field(default_factory=list)
    tokens: list[str] | None = None
    attention_grids: np.ndarray | None = None


@dataclass(frozen=True)
class ServedClassification:
    """The classes of one example, in the server's order.

    Returned by `Client.classify` and `Client.multi_inference`.

    Attributes:
        classes: list of pairs `(label, score)`, str and float, in what unit the model
            scores. Without labels in the model they are "", without scores 0.0.
    """

    classes: list[tuple[str, float]]

    @property
    def label(self) -> str | None:
        """The label with the highest score; None if there is no class."""
        best = max(self.classes, key=lambda pair: pair[1], default=None)
        return None if best is None else best[0]


@dataclass(frozen=True)
class ServedRegression:
    """The value of one example; `float(...)` gives it too.

    Returned by `Client.regress` and `Client.multi_inference`.

    Attributes:
        value: float, in the model's unit.
    """

    value: float

    def __float__(self) -> float:
        return self.value


def read_classes(results):
    """`ServedClassification`s of a list, for each example, of pairs."""
    return [
        ServedClassification([(str(label), float(score)) for label, score in classes])
        for classes in results
    ]


def read_regressions(results):
    """`ServedRegression`s of a list of numbers."""
    return [ServedRegression(float(value)) for value in results]


def read_translations(results):
    """`ServedTranslation`s of a dict of arrays, the outputs of a signature."""
    _check_outputs(results, "text", "score")
    return [
        ServedTranslation(**_texts(results, "text", i), **_attention(results, i))
        for i in range(len(results["text"]))
    ]


def read_captions(results):
    """`ServedCaption`s of a dict of arrays, the outputs of a signature."""
    _check_outputs(results, "caption", "score")
    return [
        ServedCaption(**_texts(results, "caption", i), **_grids(results, i))
        for i in range(len(results["caption"]))
    ]


def _check_outputs(results, *names):
    missing = [name for name in names if name not in results]
    if missing:
        raise ValueError(
            f"the signature must have the outputs {' and '.join(names)}; received "
            f"{', '.join(results) or 'nothing'}; choose another signature_name, or "
            "`predict` for what is no export of this package"
        )


def _texts(results, name, i):
    said = {"text": str(results[name][i]), "score": float(results["score"][i])}
    if f"n_best_{name}" in results:
        texts, scores = results[f"n_best_{name}"][i], results["n_best_score"][i]
        said["n_best"] = list(zip(texts.tolist(), scores.tolist(), strict=True))
    return said


def _attention(results, i):
    if "attention_scores" not in results:
        return {}
    source_tokens = _unpadded(results["source_tokens"][i])
    target_tokens = _unpadded(results["target_tokens"][i])
    scores = results["attention_scores"][i]
    return {
        "source_tokens": source_tokens,
        "target_tokens": target_tokens,
        "attention_scores": scores[: len(target_tokens), : len(source_tokens)],
    }


def _grids(results, i):
    if "attention_grids" not in results:
        return {}
    tokens = _unpadded(results["tokens"][i])
    grids = results["attention_grids"][i][: len(tokens)]  # (T, N, N)
    return {"tokens": tokens, "attention_grids": grids}


def _unpadded(tokens):
    """Without what pads a row to the length of the longest one."""
    tokens = tokens.tolist()
    while tokens and tokens[-1] == "":
        tokens.pop()
    return tokens
