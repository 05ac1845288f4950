"""A folder of Hugging Face's Marian model becomes the parts of a `Translator`."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from keras_attention.checks import whole_number
from keras_attention.conversion.checkpoint import Checkpoint
from keras_attention.conversion.hub import local_folder
from keras_attention.conversion.marian_config import (
    LARGEST,
    TOKENIZER,
    MarianConfig,
    read_config,
)
from keras_attention.conversion.marian_decoding import (
    generation_table,
    keep_out_forbidden,
    options_of,
)
from keras_attention.conversion.marian_tensors import check_tensors, read_tables
from keras_attention.conversion.marian_tokenizers import (
    numbered,
    read_proto,
    unknown_pieces,
)
from keras_attention.conversion.marian_vocabulary import (
    KEPT_OUT,
    Vocabulary,
    read_vocabulary,
)
from keras_attention.conversion.marian_weights import (
    BIAS,
    alternating,
    block_weights,
    last_norm,
)
from keras_attention.data.special_ids import PIECES
from keras_attention.files import read_json
from keras_attention.special_tokens import START_ID, UNKNOWN_ID

ROWS_AT_ONCE = 4096


def read_marian(path: str | Path, dtype: str | None = None) -> dict[str, Any]:
    """Reads a model that transformers' `MarianMTModel` and `MarianTokenizer` read.

    Args:
        path: its folder, or `hf://owner/name`.
        dtype: str, optional. A dtype policy of Keras; float32 by default, whatever the
            file has.

    Returns:
        dict of the arguments of `Translator`.

    Raises:
        ValueError: if files are missing or damaged, or say what no `Transformer` of
            this package can do; with the reason.
    """
    folder = local_folder(path)
    config = read_config(folder)
    checkpoint = Checkpoint(folder)
    # Before anything large is made, sizes are compared with what the files hold.
    check_tensors(config, checkpoint)
    notes = _tokenizer_notes(folder)
    source, target = _vocabularies(folder, config, notes)
    unknown_id = int(target.rows[UNKNOWN_ID])
    protos = {n: read_proto(folder / n) for n in ("source.spm", "target.spm")}
    source = source.with_unknown(unknown_pieces(protos["source.spm"], source.pieces))
    target = source if config.share_embeddings else target
    table = generation_table(folder, config)
    options = options_of(table, config, unknown_id)
    keep_out_forbidden(target, options, table)
    model = model_of(config, checkpoint, source, target, dtype)
    source_path, target_path = folder / "source.spm", folder / "target.spm"
    return {
        "model": model,
        "source_tokenizer": numbered(protos["source.spm"], source, True, source_path),
        "target_tokenizer": numbered(protos["target.spm"], target, False, target_path),
        "options": options,
        "max_source_length": min(config.max_positions, notes["model_max_length"]),
        "source_language": notes["source_lang"],
        "target_language": notes["target_lang"],
        "training": {"imported": {"format": "marian", "path": str(path)}},
    }


def _vocabularies(folder, config, notes):
    """Of source and target: two, or the same one twice."""
    unknown, end = notes["unk_token"], config.end_id
    target_file = "vocab.json" if config.share_embeddings else "target_vocab.json"
    target = read_vocabulary(
        folder / target_file,
        config.target_vocabulary_size,
        config.pad_id,
        unknown,
        end,
        config.start_id,
    )
    if config.share_embeddings:
        return target, target
    source = read_vocabulary(
        folder / "vocab.json",
        config.vocabulary_size,
        config.pad_id,
        unknown,
        notes["eos_token"],
        PIECES[START_ID],
    )
    return source, target


def _tokenizer_notes(folder):
    notes: dict[str, Any] = {"unk_token": "<unk>", "eos_token": "</s>"}
    notes |= {"source_lang": "", "target_lang": ""}
    path = folder / TOKENIZER
    found = read_json(path) if path.is_file() else {}
    for name in notes:
        value = found.get(name, notes[name])
        # A token may be described, by what it takes of the spaces around it.
        value = value.get("content") if isinstance(value, dict) else value
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{path}: {name} must be a string; received {value!r:.60}")
        notes[name] = value or notes[name]
    # Where there is none, transformers say a number of thirty digits.
    longest = found.get("model_max_length")
    notes["model_max_length"] = LARGEST
    if longest is not None:
        notes["model_max_length"] = whole_number(
            f"{path}: model_max_length", longest, 2, LARGEST, saturates=True
        )
    return notes


def model_of(
    config: MarianConfig,
    checkpoint: Checkpoint,
    source: Vocabulary,
    target: Vocabulary,
    dtype: str | None,
) -> Any:
    """The `Transformer` of a checkpoint, with its weights."""
    from keras_attention.models.transformer import Transformer

    changes: dict[str, Any] = {} if dtype is None else {"dtype": dtype}
    tables = read_tables(config, checkpoint)
    model = Transformer(
        len(source.pieces),
        len(target.pieces),
        **config.model_options(),
        **changes,
    )
    model.build()
    model.built = True
    order = alternating(config.model_dim)
    scale = 1.0 if config.scale_embedding else math.sqrt(config.model_dim)
    sides = [(model.source_embedding, source), (model.target_embedding, target)]
    while tables:  # one for each side, or one for both; each goes when it is assigned
        embedding, side = sides.pop()
        _assign_rows(embedding.embeddings, tables.pop(), side.rows, order, scale)
    for weight in block_weights(model):
        weight.variable.assign(weight.to_ours(checkpoint.read(weight.name)))
    if not config.scale_embedding:
        # Ours are always multiplied by √d, so that the tables were divided by it; what
        # is compared with them on the way out makes up for that.
        for variable in last_norm(model):
            variable.assign(variable * math.sqrt(config.model_dim))
    logit_bias: Any = model.logit_bias
    logit_bias.assign(_bias(config, checkpoint, target))
    return model


def _assign_rows(variable, table, rows, order, scale):
    """Assigns `table[rows][:, order] / scale`, with no copy in a wider dtype."""
    import keras
    import ml_dtypes  # noqa: F401  teaches NumPy bfloat16

    dtype = np.dtype(keras.backend.standardize_dtype(variable.dtype))
    values = np.empty((len(rows), len(order)), dtype)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        part = table[rows[start : start + ROWS_AT_ONCE]].astype("float32")
        values[start : start + ROWS_AT_ONCE] = part[:, order] / np.float32(scale)
    variable.assign(values)


def _bias(config, checkpoint, target):
    bias = np.zeros(config.target_vocabulary_size, "float32")
    if BIAS in checkpoint.shapes:
        bias = checkpoint.read(BIAS).ravel()
    bias = bias[target.rows]
    bias[target.is_kept_out] = KEPT_OUT
    return bias
