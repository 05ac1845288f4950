"""SentencePiece models that others trained, with the ids that this package expects."""

from typing import Any

from keras_attention.special_tokens import END_ID, PAD_ID, START_ID, UNKNOWN_ID

SPECIAL_PIECES: dict[str, Any] = {
    "pad_id": PAD_ID,
    "pad_piece": "<pad>",
    "unk_id": UNKNOWN_ID,
    "unk_piece": "<unk>",
    "bos_id": START_ID,
    "bos_piece": "<s>",
    "eos_id": END_ID,
    "eos_piece": "</s>",
}
# In the order of their ids.
NAMES = ("pad", "unk", "bos", "eos")
PIECES = tuple(SPECIAL_PIECES[f"{name}_piece"] for name in NAMES)


def renumbered(model: bytes) -> bytes:
    """A SentencePiece model whose special pieces have the ids 0 to 3.

    SentencePiece numbers `<unk>` 0, `<s>` 1 and `</s>` 2 unless told otherwise, and
    makes no `<pad>`; T5 has `</s>` at 1. Here the special pieces come first, in the
    order of this package, those that are missing are added, and all others follow in
    their own order. Texts are cut as before: that is decided by pieces and their
    scores, not by their numbers.

    Args:
        model: bytes. A serialised SentencePiece model.

    Returns:
        bytes; `model` itself if it has these ids already.
    """
    proto = parsed(model)
    spec, kinds = proto.trainer_spec, type(proto.pieces[0])
    places = [_place(proto, name) for name in NAMES]
    if places == [SPECIAL_PIECES[f"{name}_id"] for name in NAMES]:
        return model
    pieces = []
    for place, name, usual in zip(places, NAMES, PIECES, strict=True):
        piece = kinds(piece=usual, score=0.0)
        if place is not None:
            piece.CopyFrom(proto.pieces[place])
        piece.type = kinds.UNKNOWN if name == "unk" else kinds.CONTROL
        pieces.append(piece)
        setattr(spec, f"{name}_id", SPECIAL_PIECES[f"{name}_id"])
        setattr(spec, f"{name}_piece", piece.piece)
    pieces += [piece for i, piece in enumerate(proto.pieces) if i not in places]
    del proto.pieces[:]
    proto.pieces.extend(pieces)
    spec.vocab_size = len(pieces)
    return proto.SerializeToString()


def _place(proto, name):
    """Where a special piece is among the pieces; None if it is not."""
    if name == "unk":  # Every model has one, whatever it is called.
        return [each.type for each in proto.pieces].index(proto.pieces[0].UNKNOWN)
    wanted = getattr(proto.trainer_spec, f"{name}_piece")
    pieces = [each.piece for each in proto.pieces]
    return pieces.index(wanted) if wanted in pieces else None


def with_symbols(model: bytes, symbols: list[str]) -> bytes:
    """A SentencePiece model that keeps some more texts whole.

    Args:
        model: bytes.
        symbols: list of str, each once. Those that are missing get ids of their own, at
            the end.

    Returns:
        bytes; `model` itself if it keeps them whole already.
    """
    proto = parsed(model)
    kind = proto.pieces[0].USER_DEFINED
    places = {piece.piece: piece for piece in proto.pieces}
    whole = {name for name, piece in places.items() if piece.type == kind}
    missing = [symbol for symbol in symbols if symbol not in whole]
    if not missing:
        return model
    for symbol in missing:
        piece = places.get(symbol) or proto.pieces.add(piece=symbol, score=0.0)
        piece.type = kind
        proto.trainer_spec.user_defined_symbols.append(symbol)
    proto.trainer_spec.vocab_size = len(proto.pieces)
    return proto.SerializeToString()


def check_symbols(symbols: list[str]) -> None:
    """Refuses what cannot be a symbol of the user's.

    Raises:
        ValueError: an empty one, one with spaces, a special piece, or one twice.
    """
    for i, symbol in enumerate(symbols):
        if not symbol or symbol.split() != [symbol] or symbol in PIECES:
            raise ValueError(
                'a user-defined symbol must be a text without spaces, as "<2de>", and '
                f"none of {', '.join(PIECES)}; received {symbol!r}"
            )
        if symbol in symbols[:i]:
            raise ValueError(
                f"user-defined symbols must differ; received {symbol!r} twice"
            )


def proto_class() -> Any:
    """The class `ModelProto` of SentencePiece, which takes a while to import."""
    from sentencepiece import sentencepiece_model_pb2

    return vars(sentencepiece_model_pb2)["ModelProto"]


def parsed(model: bytes) -> Any:
    """The `ModelProto` of a serialised SentencePiece model.

    Raises:
        ValueError: it is none.
    """
    from google.protobuf.message import DecodeError

    proto = proto_class()()
    try:
        proto.ParseFromString(model)
    except DecodeError:
        proto.Clear()
    kind = proto.SentencePiece.UNKNOWN
    if not any(piece.type == kind for piece in proto.pieces):
        raise ValueError(
            f"expected the bytes of a SentencePiece model; received {len(model)} bytes "
            "that are none: was the file cut short, or is it a .vocab file?"
        )
    return proto
