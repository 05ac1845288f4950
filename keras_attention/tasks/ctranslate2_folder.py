"""A `Translator` that CTranslate2 runs: of a bundle, or of a folder written for it."""

import json
import tempfile
from pathlib import Path
from typing import Any

from keras_attention.checks import whole_number
from keras_attention.conversion.ctranslate2_names import FACTS, check_quantization
from keras_attention.conversion.ctranslate2_spec import ctranslate2_module
from keras_attention.conversion.ctranslate2_writing import (
    FACTS_FORMAT,
    write_ctranslate2,
)
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.decoding.options import MOST_STEPS, DecodingOptions
from keras_attention.files import read_json
from keras_attention.tasks.ctranslate2_search import CTranslate2Model

# What facts there must be, and of which kind.
NEEDED = {
    "num_positions": int,
    "decoding": dict,
    "max_source_length": int,
    "source_language": str,
    "target_language": str,
    "languages": dict,
    "training": dict,
    "metrics": dict,
}
ARGUMENTS = [name for name in NEEDED if name not in ("num_positions", "decoding")]
TOKENIZERS = {"source_tokenizer": "source.spm", "target_tokenizer": "target.spm"}


def is_folder(path: Any) -> bool:
    """Whether `path` is a folder that `write_ctranslate2` wrote."""
    return isinstance(path, (str, Path)) and (Path(path) / FACTS).is_file()


def of_translator(translator: Any, quantization: str | None = None) -> dict[str, Any]:
    """The arguments of a `CTranslate2Translator` that says what `translator` does.

    The model is written into a temporary folder, which is gone afterwards.

    Raises:
        ValueError: as `write_ctranslate2`, or for a quantization that this machine
            cannot compute with.
    """
    with tempfile.TemporaryDirectory(prefix="keras-attention-") as folder:
        path = Path(folder) / "model"
        write_ctranslate2(translator, path, quantization, num_positions=MOST_STEPS)
        return read_folder(path, quantization)


def read_folder(path: str | Path, quantization: str | None = None) -> dict[str, Any]:
    """The arguments of the `CTranslate2Translator` that a folder holds.

    Args:
        path: the folder.
        quantization: str, optional. What it computes with; what the weights are stored
            as where None, or what comes closest of what this machine can.

    Raises:
        ValueError: if files are missing or damaged, CTranslate2 is not installed, or
            this machine cannot compute with the quantization.
    """
    path = Path(path)
    check_quantization(quantization)
    if not is_folder(path):
        raise ValueError(
            f"{path} lacks {FACTS}, as `keras-attention export --format ctranslate2` "
            "writes it: export the bundle, or load the bundle itself"
        )
    facts = _checked_facts(path)
    try:
        options = DecodingOptions.from_table(facts["decoding"])
    except ValueError as error:
        raise ValueError(f"{path / FACTS}: {error}") from None
    tokenizers = {}
    for argument, name in TOKENIZERS.items():
        if not (path / name).is_file():
            raise ValueError(f"{path} lacks {name}, a SentencePiece model")
        tokenizers[argument] = Tokenizer.load(path / name)
    if tokenizers["source_tokenizer"] == tokenizers["target_tokenizer"]:
        tokenizers["target_tokenizer"] = tokenizers["source_tokenizer"]
    source, target = (_tokens(path, side) for side in ("source", "target"))
    for tokens, name, fits in (
        (source, "source_tokenizer", int.__ge__),
        (target, "target_tokenizer", int.__le__),
    ):
        size = tokenizers[name].vocabulary_size
        if not fits(len(tokens), size):
            raise ValueError(
                f"{path}: the vocabulary has {len(tokens)} tokens, and "
                f"{TOKENIZERS[name]} {size}: is one of another model?"
            )
    num_positions = whole_number("num_positions", facts["num_positions"], 1)
    if facts["max_source_length"] > num_positions:
        raise ValueError(
            f"{path / FACTS}: max_source_length must be at most num_positions, which "
            f"is {num_positions}; received {facts['max_source_length']}"
        )
    runner = _runner(path, quantization)
    return {
        "model": CTranslate2Model(runner, source, target, num_positions),
        "options": options,
        **tokenizers,
        **{name: facts[name] for name in ARGUMENTS},
    }


def _checked_facts(path):
    facts = read_json(path / FACTS)
    if facts.get("format") != FACTS_FORMAT:
        raise ValueError(
            f"{path / FACTS} must be of format {FACTS_FORMAT}; received "
            f"{facts.get('format')!r:.60}. Update keras-attention-models, or export "
            "the bundle anew"
        )
    for name, kind in NEEDED.items():
        if type(facts.get(name)) is not kind:
            raise ValueError(
                f"{path / FACTS}: {name} must be of type {kind.__name__}; received "
                f"{facts.get(name)!r:.60}"
            )
    return facts


def _tokens(path, side):
    names = [f"{side}_vocabulary.json", "shared_vocabulary.json"]
    found = [path / name for name in names if (path / name).is_file()]
    if not found:
        raise ValueError(f"{path} lacks {' or '.join(names)}, of CTranslate2")
    try:
        tokens = json.loads(found[0].read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{found[0]} is damaged: {error!s:.200}") from None
    if not isinstance(tokens, list) or not all(isinstance(t, str) for t in tokens):
        raise ValueError(f"{found[0]} is damaged: expected a list of strings")
    return tokens


def _runner(path, quantization):
    ctranslate2 = ctranslate2_module()
    try:
        return ctranslate2.Translator(
            str(path), device="cpu", compute_type=quantization or "default"
        )
    except ValueError as error:
        known = ", ".join(sorted(ctranslate2.get_supported_compute_types("cpu")))
        raise ValueError(
            f"quantization={quantization!r} cannot be computed on this machine, which "
            f"knows {known}: {error}"
        ) from None
    except RuntimeError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
