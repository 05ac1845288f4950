"""What served translators and captioners say, cut free of the padding of a batch."""

from dataclasses import dataclass, field

import numpy as np


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


@dataclass(frozen=True)
class ServedCaption:
    """A caption as a server gave it; `T` counts its tokens."""

    text: str
    score: float
    """Log-probability, as the search ranked it."""
    n_best: list = field(default_factory=list)
    """Pairs `(text, score)`, best first; empty when attention was asked for."""
    tokens: list | None = None
    """`T` strings, with attention only."""
    attention_grids: np.ndarray | None = None
    """float `(T, N, N)`, with attention only: where on the square that the model saw
    of the picture each token looked, rows from the top."""


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
    shape = np.s_[: len(target_tokens), : len(source_tokens)]
    return {
        "source_tokens": source_tokens,
        "target_tokens": target_tokens,
        "attention_scores": results["attention_scores"][i][shape],  # (T, S)
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
