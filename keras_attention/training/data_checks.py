"""What the `[data]` of a recipe may not say, found out before anything is read."""

from keras_attention.checks import below_one, real_number
from keras_attention.data.special_ids import check_symbols
from keras_attention.data.text.direction import check_direction
from keras_attention.data.text.toy import TASKS
from keras_attention.training.data_keys import HELD_OUT

# What a corpus among several says in its own table.
OF_ONE_CORPUS = ("corpus", "target", "swap", "alignments")


def check_data(data):
    """Refuses keys that contradict each other.

    Args:
        data: `DataConfig`.

    Raises:
        ValueError: with what is wrong, where, and what would be right.
    """
    if data.corpora:
        for key in OF_ONE_CORPUS:
            if getattr(data, key):
                raise ValueError(
                    f"data.{key} is of one corpus, and data.corpora names several; "
                    f"received {getattr(data, key)!r}: give it in the table of its "
                    "corpus"
                )
    for where, table in data.tables():
        _check_table(where, table)
        if table.tag:
            _check_tag(where, table)
        else:
            languages = data.source_language, data.target_language
            check_direction(table.corpus, *languages, table.swap)
    _check_held_out("data", data)
    _check_untagged(data)
    _check_weights([table.weight for table in data.corpora])
    linked = [bool(table.alignments) for _, table in data.tables()]
    if any(linked) and not all(linked):
        raise ValueError(
            "data.corpora: give alignments of all corpora or of none; received none of "
            f"data.corpora[{linked.index(False)}]"
        )
    if sum(table.corpus == "-" for _, table in data.tables()) > 1:
        raise ValueError(
            'data.corpora: standard input, "-", comes once; received it twice'
        )


def _check_table(where, table):
    if not table.corpus:
        raise ValueError(
            f"{where}.corpus is missing: name a shipped corpus, a toy task or a file"
        )
    real_number(f"{where}.weight", table.weight, 0)
    _check_held_out(where, table)


def _check_tag(where, table):
    try:
        check_symbols([table.tag])
    except ValueError as error:
        raise ValueError(f"{where}.tag: {error}") from None
    if table.alignments:
        raise ValueError(
            f"{where}.tag is one more word of each source, and alignments do not count "
            "it; leave out one of them"
        )


def _check_held_out(where, table):
    for key in HELD_OUT.values():
        name, target = getattr(table, key), getattr(table, f"{key}_target")
        if target and not name:
            raise ValueError(
                f"{where}.{key}_target is the target side of {where}.{key}, which is "
                f"missing; received {target!r} alone"
            )
        if name == "-" or name in TASKS:
            raise ValueError(
                f"{where}.{key} must be the path of a file, or a shipped corpus; "
                f"received {name!r}"
            )


def _check_untagged(data):
    """Files of `[data]` itself are of no corpus, and so without its tag."""
    for key in HELD_OUT.values():
        if getattr(data, key) and data.tags():
            raise ValueError(
                "data.validation and data.test have no tag, and data.corpora have; "
                f"received data.{key}={getattr(data, key)!r}: name the files in the "
                "tables of their corpora"
            )


def _check_weights(weights):
    if any(weights) and not all(weights):
        raise ValueError(
            "data.corpora: give every corpus a weight above 0, or none any; received "
            f"{', '.join(f'{weight:g}' for weight in weights)}"
        )


def check_tokenizer(config, guided_alignment=0.0, start=False):
    """Refuses keys of `[tokenizer]` that contradict each other.

    Args:
        config: `TokenizerConfig`.
        guided_alignment: float. That of the recipe.
        start: bool. Whether the tokenizers are those of a bundle, whose kinds are not
            known yet.

    Raises:
        ValueError: with what is wrong, and what would be right.
    """
    if config.target_model and (config.shared or not config.model):
        raise ValueError(
            "tokenizer.target_model is a second one, beside tokenizer.model and with "
            f"tokenizer.shared=false; received model={config.model!r}, "
            f"target_model={config.target_model!r}, shared={config.shared}"
        )
    if config.model and not config.shared and not config.target_model:
        raise ValueError(
            "tokenizer.model with shared=false needs tokenizer.target_model too, which "
            f"may be the same file; received model={config.model!r} alone"
        )
    try:
        check_symbols(list(config.user_defined_symbols))
    except ValueError as error:
        raise ValueError(f"tokenizer.user_defined_symbols: {error}") from None
    real_number("tokenizer.sampling_alpha", config.sampling_alpha, 0)
    below_one("tokenizer.bpe_dropout", config.bpe_dropout)
    if not (config.model or start):
        check_sampling(config, [config.type])
    if guided_alignment and (config.sampling_alpha or config.bpe_dropout):
        raise ValueError(
            "training.guided_alignment links the pieces of best segmentations, and "
            "tokenizer.sampling_alpha and bpe_dropout draw others; leave out one"
        )


def check_sampling(config, types):
    """Refuses to draw segmentations of tokenizers that cannot.

    Args:
        config: `TokenizerConfig`.
        types: list of str. The kinds of its models.
    """
    for key, kind in (("sampling_alpha", "unigram"), ("bpe_dropout", "bpe")):
        if getattr(config, key) and kind not in types:
            raise ValueError(
                f"tokenizer.{key} draws from a model of the type {kind!r}; received "
                f"{getattr(config, key)} and the type {' and '.join(types)}: set it to "
                "0, or take another type"
            )
