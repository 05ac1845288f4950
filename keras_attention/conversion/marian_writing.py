"""A `Translator` becomes a folder that transformers read as a Marian model.

Ids stay what they are here: the vocabulary is ours, decoding starts with `<s>`, and
neither it nor `<pad>` may be said.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from keras_attention.conversion.marian_config import (
    ACTIVATIONS,
    CONFIG,
    EPSILON,
    TOKENIZER,
)
from keras_attention.conversion.marian_decoding import GENERATION, generation_config
from keras_attention.conversion.marian_tokenizers import LANGUAGE_CODE, SPACE
from keras_attention.conversion.marian_weights import (
    BIAS,
    SHARED,
    SOURCE_TABLE,
    TARGET_TABLE,
    block_weights,
    halves,
)
from keras_attention.data.special_ids import PIECES
from keras_attention.files import whole_folder
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID, UNKNOWN_ID

# As OPUS-MT's models have, at least.
POSITIONS = 512


def write_marian(translator: Any, path: str | Path, overwrite: bool = False) -> Path:
    """Writes a folder for transformers' `MarianMTModel` and `MarianTokenizer`.

    Args:
        translator: `Translator` of a `Transformer` that Marian's configuration can say.
        path: of the folder.
        overwrite: bool. Whether to replace a folder that is there.

    Returns:
        Path of the folder.

    Raises:
        ValueError: if Marian has no such model; with the reason.
        FileExistsError: if the folder exists and may not be overwritten.
    """
    from safetensors.numpy import save_file

    check_model(translator.model)
    vocabularies = _vocabularies(translator)
    with whole_folder(path, overwrite, ", or pass overwrite=True") as folder:
        tensors = _tensors(translator.model)
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        texts = {
            CONFIG: _config(translator),
            GENERATION: generation_config(translator.options),
            TOKENIZER: _tokenizer_config(translator),
            **vocabularies,
        }
        for name, value in texts.items():
            text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
            (folder / name).write_text(text, encoding="utf-8")
        translator.source_tokenizer.save(folder / "source.spm")
        translator.target_tokenizer.save(folder / "target.spm")
    return Path(path)


def check_model(model: Any) -> None:
    """Refuses a model that Marian's configuration cannot say; ValueError."""
    from keras_attention.models.transformer import Transformer

    why = None
    if not isinstance(model, Transformer):
        why = f"is a {type(model).__name__}, and Marian a Transformer"
    elif any("int" in weight.dtype for weight in model.weights):
        why = "is quantised, and Marian has floats; export it before"
    elif model.norm_first:
        why = "has norm_first=True, and Marian's norms come last (post-norm)"
    elif model.epsilon > EPSILON:
        why = f"has epsilon={model.epsilon}, and Marian's norms {EPSILON}"
    elif (model.max_wavelength, model.position_offset) != (10000, 0):
        why = (
            f"has max_wavelength={model.max_wavelength} and position_offset="
            f"{model.position_offset}, and Marian 10000 and 0"
        )
    elif model.activation not in ACTIVATIONS.values():
        known = ", ".join(sorted(set(ACTIVATIONS.values())))
        why = f"has activation={model.activation!r}, and Marian one of {known}"
    elif model.model_dim % 2:
        why = f"has model_dim={model.model_dim}, and Marian's is even"
    if why is not None:
        raise ValueError(f"it cannot be written as a Marian model: it {why}")


def _vocabularies(translator):
    """Files of ids: one where both sides share a table, else two."""
    model = translator.model
    sides = {
        "vocab.json": (translator.source_tokenizer, model.source_vocabulary_size),
        "target_vocab.json": (
            translator.target_tokenizer,
            model.target_vocabulary_size,
        ),
    }
    ids = {}
    for name, (tokenizer, size) in sides.items():
        pieces = tokenizer.ids_to_tokens(range(min(size, tokenizer.vocabulary_size)))
        # A tokenizer that others trained may call the special ones otherwise, each side
        # in its own way; Marian's has one name for both.
        pieces[: len(PIECES)] = PIECES
        codes = [piece.removeprefix(SPACE) for piece in pieces]
        pieces = [
            code if LANGUAGE_CODE.fullmatch(code) else piece
            for piece, code in zip(pieces, codes, strict=True)
        ]
        ids[name] = {piece: number for number, piece in enumerate(pieces)}
        if len(ids[name]) != len(pieces):
            raise ValueError(
                "two pieces of a tokenizer would have one name in Marian's"
            )
    if not model.share_embeddings:
        return ids
    if ids["vocab.json"] != ids["target_vocab.json"]:
        raise ValueError(
            "it cannot be written as a Marian model: it shares its embeddings, and its "
            "tokenizers number pieces differently"
        )
    return {"vocab.json": ids["vocab.json"]}


def _config(translator):
    model = translator.model
    theirs = {ours: name for name, ours in ACTIVATIONS.items() if name != "swish"}
    # Sines have no end: room for longer texts than are cut to here costs nothing.
    positions = max(
        POSITIONS, translator.max_source_length, translator.options.max_length + 1
    )
    sides = {}
    for side, blocks in (
        ("encoder", model.encoder_blocks),
        ("decoder", model.decoder_blocks),
    ):
        sides |= {
            f"{side}_layers": len(blocks),
            f"{side}_attention_heads": model.num_heads,
            f"{side}_ffn_dim": model.feed_forward_dim,
        }
    return {
        "architectures": ["MarianMTModel"],
        "model_type": "marian",
        "is_encoder_decoder": True,
        "d_model": model.model_dim,
        **sides,
        "activation_function": theirs[model.activation],
        "dropout": model.dropout,
        "attention_dropout": model.attention_dropout,
        "scale_embedding": True,
        "static_position_embeddings": True,
        "max_position_embeddings": positions,
        "vocab_size": model.source_vocabulary_size,
        "decoder_vocab_size": model.target_vocabulary_size,
        "share_encoder_decoder_embeddings": model.share_embeddings,
        "tie_word_embeddings": True,
        "pad_token_id": PAD_ID,
        "eos_token_id": END_ID,
        "decoder_start_token_id": START_ID,
        "forced_eos_token_id": END_ID if translator.options.force_end else None,
        "dtype": "float32",
    }


def _tokenizer_config(translator):
    return {
        "tokenizer_class": "MarianTokenizer",
        "source_lang": translator.source_language or None,
        "target_lang": translator.target_language or None,
        "separate_vocabs": not translator.model.share_embeddings,
        "model_max_length": translator.max_source_length,
        "unk_token": PIECES[UNKNOWN_ID],
        "eos_token": PIECES[END_ID],
        "pad_token": PIECES[PAD_ID],
    }


def _tensors(model):
    order = halves(model.model_dim)
    tables = {SHARED: model.target_embedding}
    if not model.share_embeddings:
        tables = {SOURCE_TABLE: model.source_embedding}
        tables[TARGET_TABLE] = model.target_embedding
    tensors = {
        name: np.ascontiguousarray(_array(embedding.embeddings)[:, order])
        for name, embedding in tables.items()
    }
    for weight in block_weights(model):
        tensors[weight.name] = weight.to_theirs(_array(weight.variable))
    bias = np.zeros(model.target_vocabulary_size, "float32")
    if model.logit_bias is not None:
        bias = _array(model.logit_bias)
    tensors[BIAS] = bias[None]
    return tensors


def _array(variable):
    import keras

    return keras.ops.convert_to_numpy(variable).astype("float32")
