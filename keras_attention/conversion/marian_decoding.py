"""How Marian's models decode: `generation_config.json` and `DecodingOptions`."""

from pathlib import Path
from typing import Any

from keras_attention.checks import whole_number
from keras_attention.conversion.marian_config import MarianConfig, one_id
from keras_attention.conversion.marian_vocabulary import Vocabulary
from keras_attention.decoding.options import MOST_STEPS, DecodingOptions
from keras_attention.files import read_json
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID, UNKNOWN_ID

GENERATION = "generation_config.json"
# Ours by their names. Their `min_length` counts the start token and not the end, ours
# the end and not the start.
SAME = {
    "num_beams": "beam",
    "num_return_sequences": "n_best",
    "length_penalty": "length_penalty",
    "early_stopping": "early_stopping",
    "min_length": "min_length",
    "no_repeat_ngram_size": "no_repeat_ngram",
}
# What they do where nothing is said.
DEFAULTS = {"beam": 1, "length_penalty": 1.0, "early_stopping": False}
MAX_LENGTH = 20


def generation_table(folder: str | Path, config: MarianConfig) -> dict[str, Any]:
    """What is said of generation: by its own file, and by `config.json` before."""
    path = Path(folder) / GENERATION
    if path.is_file():
        return read_json(path)
    # What MarianConfig of transformers takes where nothing is said.
    marian = {"forced_eos_token_id": 0} if config.raw["model_type"] == "marian" else {}
    return {**marian, **config.raw}


def options_of(
    table: dict[str, Any], config: MarianConfig, unknown_id: int
) -> DecodingOptions:
    """Options that decode as transformers do.

    Args:
        table: what `generation_table` gave.
        config: `MarianConfig`.
        unknown_id: int. Theirs.

    Raises:
        ValueError: for a value that cannot be, or words forbidden beyond the special
            ones.
    """
    given = {
        ours: table[theirs]
        for theirs, ours in SAME.items()
        if table.get(theirs) is not None
    }
    length = whole_number(
        f"{GENERATION}: max_length",
        table.get("max_length") or MAX_LENGTH,
        1,
        MOST_STEPS + 1,
        saturates=True,
    )
    bad = _bad_ids(table.get("bad_words_ids") or [])
    others = bad - {config.pad_id, config.start_id, unknown_id}
    if others:
        raise ValueError(
            f"bad_words_ids forbids more than special tokens: {sorted(others)[:5]}; "
            "take them out, or forbid them by final_logits_bias"
        )
    return DecodingOptions.from_table(
        {
            **DEFAULTS,
            **given,
            "beam_rule": "pool",
            "score_forced": False,
            "force_end": one_id(table, "forced_eos_token_id") is not None,
            # Theirs counts the token that decoding starts with.
            "max_length": max(length - 1, 1),
            "max_length_ratio": MOST_STEPS,
            "unknown": "forbid" if unknown_id in bad else "allow",
        },
        where=GENERATION,
    )


def keep_out_forbidden(
    vocabulary: Vocabulary, options: DecodingOptions, table: dict[str, Any]
) -> None:
    """Marks what is never said, if it leaves its probability to the rest.

    Args:
        vocabulary: `Vocabulary` of the target, whose `is_kept_out` is changed.
        options: what `options_of` gave.
        table: what `generation_table` gave.
    """
    if table.get("renormalize_logits") is True:
        vocabulary.is_kept_out[PAD_ID] = True
        vocabulary.is_kept_out[UNKNOWN_ID] |= options.unknown == "forbid"


def _bad_ids(words):
    single = isinstance(words, list) and all(
        isinstance(word, list) and len(word) == 1 and isinstance(word[0], int)
        for word in words
    )
    if not single:
        raise ValueError(
            f"bad_words_ids must be lists of one id each; received {words!r:.80}"
        )
    return {word[0] for word in words}


def generation_config(options: DecodingOptions) -> dict[str, Any]:
    """`generation_config.json` of options, with our ids."""
    forbidden = [[PAD_ID], [START_ID]]
    if options.unknown == "forbid":
        forbidden.append([UNKNOWN_ID])
    theirs = {name: getattr(options, ours) for name, ours in SAME.items()}
    if options.force_end:
        theirs["forced_eos_token_id"] = END_ID
    return {
        **theirs,
        "bad_words_ids": forbidden,
        "decoder_start_token_id": START_ID,
        "do_sample": False,
        "eos_token_id": END_ID,
        "max_length": options.max_length + 1,
        "pad_token_id": PAD_ID,
    }
