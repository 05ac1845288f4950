"""What `config.json` of a Marian model says, as far as this package can do it."""

import dataclasses
from pathlib import Path
from typing import Any

from keras_attention.checks import (
    MOST_LAYERS,
    is_kind,
    kind_name,
    real_number,
    whole_number,
)
from keras_attention.files import read_json

CONFIG = "config.json"
TOKENIZER = "tokenizer_config.json"
# Their words for activations, and Keras's.
ACTIVATIONS = {"swish": "silu", "silu": "silu", "relu": "relu", "gelu": "gelu"}
# Of PyTorch's LayerNorm, which Marian's classes leave as it is.
EPSILON = 1e-5
LARGEST = 1 << 24
# Flags of older configurations, with the value that these models have.
FLAGS = {
    "marian": {
        "normalize_before": (False, "norms before each sublayer"),
        "add_final_layer_norm": (False, "a norm after the last block"),
        "normalize_embedding": (False, "a norm of the embeddings"),
        "static_position_embeddings": (True, "positions that are learned"),
    },
    "m2m_100": {
        "normalize_before": (True, "norms after each sublayer"),
        "add_final_layer_norm": (True, "no norm after the last block"),
        "normalize_embedding": (False, "a norm of the embeddings"),
        "static_position_embeddings": (True, "positions that are learned"),
        "share_encoder_decoder_embeddings": (True, "two tables of embeddings"),
    },
}
NAMES = {"marian": "Marian", "m2m_100": "M2M-100"}


@dataclasses.dataclass(frozen=True)
class MarianConfig:
    """Sizes, special ids and habits of one model."""

    model_dim: int
    num_heads: int
    feed_forward_dim: int
    num_layers: int
    num_decoder_layers: int
    activation: str
    vocabulary_size: int
    target_vocabulary_size: int
    share_embeddings: bool
    scale_embedding: bool
    is_tied: bool
    max_positions: int
    dropout: float
    attention_dropout: float
    pad_id: int
    end_id: int
    start_id: int
    raw: dict[str, Any] = dataclasses.field(repr=False)
    model_type: str = "marian"

    @property
    def name(self) -> str:
        """What people call this kind of model."""
        return NAMES[self.model_type]

    @property
    def norm_first(self) -> bool:
        return self.model_type == "m2m_100"

    @property
    def max_wavelength(self) -> float:
        """As `SinePositionEncoding` has it.

        Rates are `10000^(-i / (d/2 - 1))` in fairseq, and in M2M-100 thus, where they
        are `10000^(-i / (d/2))` in the paper.
        """
        half = self.model_dim // 2
        return 10000.0 ** (half / (half - 1)) if self.norm_first else 10000.0

    @property
    def position_offset(self) -> int:
        """Fairseq counts positions from the id of padding, plus one."""
        return self.pad_id + 1 if self.norm_first else 0

    def model_options(self) -> dict[str, Any]:
        """Arguments of `Transformer`, but for the sizes of its vocabularies."""
        return {
            "num_layers": self.num_layers,
            "num_decoder_layers": self.num_decoder_layers,
            "model_dim": self.model_dim,
            "num_heads": self.num_heads,
            "feed_forward_dim": self.feed_forward_dim,
            "dropout": self.dropout,
            "attention_dropout": self.attention_dropout,
            "activation": self.activation,
            "share_embeddings": self.share_embeddings,
            "epsilon": EPSILON,
            "output_bias": True,
            "norm_first": self.norm_first,
            "max_wavelength": self.max_wavelength,
            "position_offset": self.position_offset,
        }


def read_config(folder: str | Path, model_type: str = "marian") -> MarianConfig:
    """Reads `config.json`, and refuses what cannot be imported.

    Args:
        folder: path.
        model_type: `"marian"`, or `"m2m_100"`.

    Raises:
        ValueError: with the file and the key.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise ValueError(f"{folder} is no model of Hugging Face's: it lacks {CONFIG}")
    try:
        return parsed(read_json(path), model_type)
    except ValueError as error:
        raise ValueError(
            str(error) if str(path) in str(error) else f"{path}: {error}"
        ) from None


def parsed(raw: dict[str, Any], model_type: str = "marian") -> MarianConfig:
    """A `MarianConfig` of what `config.json` says."""
    if raw.get("model_type") != model_type:
        raise ValueError(
            f"model_type must be {model_type}; received {raw.get('model_type')!r:.60}"
        )
    _refuse_other_kinds(raw, model_type)
    is_marian = model_type == "marian"

    def size(name, least=1):
        if name not in raw:
            raise ValueError(f"it lacks {name}")
        return whole_number(name, raw[name], least, LARGEST)

    def layers(name):
        return whole_number(name, raw.get(name), 1, MOST_LAYERS)

    def one(name, other, what):
        if size(name) != size(other):
            raise ValueError(
                f"encoder and decoder must have the same {what}; received {name}="
                f"{raw[name]}, {other}={raw[other]}"
            )
        return size(name)

    vocabulary_size = size("vocab_size")
    shared = _value(raw, "share_encoder_decoder_embeddings", bool, True)
    if not shared and raw.get("decoder_vocab_size") is not None:
        target_vocabulary_size = size("decoder_vocab_size")
    else:
        target_vocabulary_size = vocabulary_size
    heads = ("encoder_attention_heads", "decoder_attention_heads", "number of heads")
    widths = ("encoder_ffn_dim", "decoder_ffn_dim", "feed-forward width")
    config = MarianConfig(
        model_dim=size("d_model"),
        num_heads=one(*heads),
        feed_forward_dim=one(*widths),
        num_layers=layers("encoder_layers"),
        num_decoder_layers=layers("decoder_layers"),
        activation=_activation(raw.get("activation_function")),
        vocabulary_size=vocabulary_size,
        target_vocabulary_size=target_vocabulary_size,
        share_embeddings=shared,
        scale_embedding=_value(raw, "scale_embedding", bool, not is_marian),
        is_tied=_value(raw, "tie_word_embeddings", bool, True),
        max_positions=size("max_position_embeddings", 2),
        dropout=real_number("dropout", raw.get("dropout", 0.1), 0, 1),
        attention_dropout=real_number(
            "attention_dropout", raw.get("attention_dropout", 0.0), 0, 1
        ),
        pad_id=size("pad_token_id", 0),
        end_id=whole_number("eos_token_id", one_id(raw, "eos_token_id"), 0, LARGEST),
        start_id=size("decoder_start_token_id", 0),
        raw=raw,
        model_type=model_type,
    )
    _check_fits(config)
    return config


def one_id(table: dict[str, Any], name: str) -> Any:
    """An id that newer configurations may give as a list of one."""
    value = table.get(name)
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _refuse_other_kinds(raw, model_type):
    for name, (wanted, what) in FLAGS[model_type].items():
        if _value(raw, name, bool, wanted) is not wanted:
            raise ValueError(
                f"{name} must be {str(wanted).lower()}; received {raw[name]}, so "
                f"{what}, which no {NAMES[model_type]} model of transformers has"
            )
    if _value(raw, "is_decoder", bool, False):
        raise ValueError("is_decoder must be false: a decoder alone does not translate")


def _activation(name):
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ValueError(
            f"activation_function must be one of {', '.join(ACTIVATIONS)}; received "
            f"{name!r:.60}"
        )
    return ACTIVATIONS[name]


def _value(raw, name, kind, default):
    value = raw.get(name, default)
    if not is_kind(value, kind):
        raise ValueError(f"{name} must be {kind_name(kind)}; received {value!r:.60}")
    return value


def _check_fits(config):
    if config.model_dim % config.num_heads or config.model_dim % 2:
        raise ValueError(
            "d_model must be even, and a multiple of the number of heads; received "
            f"d_model={config.model_dim}, heads={config.num_heads}"
        )
    if config.norm_first and config.model_dim < 4:
        raise ValueError(f"d_model must be at least 4; received {config.model_dim}")
    ids = {
        "pad_token_id": config.pad_id,
        "eos_token_id": config.end_id,
        "decoder_start_token_id": config.start_id,
    }
    size = min(config.vocabulary_size, config.target_vocabulary_size)
    for name, value in ids.items():
        if value >= size:
            raise ValueError(
                f"{name} must be an id below {size}, the size of the vocabulary; "
                f"received {value}"
            )
    if config.pad_id == config.end_id:
        raise ValueError("pad_token_id and eos_token_id must differ")
