"""Models that others trained get this package's ids, and cut texts as before."""

import io

import pytest
import sentencepiece

from keras_attention.data.special_ids import renumbered
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID, UNKNOWN_ID
from tests.data.test_tokenizer import ODD_TEXTS, SENTENCES

NUMBERINGS = {
    "SentencePiece's own": {},
    "T5's": {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1},
    "somewhere, by other names": {
        "unk_id": 3,
        "bos_id": 8,
        "eos_id": 9,
        "pad_id": 5,
        "unk_piece": "[UNK]",
        "bos_piece": "[BOS]",
        "pad_piece": "[PAD]",
    },
    "with a word that is <pad>": {"user_defined_symbols": ["<pad>", "<2de>"]},
}


def trained(**options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        vocab_size=420,
        hard_vocab_limit=False,
        minloglevel=3,
        **options,
    )
    return model.getvalue()


@pytest.mark.parametrize("numbering", NUMBERINGS)
@pytest.mark.parametrize("model_type", ["unigram", "bpe"])
def test_special_pieces_come_first_and_texts_are_cut_as_before(model_type, numbering):
    options = NUMBERINGS[numbering]
    byte_fallback = numbering != "T5's"
    model = trained(model_type=model_type, byte_fallback=byte_fallback, **options)
    before = sentencepiece.SentencePieceProcessor(model_proto=model)
    after = sentencepiece.SentencePieceProcessor(model_proto=renumbered(model))
    texts = SENTENCES[:5] + [text for text in ODD_TEXTS if "<pad>" not in text]
    assert after.encode(texts, out_type=str) == before.encode(texts, out_type=str)

    tokenizer = Tokenizer(renumbered(model))
    ids = tokenizer.encode(texts)
    assert tokenizer.decode(ids) == before.decode(before.encode(texts))
    assert min(i for row in ids for i in row) >= UNKNOWN_ID
    unknown = options.get("unk_piece", "<unk>")
    start = options.get("bos_piece", "<s>")
    expected = [options.get("pad_piece", "<pad>"), unknown, start, "</s>"]
    assert tokenizer.ids_to_tokens([PAD_ID, UNKNOWN_ID, START_ID, END_ID]) == expected
    missing = sum(i < 0 for i in (before.pad_id(), before.bos_id()))
    missing -= "user_defined_symbols" in options
    assert tokenizer.vocabulary_size == before.get_piece_size() + missing


def test_a_model_of_this_package_stays_as_it_is():
    tokenizer = Tokenizer.train(SENTENCES, 420)
    assert renumbered(tokenizer.model) is tokenizer.model


def test_a_model_that_has_all_symbols_stays_as_it_is():
    tokenizer = Tokenizer.train(SENTENCES, 420, user_defined_symbols=["<a>", "<b>"])
    for symbols in ([], ["<b>"], ["<a>", "<b>"]):
        assert tokenizer.with_symbols(symbols) is tokenizer
    more = tokenizer.with_symbols(["<b>", "<c>"])
    assert more.vocabulary_size == tokenizer.vocabulary_size + 1


def test_a_graph_cuts_alike():
    tensorflow_text = pytest.importorskip("tensorflow_text")
    tokenizer = Tokenizer(renumbered(trained(byte_fallback=True)))
    in_graph = tensorflow_text.SentencepieceTokenizer(tokenizer.model)
    assert in_graph.tokenize(SENTENCES[:5]).to_list() == tokenizer.encode(SENTENCES[:5])


def test_files_are_taken_as_they_are_only_if_asked_to(tmp_path):
    (tmp_path / "spm.model").write_bytes(trained())
    with pytest.raises(ValueError, match="load the file with renumber=True"):
        Tokenizer.load(tmp_path / "spm.model")
    assert Tokenizer.load(tmp_path / "spm.model", renumber=True).ids_to_tokens([0]) == [
        "<pad>"
    ]


@pytest.mark.parametrize("corrupt", [b"", b"junk", b"<unk>\t0\n<s>\t0\n"])
def test_what_is_no_model_is_named(tmp_path, corrupt):
    (tmp_path / "spm.vocab").write_bytes(corrupt)
    with pytest.raises(ValueError, match=r"spm\.vocab: .*SentencePiece model"):
        Tokenizer.load(tmp_path / "spm.vocab", renumber=True)
