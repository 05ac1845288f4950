"""The ids of M2M-100's and NLLB's pieces, and of the languages they know.

M2M-100     `vocab.json` has the ids; languages follow it, `__en__` for en
NLLB        SentencePiece's own, moved by fairseq's offset; languages follow, `eng_Latn`

Both cut texts by `sentencepiece.bpe.model`, NLLB also by the `tokenizer.json` that was
made of it, where that is all there is. Fairseq puts `<s>`, `<pad>`, `</s>` and `<unk>`
before all else, where SentencePiece has `<unk>`, `<s>` and `</s>`.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

from keras_attention.conversion.marian_config import TOKENIZER, MarianConfig
from keras_attention.conversion.marian_tokenizers import read_proto
from keras_attention.conversion.marian_vocabulary import (
    Vocabulary,
    in_our_order,
    read_ids,
)
from keras_attention.conversion.tokenizer_json import added_ids, read_tokenizer_json
from keras_attention.files import read_json

SPM = "sentencepiece.bpe.model"
TOKENIZER_JSON = "tokenizer.json"
NOTES = (TOKENIZER, "special_tokens_map.json")
FAIRSEQ = ("<s>", "<pad>", "</s>", "<unk>")
NLLB_CODE = re.compile(r"[a-z]{3}_[A-Z][a-z]{3}")
ID = re.compile("[0-9]{1,9}")
CONTROL = re.compile("<([a-z]+|[0-9]+)>")
# Languages of M2M-100 in the order of their ids, which no file says; and those of the
# models of WMT 2021.
M2M100_LANGUAGES = {
    "m2m100": (
        "af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr "
        "fy ga gd gl gu ha he hi hr ht hu hy id ig ilo is it ja jv ka kk km kn ko lb "
        "lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt ro ru sd si "
        "sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu"
    ).split(),
    "wmt21": "en ha is ja cs ru zh de".split(),
}


class MultilingualVocabulary(NamedTuple):
    """Pieces in our order, and what is not cut into."""

    vocabulary: Vocabulary
    languages: dict[str, str]  # names, and the pieces that stand for them
    controls: set[str]  # pieces that no text is cut into
    source_language: str
    target_language: str


def cutting_file(folder: Path) -> Path:
    """Which file of a folder says how texts are cut."""
    has_ids = (folder / SPM).is_file() or (folder / "vocab.json").is_file()
    path = folder / TOKENIZER_JSON
    return path if path.is_file() and not has_ids else folder / SPM


def read_cutting(path: Path) -> Any:
    """The ModelProto of what `cutting_file` gave; ValueError if it is damaged."""
    if path.name == TOKENIZER_JSON:
        return read_tokenizer_json(path, FAIRSEQ)
    return read_proto(path)


def read_multilingual(
    folder: Path, config: MarianConfig, proto: Any, forced_id: Any = None
) -> MultilingualVocabulary:
    """Reads the files of `M2M100Tokenizer` or `NllbTokenizer`, whichever they are of.

    Args:
        folder: Path.
        config: `MarianConfig`.
        proto: ModelProto that cuts texts.
        forced_id: int, optional. Theirs that translations begin with, if it is always
            the same.

    Raises:
        ValueError: if files are missing or damaged, or contradict each other.
    """
    notes: dict[str, Any] = {}
    for name in NOTES:
        if (folder / name).is_file():
            notes = {**read_json(folder / name), **notes}
    size = config.vocabulary_size
    if (folder / "vocab.json").is_file():
        path, ids = folder / "vocab.json", read_ids(folder / "vocab.json", size)
        languages = _m2m100_languages(folder, notes)
        count = len(ids)
        ids |= {piece: count + i for i, piece in enumerate(languages.values())}
        default = "en"
    else:
        path, ids = cutting_file(folder), _fairseq_ids(proto)
        if notes.get("legacy_behaviour"):
            raise ValueError(
                f"{folder}: legacy_behaviour must be false; received true: texts that "
                "end with their language are no longer made"
            )
        added = _added_ids(folder, notes, len(proto.pieces) + 1)
        languages = {piece: piece for piece in added if NLLB_CODE.fullmatch(piece)}
        if not languages:
            raise ValueError(
                f"{folder} names no languages: it needs the tokenizer.json or the "
                "special_tokens_map.json that the model came with"
            )
        ids |= added
        default = "eng_Latn"
    missing = [piece for piece in FAIRSEQ[1:] if piece not in ids]
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}")
    most = max(ids.values())
    if most >= size:
        raise ValueError(
            f"{path}: with its languages ids go up to {most:,}, and config.json gives "
            f"a vocab_size of {size:,}"
        )
    special = (config.pad_id, ids["<unk>"], config.start_id, config.end_id)
    names = {number: name for name, number in ids.items()}
    forced = {piece: name for name, piece in languages.items()}.get(
        names.get(forced_id, "") if isinstance(forced_id, int) else "", ""
    )
    vocabulary = in_our_order(path, ids, size, special)
    return MultilingualVocabulary(
        vocabulary,
        languages,
        # As `<mask>` of theirs, their `<s>`, and rows that have no piece.
        {*languages.values(), *filter(CONTROL.fullmatch, vocabulary.pieces)},
        _language(folder, notes, "src_lang", languages) or default,
        _language(folder, notes, "tgt_lang", languages) or forced,
    )


def _m2m100_languages(folder, notes):
    kind = notes.get("language_codes", "m2m100")
    if not isinstance(kind, str) or kind not in M2M100_LANGUAGES:
        raise ValueError(
            f"{folder}: language_codes must be one of {', '.join(M2M100_LANGUAGES)}; "
            f"received {kind!r:.60}"
        )
    return {name: f"__{name}__" for name in M2M100_LANGUAGES[kind]}


def _fairseq_ids(proto):
    """Fairseq's ids of the pieces of a SentencePiece model."""
    kinds = type(proto.pieces[0])
    special = [piece.type in (kinds.UNKNOWN, kinds.CONTROL) for piece in proto.pieces]
    if not all(special[:3]) or any(special[3:]):
        raise ValueError(
            f"{SPM} must have <unk>, <s> and </s> before its pieces, and no others of "
            f"the kind; received {[piece.piece for piece in proto.pieces[:4]]}"
        )
    ids = {piece: i for i, piece in enumerate(FAIRSEQ)}
    ids.update((piece.piece, i + 4) for i, piece in enumerate(proto.pieces[3:]))
    return ids


def _added_ids(folder, notes, first):
    """Ids of what follows the pieces: by whichever file says them."""
    path = folder / TOKENIZER_JSON
    if path.is_file():
        tokens = read_json(path).get("added_tokens") or []
    else:
        path = folder / TOKENIZER
        tokens = _decoded(notes.get("added_tokens_decoder") or {})
    added = {name: i for name, i in added_ids(path, tokens).items() if i >= first}
    if added:
        return added
    for key in ("extra_special_tokens", "additional_special_tokens"):
        names = notes.get(key)
        if isinstance(names, list) and any(map(NLLB_CODE.fullmatch, map(str, names))):
            names = [str(name) for name in names if str(name) not in FAIRSEQ]
            names += [] if "<mask>" in names else ["<mask>"]
            return {name: first + i for i, name in enumerate(names)}
    return {}


def _decoded(decoder):
    """Tokens by their ids, `{"4": {…}}`, as the list of `tokenizer.json`."""
    if not isinstance(decoder, dict):
        return decoder
    return [
        {**token, "id": int(i)}
        if isinstance(token, dict) and ID.fullmatch(i)
        else (i, token)
        for i, token in decoder.items()
    ]


def _language(folder, notes, key, languages):
    name = notes.get(key) or ""
    if name and not (isinstance(name, str) and name in languages):
        raise ValueError(
            f"{folder}: {key} must be one of {', '.join(languages):.400}; received "
            f"{name!r:.60}"
        )
    return name
