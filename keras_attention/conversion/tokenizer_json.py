"""The SentencePiece model of BPE that a `tokenizer.json` was made of.

Hugging Face's tokenizers keep merges, pairs of tokens, and do the first of them first.
SentencePiece keeps scores, and puts together the two neighbours that make the piece of
the highest score. Both cut alike where

- the merges of a piece are all ways to make it of two others, and stand together;
- its score is -r, if it is the r-th piece that merges make.

The files that were made of a SentencePiece model are so, as NLLB's are.
"""

import base64
import re
import reprlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_attention.data.special_ids import proto_class
from keras_attention.data.subwords import SPACE
from keras_attention.files import read_json

# What a model of SentencePiece's has no word for is left at what does nothing.
SETTINGS = {
    "dropout": (None, 0),
    "unk_token": ("<unk>",),
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "fuse_unk": (True,),
    "byte_fallback": (None, False, True),
    "ignore_merges": (None, False),
}
# SentencePiece itself takes spaces together and drops those at both ends.
SPACES = (
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": SPACE},
)
BYTE = re.compile("<0x[0-9A-F]{2}>")


def read_tokenizer_json(path: Path, special: Sequence[str]) -> Any:
    """The ModelProto of a `tokenizer.json`.

    Args:
        path: Path of the file.
        special: pieces that have the first ids, which texts are never cut into; of
            these the model gets `<unk>`, `<s>` and `</s>`. The ids of all others follow
            one another, up to the tokens that were added behind.

    Raises:
        ValueError: if the file is missing or damaged, or no SentencePiece model cuts
            texts as it does.
    """
    table = read_json(path)
    model = table.get("model")
    kind = model.get("type") if isinstance(model, dict) else model
    if not isinstance(model, dict) or kind != "BPE":
        raise _unlike(path, "the type of model", "BPE", kind)
    for name, known in SETTINGS.items():
        if model.get(name) not in known:
            wanted = " or ".join(map(repr, known))
            raise _unlike(path, f"{name} of model", wanted, model.get(name))
    _check_words(path, table.get("pre_tokenizer"))
    charsmap = _charsmap(path, table.get("normalizer"))
    added = added_ids(path, table.get("added_tokens") or [])
    pieces = _pieces(path, model.get("vocab"), special, added)
    made = _made(path, model.get("merges"), pieces, model["vocab"])
    try:
        return _proto(pieces, made, charsmap, bool(model.get("byte_fallback")))
    except ValueError as error:  # half a character
        raise ValueError(f"{path} is damaged: {error!s:.200}") from None


def added_ids(path: Path, tokens: Any) -> dict[str, int]:
    """The ids of added tokens, a list of dicts.

    Raises:
        ValueError: with `path`, if one of them has none.
    """
    if not isinstance(tokens, list) or not all(map(_is_token, tokens)):
        raise ValueError(
            f"{path}: each added token must have an id and a content; received "
            f"{reprlib.repr(tokens)}"
        )
    return {token["content"]: token["id"] for token in tokens}


def _is_token(token):
    return (
        isinstance(token, dict)
        and type(token.get("id")) is int
        and isinstance(token.get("content"), str)
    )


def _unlike(path, name, wanted, received):
    return ValueError(
        f"{path}: {name} must be {wanted}, as in one that was made of a SentencePiece "
        f"model; received {reprlib.repr(received)}"
    )


def _check_words(path, pre_tokenizer):
    """Words begin with a mark for the space before them, and are cut one by one."""
    steps = _steps(pre_tokenizer, "pretokenizers")
    if len(steps) == 2 and steps[0].get("type") == "WhitespaceSplit":
        del steps[0]
    fits = (
        len(steps) == 1
        and steps[0].get("type") == "Metaspace"
        and steps[0].get("replacement") == SPACE
        and steps[0].get("prepend_scheme", "always") in ("always", "first")
        and steps[0].get("add_prefix_space", True) is True
    )
    if not fits:
        raise _unlike(
            path, "pre_tokenizer", f"Metaspace with {SPACE} before words", pre_tokenizer
        )


def _charsmap(path, normalizer):
    """SentencePiece's rules of normalisation, as it keeps them; empty if none."""
    text, others = "", []
    for i, step in enumerate(_steps(normalizer, "normalizers")):
        if i == 0 and step.get("type") == "Precompiled":
            text = step.get("precompiled_charsmap")
        elif step.get("type") != "Strip" and step not in SPACES:
            others.append(step)
    if others:
        raise _unlike(
            path, "normalizer", "Precompiled and rules of spaces", others[0] or None
        )
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        raise ValueError(
            f"{path}: precompiled_charsmap must be in base64; received "
            f"{reprlib.repr(text)}"
        ) from None


def _steps(value, name):
    """The parts of a Sequence, or one part; what is none of these is {}."""
    if value is None:
        return []
    if isinstance(value, dict) and value.get("type") == "Sequence":
        value = value.get(name)
    values = value if isinstance(value, list) else [value]
    return [each if isinstance(each, dict) else {} for each in values]


def _pieces(path, vocab, special, added):
    """What texts are cut into, in the order of the ids, which follow `special`'s."""
    fits = isinstance(vocab, dict) and all(type(i) is int for i in vocab.values())
    if not fits:
        raise ValueError(
            f"{path}: vocab of model must be ids by tokens; received "
            f"{reprlib.repr(vocab)}"
        )
    names = sorted(vocab, key=vocab.__getitem__)
    for place, name in enumerate(names):
        if vocab[name] != place or (place < len(special) and name != special[place]):
            raise ValueError(
                f"{path}: ids of vocab must be 0, 1, 2 and so on, of which the first "
                f"are those of {', '.join(special)}; received {vocab[name]} of "
                f"{name!r:.40} at place {place}"
            )
    while names and names[-1] in added and names[-1] not in special:
        names.pop()
    if len(names) <= len(special):
        raise ValueError(
            f"{path}: vocab of model must have tokens behind {', '.join(special)}; "
            f"received {len(names)} ids"
        )
    return names[len(special) :]


def _made(path, merges, pieces, vocab):
    """Pieces that merges make, the first of them first."""
    if not isinstance(merges, list):
        raise ValueError(
            f"{path}: merges of model must be a list of pairs; received "
            f"{reprlib.repr(merges)}"
        )
    known = set(pieces)
    places: dict[str, set[int]] = {}  # of each piece: where its halves meet
    before = None
    for merge in merges:
        halves = merge.split(" ") if isinstance(merge, str) else merge
        piece = _whole(halves, vocab)
        if piece is None:
            raise ValueError(
                f"{path}: each of the merges must be two tokens of vocab that make a "
                f"third; received {reprlib.repr(merge)}"
            )
        if piece not in known:
            continue  # Those that are special are made of nothing.
        if piece != before and piece in places:
            raise _unlike(path, f"the merges of {piece!r:.40}", "together", merge)
        places.setdefault(piece, set()).add(len(halves[0]))
        before = piece
    cut_into = {*places, *(piece for piece in pieces if len(piece) == 1)}
    for piece, found in places.items():
        for i in range(1, len(piece)):
            first, second = piece[:i], piece[i:]
            if i not in found and first in cut_into and second in cut_into:
                raise ValueError(
                    f"{path}: merges must be all ways to make a token of two others, "
                    "as in one that was made of a SentencePiece model; received none "
                    f"of {first!r:.40} and {second!r:.40}"
                )
    return list(places)


def _whole(halves, vocab):
    """What two tokens make; None if they are not two, or make none."""
    if not isinstance(halves, list) or len(halves) != 2:
        return None
    if not all(isinstance(half, str) and half in vocab for half in halves):
        return None
    whole = halves[0] + halves[1]
    return whole if whole in vocab else None


def _proto(pieces, made, charsmap, spells_bytes):
    proto = proto_class()()
    kinds = proto_class().SentencePiece
    proto.pieces.add(piece="<unk>", score=0.0, type=kinds.UNKNOWN)
    for name in ("<s>", "</s>"):
        proto.pieces.add(piece=name, score=0.0, type=kinds.CONTROL)
    scores = {piece: -float(rank) for rank, piece in enumerate(made)}
    for piece in pieces:
        if spells_bytes and BYTE.fullmatch(piece):
            proto.pieces.add(piece=piece, score=0.0, type=kinds.BYTE)
            continue
        is_cut_into = len(piece) == 1 or piece in scores
        kind = kinds.NORMAL if is_cut_into else kinds.UNUSED  # Nothing makes it.
        # Characters come last, as where SentencePiece was trained.
        score = scores.setdefault(piece, -float(len(scores)))
        proto.pieces.add(piece=piece, score=score, type=kind)
    spec = proto.trainer_spec
    spec.model_type, spec.byte_fallback = spec.BPE, spells_bytes
    spec.vocab_size = len(proto.pieces)
    proto.normalizer_spec.name = "user_defined" if charsmap else "identity"
    proto.normalizer_spec.precompiled_charsmap = charsmap
    return proto
