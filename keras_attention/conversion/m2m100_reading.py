"""A folder of Hugging Face's M2M-100 or NLLB becomes the parts of a `Translator`.

Their networks are Marian's with norms first, and with fairseq's positions.
"""

from pathlib import Path
from typing import Any

from keras_attention.conversion.checkpoint import Checkpoint
from keras_attention.conversion.hub import local_folder
from keras_attention.conversion.m2m100_vocabulary import (
    cutting_file,
    read_cutting,
    read_multilingual,
)
from keras_attention.conversion.marian_config import one_id, read_config
from keras_attention.conversion.marian_decoding import (
    generation_table,
    keep_out_forbidden,
    options_of,
)
from keras_attention.conversion.marian_reading import model_of
from keras_attention.conversion.marian_tensors import check_tensors
from keras_attention.conversion.marian_tokenizers import (
    numbered,
    unknown_pieces,
)
from keras_attention.special_tokens import UNKNOWN_ID


def read_m2m100(
    path: str | Path,
    dtype: str | None = None,
    source_language: str | None = None,
    target_language: str | None = None,
) -> dict[str, Any]:
    """Reads a model that transformers' `M2M100ForConditionalGeneration` reads.

    Args:
        path: its folder, or `hf://owner/name`.
        dtype: str, optional. A dtype policy of Keras; float32 by default, whatever the
            file has.
        source_language: str, optional. The default; else what the tokenizer has.
        target_language: str, optional. The default; else what the tokenizer has.

    Returns:
        dict of the arguments of `Translator`.

    Raises:
        ValueError: if files are missing or damaged, or say what no `Transformer` of
            this package can do; with the reason.
    """
    folder = local_folder(path)
    config = read_config(folder, "m2m_100")
    checkpoint = Checkpoint(folder)
    # Before anything large is made, sizes are compared with what the files hold.
    check_tensors(config, checkpoint)
    cutting = cutting_file(folder)
    proto = read_cutting(cutting)
    table = generation_table(folder, config)
    forced_id = one_id(table, "forced_bos_token_id")
    found = read_multilingual(folder, config, proto, forced_id)
    vocabulary = found.vocabulary
    unknown_id = int(vocabulary.rows[UNKNOWN_ID])
    vocabulary = vocabulary.with_unknown(unknown_pieces(proto, vocabulary.pieces))
    options = options_of(table, config, unknown_id)
    keep_out_forbidden(vocabulary, options, table)
    tokenizer = numbered(
        proto, vocabulary, True, cutting, found.controls, may_lack=True
    )
    return {
        "model": model_of(config, checkpoint, vocabulary, vocabulary, dtype),
        "source_tokenizer": tokenizer,
        "options": options,
        "max_source_length": config.max_positions,
        "source_language": source_language or found.source_language,
        "target_language": target_language or found.target_language,
        "languages": found.languages,
        "training": {"imported": {"format": "m2m_100", "path": str(path)}},
    }
