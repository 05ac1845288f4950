"""SentencePiece models whose pieces are numbered as the model's rows.

Marian's tokenizer cuts texts with `source.spm` or `target.spm`, and looks each piece up
in `vocab.json`. Here the models themselves are written anew so that piece `i` is our id
`i`, and no table is needed, in Python or in a graph. All pieces of the vocabulary are
there; those that only the other language has are never cut into, but are spelt.
"""

import re
from collections.abc import Container
from pathlib import Path
from typing import Any

from keras_attention.conversion.marian_vocabulary import Vocabulary
from keras_attention.data.special_ids import PIECES, SPECIAL_PIECES, parsed
from keras_attention.data.subwords import SPACE
from keras_attention.data.tokenizer import Tokenizer

# What texts for a model of several target languages begin with.
LANGUAGE_CODE = re.compile(r">>[^<>]+<<")
# The name of a row that has no piece.
NAMELESS = re.compile(r"<[0-9]+>")
# How much less than the least probable piece an unknown character counts.
UNKNOWN_PENALTY = 10.0


def read_proto(path: str | Path) -> Any:
    """The ModelProto of a SentencePiece file.

    Raises:
        ValueError: if the file is missing or damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path.parent} lacks {path.name}, a SentencePiece model")
    try:
        return parsed(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def unknown_pieces(proto: Any, pieces: list[str]) -> list[str]:
    """What a SentencePiece model cuts texts into that the vocabulary lacks."""
    kinds = type(proto.pieces[0])
    cut = (kinds.NORMAL, kinds.USER_DEFINED, kinds.BYTE)
    known = {*pieces, *map(code_piece, filter(LANGUAGE_CODE.fullmatch, pieces))}
    return [p.piece for p in proto.pieces if p.type in cut and p.piece not in known]


def code_piece(code: str) -> str:
    """How a language code stands in a text that begins with it."""
    return SPACE + code


def numbered(
    proto: Any,
    vocabulary: Vocabulary,
    is_source: bool,
    path: Any,
    controls: Container[str] = (),
    may_lack: bool = False,
) -> Tokenizer:
    """A tokenizer that cuts as `proto` does, with the ids of `vocabulary`.

    Args:
        proto: ModelProto, which is left as it is.
        vocabulary: `Vocabulary`.
        is_source: bool. Language codes are words of a source, and nothing in a target.
        path: of the file, for errors.
        controls: pieces that no text is cut into, and that are not spelt.
        may_lack: bool. Whether a model that is not unigram may be given pieces too.
            They rank behind all others, so that they are put together last, and then
            taken apart; only where nothing else would be put together with them.

    Raises:
        ValueError: if no SentencePiece model can do both.
    """
    new = type(proto)()
    new.CopyFrom(proto)
    del new.pieces[:]
    new.DiscardUnknownFields()  # tests of itself, by ids as they were
    for field, value in SPECIAL_PIECES.items():
        setattr(new.trainer_spec, field, value)
    kinds = type(proto.pieces[0])
    for piece, kind in zip(
        PIECES,
        (kinds.CONTROL, kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL),
        strict=True,
    ):
        new.pieces.add(piece=piece, score=0.0, type=kind)

    own = {piece.piece: piece for piece in proto.pieces}
    rest = _Rest(proto, is_source)
    parts = zip(vocabulary.pieces, vocabulary.is_kept_out, strict=True)
    for name, is_kept_out in list(parts)[len(PIECES) :]:
        found = own.get(name)
        if name in controls:
            new.pieces.add(piece=name, score=0.0, type=kinds.CONTROL)
        elif LANGUAGE_CODE.fullmatch(name.removeprefix(SPACE)):
            new.pieces.append(rest.language_code(name))
        else:
            is_lacking = found is None or found.type == kinds.UNKNOWN
            new.pieces.append(rest.piece(name) if is_lacking else found)
            # What is never said cannot be learned either: labels are spelt otherwise.
            is_label = not is_source and new.pieces[-1].type != kinds.BYTE
            if is_kept_out and is_label:
                new.pieces[-1].type = kinds.UNUSED
    new.trainer_spec.vocab_size = len(new.pieces)
    _check_bytes(new, path)
    is_unigram = new.trainer_spec.model_type == new.trainer_spec.UNIGRAM
    if rest.count and not is_unigram and not may_lack:
        raise ValueError(
            f"{path}: the vocabulary has {rest.count:,} pieces that this model lacks, "
            "which only a unigram model can be given"
        )
    try:
        return Tokenizer(new.SerializeToString(deterministic=True))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


class _Rest:
    """Pieces that a SentencePiece model lacks."""

    def __init__(self, proto, is_source):
        self.kinds = kinds = type(proto.pieces[0])
        self.is_source = is_source
        self.count = 0
        scores = [p.score for p in proto.pieces if p.type == kinds.NORMAL]
        self.score = min(scores, default=0.0) - UNKNOWN_PENALTY
        self.spells_bytes = proto.trainer_spec.byte_fallback
        self.characters = {
            character
            for p in proto.pieces
            if p.type in (kinds.NORMAL, kinds.USER_DEFINED) and len(p.piece) == 1
            for character in p.piece
        }

    def language_code(self, name):
        kind = self.kinds.USER_DEFINED if self.is_source else self.kinds.CONTROL
        name = code_piece(name.removeprefix(SPACE))
        return self.kinds(piece=name, score=0.0, type=kind)

    def piece(self, name):
        if NAMELESS.fullmatch(name):
            return self.kinds(piece=name, score=self.score, type=self.kinds.UNUSED)
        self.count += 1
        # Marian looks up what SentencePiece found to be unknown: a run of characters
        # none of which it has. One piece for it beats two, and any other beats it.
        looked_up = not self.spells_bytes and not self.characters.intersection(name)
        looked_up = looked_up and SPACE not in name
        kind = self.kinds.NORMAL if looked_up else self.kinds.UNUSED
        return self.kinds(piece=name, score=self.score, type=kind)


def _check_bytes(proto, path):
    """Bytes are all there or none: some of them spell no character."""
    kinds = type(proto.pieces[0])
    count = sum(piece.type == kinds.BYTE for piece in proto.pieces)
    if proto.trainer_spec.byte_fallback and count != 256:
        raise ValueError(
            f"{path} spells characters in bytes, and the vocabulary has {count} of 256"
        )
