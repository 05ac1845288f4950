"""A tokenizer.json alone cuts as the SentencePiece model that it was made of."""

import base64
import io
import json
import shutil
from functools import cache

import pytest
import sentencepiece

from keras_attention import Translator
from keras_attention.conversion.m2m100_vocabulary import FAIRSEQ, SPM
from keras_attention.conversion.marian_tokenizers import read_proto
from keras_attention.conversion.tokenizer_json import read_tokenizer_json
from keras_attention.data.special_ids import parsed
from tests.conversion.support import MULTILINGUAL
from tests.conversion.support import expected_multilingual as expected
from tests.conversion.support import imported_multilingual as imported

NLLB = MULTILINGUAL / "nllb"
TEXTS = ["", " two  spaces ", "x日本y 日", "ﬁne ½ ｗｉｄｅ", "a\u00a0b\tc", "e\u0301 €"]


@cache
def sentences():
    return [text for name in ("m2m100", "nllb") for text in expected(name)["texts"]]


@cache
def table():
    return json.loads((NLLB / "tokenizer.json").read_text("utf-8"))


def described(proto):
    """A `tokenizer.json` of a SentencePiece model, as transformers write it."""
    pieces = [piece.piece for piece in proto.pieces[3:]]
    merges = [
        (piece[:i], piece[i:])
        for piece in pieces
        for i in range(1, len(piece))
        if {piece[:i], piece[i:]} <= set(pieces)
    ]
    charsmap = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    steps = [{"type": "Precompiled", "precompiled_charsmap": charsmap}, spaces]
    model = {
        **table()["model"],
        "byte_fallback": proto.trainer_spec.byte_fallback,
        "vocab": {piece: i for i, piece in enumerate([*FAIRSEQ, *pieces])},
        "merges": [" ".join(merge) for merge in merges],  # as before tokenizers 0.20
    }
    return {
        **table(),
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁"},
        "added_tokens": [{"id": len(pieces) + 4, "content": "<mask>"}],
        "model": model,
    }


def listed(proto):
    return [(piece.piece, piece.score, piece.type) for piece in proto.pieces]


def test_pieces_and_scores_are_those_of_the_model():
    found = read_tokenizer_json(NLLB / "tokenizer.json", FAIRSEQ)
    assert listed(found) == listed(read_proto(NLLB / SPM))


@pytest.mark.parametrize("byte_fallback", [False, True])
def test_normalisation_and_bytes_are_those_of_the_model(byte_fallback, tmp_path):
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences()),
        model_writer=file,
        vocab_size=330 if byte_fallback else 80,
        model_type="bpe",
        byte_fallback=byte_fallback,
        minloglevel=2,
    )
    (tmp_path / "tokenizer.json").write_text(
        json.dumps(described(parsed(file.getvalue())))
    )
    found = read_tokenizer_json(tmp_path / "tokenizer.json", FAIRSEQ)
    assert listed(found) == listed(parsed(file.getvalue()))
    ours, theirs = (
        sentencepiece.SentencePieceProcessor(model_proto=model)
        for model in (found.SerializeToString(), file.getvalue())
    )
    texts = TEXTS + sentences()
    assert ours.encode(texts) == theirs.encode(texts)
    assert ours.encode("ﬁne ½") == ours.encode("fine 1⁄2")


def test_a_folder_without_the_model_is_imported_alike(tmp_path):
    folder = shutil.copytree(NLLB, tmp_path / "nllb")
    (folder / SPM).unlink()
    found, wanted = Translator.from_m2m100(folder), imported("nllb")
    size = wanted.source_tokenizer.vocabulary_size
    assert found.source_tokenizer.vocabulary_size == size
    assert found.languages == wanted.languages
    for name in ("ids_to_tokens", "encode"):
        given = range(size) if name == "ids_to_tokens" else TEXTS + sentences()
        ours = getattr(found.source_tokenizer, name)(given)
        assert ours == getattr(wanted.source_tokenizer, name)(given)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "Unigram"}, "the type of model must be BPE.*received 'Unigram'"),
        ({"type": None}, "the type of model must be BPE.*received None"),
        ({"dropout": 0.1}, "dropout of model must be None or 0.*received 0.1"),
        ({"end_of_word_suffix": "</w>"}, "end_of_word_suffix.*received '</w>'"),
        ({"fuse_unk": False}, "fuse_unk of model must be True.*received False"),
        ({"unk_token": None}, "unk_token of model must be '<unk>'.*received None"),
        ({"vocab": ["a"]}, r"vocab of model must be ids by tokens; received \['a'\]"),
        ({"vocab": {"a": "0"}}, "vocab of model must be ids by tokens"),
        ({"vocab": {"<pad>": 0, "<s>": 1}}, "those of <s>, <pad>.* 0 of '<pad>'"),
        ({"vocab": {n: i for i, n in enumerate(FAIRSEQ)}}, "behind <s>.*received 4"),
        ({"vocab": {**dict.fromkeys(FAIRSEQ, 0)}}, "received 0 of '<pad>' at place 1"),
        ({"merges": None}, "merges of model must be a list of pairs; received None"),
        ({"merges": [["e", "n", "s"]]}, "must be two tokens of vocab.*'s'"),
        ({"merges": ["e  n"]}, "must be two tokens of vocab.*'e  n'"),
        ({"merges": [["e", 5]]}, "must be two tokens of vocab.*received .'e', 5"),
        ({"merges": [["e", "q~"]]}, "must be two tokens of vocab.*received .'e', 'q~'"),
    ],
    ids=range(16),
)
def test_models_that_are_damaged_or_of_another_kind(changes, message, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**table(), "model": {**table()["model"], **changes}}))
    with pytest.raises(ValueError, match=message) as raised:
        read_tokenizer_json(path, FAIRSEQ)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": 5}, "the type of model must be BPE.*received 5"),
        ({"normalizer": {"type": "Lowercase"}}, "normalizer must be Precompiled"),
        ({"normalizer": 5}, "normalizer must be Precompiled"),
        (
            {"normalizer": {"type": "Precompiled", "precompiled_charsmap": "!"}},
            "must be in base64; received '!'",
        ),
        (
            {"normalizer": {"type": "Precompiled"}},
            "must be in base64; received None",
        ),
        ({"pre_tokenizer": None}, "pre_tokenizer must be Metaspace.*received None"),
        ({"pre_tokenizer": {"type": "ByteLevel"}}, "pre_tokenizer must be Metaspace"),
        ({"added_tokens": [{"id": "7"}]}, "each added token must have an id"),
    ],
    ids=range(8),
)
def test_rules_that_no_model_of_sentencepiece_has(changes, message, tmp_path):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({**table(), **changes}))
    with pytest.raises(ValueError, match=message) as raised:
        read_tokenizer_json(path, FAIRSEQ)
    assert str(path) in str(raised.value)


def test_merges_are_all_there_and_together(tmp_path):
    """Else SentencePiece would put together what a `tokenizer.json` does not."""
    path, model = tmp_path / "tokenizer.json", table()["model"]
    several = [a + b for a, b in model["merges"]]
    piece = next(each for each in several if several.count(each) > 1)
    first, *others = [[a, b] for a, b in model["merges"] if a + b == piece]
    rest = [merge for merge in model["merges"] if merge != first]
    for merges, message in (
        (rest, "received none of"),
        ([first, *rest], f"the merges of '{piece}' must be together"),
    ):
        path.write_text(json.dumps({**table(), "model": {**model, "merges": merges}}))
        with pytest.raises(ValueError, match=message):
            read_tokenizer_json(path, FAIRSEQ)


def test_a_token_that_nothing_makes_is_not_cut_into(tmp_path):
    path, model = tmp_path / "tokenizer.json", table()["model"]
    path.write_text(json.dumps({**table(), "model": {**model, "merges": []}}))
    proto = read_tokenizer_json(path, FAIRSEQ)
    cut = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    assert cut.encode("er", out_type=str) == ["▁", "e", "r"]


@pytest.mark.parametrize("charsmap", ["AAAA", "/////////w=="])
def test_normalisation_that_sentencepiece_refuses(charsmap, tmp_path):
    folder = shutil.copytree(NLLB, tmp_path / "nllb")
    (folder / SPM).unlink()
    normalizer = {"type": "Precompiled", "precompiled_charsmap": charsmap}
    text = json.dumps({**table(), "normalizer": normalizer})
    (folder / "tokenizer.json").write_text(text)
    with pytest.raises(ValueError, match="tokenizer.json"):
        Translator.from_m2m100(folder)
