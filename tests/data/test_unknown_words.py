"""Source words are found by their subwords, and stand where unknown tokens stood."""

import io

import numpy as np
import pytest
import sentencepiece

from keras_attention.data.tokenizer import SPECIAL_PIECES, Tokenizer
from keras_attention.data.unknown_words import (
    SourceWords,
    attended_copies,
    decode_with,
    prefix_copies,
    source_words,
)
from keras_attention.special_tokens import END_ID, UNKNOWN_ID

SENTENCES = [
    "open the file menu (now) and choose close.",
    "the dialogue box opens, when the file is saved.",
    "menus can be closed with the escape key: 1, 2",
]
KINDS = {
    "unigram": {},
    "bpe": {"model_type": "bpe"},
    "char": {"model_type": "char"},
    "word": {"model_type": "word"},
    "surface": {"unk_surface": "<?>"},
    "spaces": {"remove_extra_whitespaces": False},
    "identity": {"normalization_rule_name": "identity"},
    "no prefix": {"add_dummy_prefix": False},
    "suffix": {"treat_whitespace_as_suffix": True},
    "bytes": {"byte_fallback": True, "vocab_size": 320},
}
TEXTS = [
    "open the file now",
    "open 狐狸 now",
    "open (狐狸), now.",
    "  x中y\u3000狐.\t\n  the ",
    "🦊🦊 “🦊” 🦊",
    "e\u0301cole ½ ﬁle \ufdfa the",
    "... !! ?",
    "狐",
    "a\u200bb \ud800 c",
    "\u200b",
    " ",
    "",
]


def train(**options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES * 3),
        model_writer=model,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=3,
        **{**SPECIAL_PIECES, "vocab_size": 60, **options},
    )
    return Tokenizer(model.getvalue())


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request):
    return train(**KINDS[request.param])


@pytest.fixture(scope="module")
def tokenizers():
    return {name: train(**options) for name, options in KINDS.items()}


def words_of(tokenizer, text):
    return source_words(tokenizer, text, 99)


def test_words_of_known_letters_are_those_of_split(tokenizer):
    text = "open the file menu now"
    source = words_of(tokenizer, text)
    (ids,) = tokenizer.encode([text])
    assert source.numbers.shape == (len(ids),)
    assert source.words[:5] == text.split()
    assert not any(source.words[5:])  # a space after the last, where it is a suffix
    assert (np.diff(source.numbers) >= 0).all()


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("unigram", "open 狐狸 now", ["open", "狐狸", "now"]),
        ("unigram", "open (狐狸), now.", ["open", "狐狸", "now"]),
        ("unigram", "x中y ... 中.", ["x中y", "...", "中"]),
        ("char", "  open\u3000(狐狸)  ", ["open", "狐狸"]),
        # One unknown token, brackets and all; and unknown words in a row are one.
        ("word", "open (狐狸) the", ["open", "(狐狸)", "the"]),
        ("word", "open 狐 狸 the", ["open", "狐 狸", "", "the"]),
        ("bytes", "open (狐狸).", ["open", "狐狸"]),
        ("unigram", "", []),
    ],
)
def test_punctuation_of_its_own_is_no_part_of_a_word(tokenizers, kind, text, words):
    assert words_of(tokenizers[kind], text).words == words


def test_what_was_cut_off_is_no_word(tokenizers):
    subwords = tokenizers["unigram"].encode(["open the"])[0]
    source = source_words(tokenizers["unigram"], "open the file", len(subwords))
    assert source.words == ["open", "the"]


def test_the_word_with_the_most_attention_is_copied():
    source = SourceWords(np.array([0, 1, 1, 2]), ["one", "two", ""])
    ids = [7, UNKNOWN_ID, UNKNOWN_ID, END_ID]
    scores = np.array(
        [
            [1, 0, 0, 0, 0],
            [0.3, 0.2, 0.2, 0.1, 0.2],  # more on both subwords of the second
            [0.1, 0.0, 0.0, 0.5, 0.4],  # neither a space nor END is a word
            [1, 0, 0, 0, 0],
        ],
        "float32",
    )
    assert attended_copies(ids, scores, source) == {1: "two", 2: "one"}
    nothing = SourceWords(np.array([0]), [""])
    assert attended_copies(ids, scores[:, :2], nothing) == {1: "", 2: ""}


@pytest.mark.parametrize(
    ("kind", "said", "text"),
    [
        ("unigram", "open 狐 now", "open WORD now"),
        ("unigram", "狐.", "WORD."),
        ("char", "(狐) the 狐", "(WORD) the WORD"),
        ("no prefix", "狐 the", "WORD the"),
        ("surface", "the 狐", "the WORD"),
        ("word", "open 狐 the", "open WORD the"),
        ("word", "狐", "WORD"),
        ("suffix", "open 狐 now", "open WORD now "),
    ],
)
def test_a_word_stands_where_the_unknown_token_stood(tokenizers, kind, said, text):
    tokenizer = tokenizers[kind]
    (ids,) = tokenizer.encode([said])
    copies = {p: "WORD" for p, i in enumerate(ids) if i == UNKNOWN_ID}
    filled, offsets = decode_with(tokenizer, [*ids, END_ID], copies)
    assert filled == text
    assert [filled[b:e].strip() for b, e in offsets if "W" in filled[b:e]] == [
        "WORD"
    ] * len(copies)
    assert "".join(filled[b:e] for b, e in offsets) == filled


def test_without_copies_text_is_what_the_tokenizer_writes(tokenizer):
    for ids in tokenizer.encode(SENTENCES + TEXTS):
        assert decode_with(tokenizer, ids, {}) == tokenizer.decoded_offsets([ids])[0]


def test_a_given_beginning_is_said_as_it_was_given(tokenizers):
    for kind in ("unigram", "char", "word", "surface"):
        tokenizer, prefix = tokenizers[kind], "open 狐狸"
        (ids,) = tokenizer.encode([prefix])
        text, _ = decode_with(tokenizer, ids, prefix_copies(tokenizer, prefix))
        assert text == prefix
    assert prefix_copies(tokenizers["bytes"], "open 狐狸") == {}
