"""How Marian's models decode: `generation_config.json` and `DecodingOptions`."""

import json
import reprlib
from pathlib import Path
from typing import Any

from keras_attention.checks import whole_number
from keras_attention.conversion.marian_config import CONFIG, MarianConfig, one_id
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
MAX_NEW_TOKENS = 20
# What changes translations there and is not done here, with the values that, as null
# does, change nothing. Without `do_sample`, `temperature`, `top_k` and the like do not.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "do_sample": (False,),
    "repetition_penalty": (1,),
    "encoder_repetition_penalty": (1,),
    "encoder_no_repeat_ngram_size": (0,),
    "exponential_decay_length_penalty": (),
    "sequence_bias": ([], {}),
    "suppress_tokens": ([],),
    "begin_suppress_tokens": ([],),
    "num_beam_groups": (1,),
    "diversity_penalty": (0,),
    "penalty_alpha": (0,),
    "guidance_scale": (1,),
    "constraints": ([],),
    "force_words_ids": ([],),
    "stop_strings": ([],),
    "max_time": (),
    "dola_layers": (),
    "watermarking_config": (),
}


def generation_table(folder: str | Path, config: MarianConfig) -> dict[str, Any]:
    """What is said of generation: by its own file, and by `config.json` before.

    Raises:
        ValueError: with the file and the key, for what changes translations and is
            not done here.
    """
    path = Path(folder) / GENERATION
    is_own = path.is_file()
    table = read_json(path) if is_own else config.raw
    _refuse_others(path if is_own else path.with_name(CONFIG), table, config)
    if is_own or config.model_type != "marian":
        return table
    # What MarianConfig of transformers takes where nothing is said.
    return {"forced_eos_token_id": 0, **table}


def _refuse_others(path, table, config):
    # M2M-100 may say its default language so.
    others = {} if config.model_type == "m2m_100" else {"forced_bos_token_id": ()}
    for name, neutral in {**NEUTRAL, **others}.items():
        value = table.get(name)
        if value is not None and value not in neutral:
            wanted = " or ".join(["left out", *map(json.dumps, neutral)])
            raise ValueError(
                f"{path}: {name} must be {wanted}, since nothing like it is done here; "
                f"received {reprlib.repr(value):.80}. Take it out to import the model, "
                "which then decodes without it"
            )
    ids = {
        "eos_token_id": config.end_id,
        "forced_eos_token_id": config.end_id,
        "decoder_start_token_id": config.start_id,
    }
    for name, wanted in ids.items():
        value = one_id(table, name)
        if value is not None and value != wanted:
            key = name.removeprefix("forced_")
            raise ValueError(
                f"{path}: {name} must be {wanted}, the {key} of {CONFIG}; received "
                f"{reprlib.repr(value):.80}. Take it out, or correct the one that is "
                "wrong"
            )


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
    if table.get("min_new_tokens") is not None:
        least = _number(table, "min_new_tokens", 0, MOST_STEPS)
        given["min_length"] = least + 1  # behind as many, the end
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
            "max_length": _max_length(table, config),
            "max_length_ratio": MOST_STEPS,
            "unknown": "forbid" if unknown_id in bad else "allow",
        },
        where=GENERATION,
    )


def _max_length(table, config):
    """Tokens that may be generated; `max_length` counts the one they start with too."""
    if table.get("max_new_tokens") is not None:
        return _number(table, "max_new_tokens", 1, MOST_STEPS)
    if table.get("max_length"):
        return max(_number(table, "max_length", 1, MOST_STEPS + 1) - 1, 1)
    return min(MAX_NEW_TOKENS, config.max_positions - 1)


def _number(table, name, least, most):
    name, value = f"{GENERATION}: {name}", table[name]
    return whole_number(name, value, least, most, saturates=True)


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
            f"bad_words_ids must be lists of one id each; received "
            f"{reprlib.repr(words):.80}"
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
