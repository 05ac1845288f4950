"""A client's results, typed, and without the padding of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ServedTranslation:
    """A translation by a server; `S` and `T` count this sentence's tokens."""

    text: str
    score: float
    """Log-probability, as the search ranked it."""
    n_best: list = field(default_factory=list)
    """Pairs `(text, score)`, best first; empty with attention."""
    source_tokens: list | None = None
    """`S` strings, with attention only."""
    target_tokens: list | None = None
    """`T` strings, with attention only."""
    attention_scores: np.ndarray | None = None
    """float `(T, S)`, with attention only."""


@dataclass(frozen=True)
class ServedCaption:
    """A caption by a server; `T` counts its tokens."""

    text: str
    score: float
    """Log-probability, as the search ranked it."""
    n_best: list = field(default_factory=list)
    """Pairs `(text, score)`, best first; empty with attention."""
    tokens: list | None = None
    """`T` strings, with attention only."""
    attention_grids: np.ndarray | None = None
    """float `(T, N, N)`, with attention only: where on the square that the model saw
    of the image each token looked, rows from the top."""


@dataclass(frozen=True)
class ServedClassification:
    """The classes of one example, in the server's order."""

    classes: list
    """Pairs `(label, score)`; where the model gives no labels they are empty, where it
    gives no scores these are 0."""

    @property
    def label(self) -> str | None:
        """The label with the highest score; None if there is no class."""
        best = max(self.classes, key=lambda pair: pair[1], default=None)
        return None if best is None else best[0]


@dataclass(frozen=True)
class ServedRegression:
    """The value of one example."""

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
    return [
        ServedTranslation(**_said(results, "text", i), **_attention(results, i))
        for i in range(len(results["text"]))
    ]


def read_captions(results):
    """`ServedCaption`s of a dict of arrays, the outputs of a signature."""
    return [
        ServedCaption(**_said(results, "caption", i), **_grids(results, i))
        for i in range(len(results["caption"]))
    ]


def _said(results, name, i):
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
