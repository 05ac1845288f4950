"""Tokenizer: the promised ids, the same in Python and in a graph."""

import pickle

import pytest

from keras_attention.data.tokenizer import Tokenizer
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID, UNKNOWN_ID

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "Der schnelle braune Fuchs springt über den faulen Hund.",
    "敏捷的棕色狐狸跳过了懒狗。",
    "Öffnen Sie das Menü, um die Größe zu ändern.",
    "Choose File - Open to open the document.",
] * 4
ODD_TEXTS = [
    "",
    "   ",
    "two  spaces\tand\nlines\r\n",
    "<s> </s> <pad> <unk>",
    "ﬁve ½ ＡＢＣ ² Ⅷ",
    "emoji 👩‍👩‍👧 \U0001f600 ▁ ▁▁",
    "zero\u200bwidth\ufeff \u00a0nbsp \x00nul \x01",
    "e\u0301 é",
    "مرحبا بالعالم",
    "x" * 300,
]


@pytest.fixture(scope="module", params=["unigram", "bpe"])
def tokenizer(request):
    return Tokenizer.train(SENTENCES, 420, model_type=request.param)


def test_numbers_the_special_tokens_as_the_package_does(tokenizer):
    ids = [PAD_ID, UNKNOWN_ID, START_ID, END_ID]
    assert tokenizer.ids_to_tokens(ids) == ["<pad>", "<unk>", "<s>", "</s>"]


def test_decoding_undoes_encoding(tokenizer):
    assert tokenizer.decode(tokenizer.encode(SENTENCES)) == [
        # The normalisation (nmt_nfkc) writes full-width punctuation as ASCII.
        sentence.replace("，", ",")
        for sentence in SENTENCES
    ]


def test_never_gives_special_ids_whatever_the_text(tokenizer):
    ids = tokenizer.encode(ODD_TEXTS + ["\ud800 lone surrogate"])
    assert min(i for row in ids for i in row) > END_ID
    assert ids[0] == ids[1] == []


def test_threads_change_nothing(tokenizer):
    assert tokenizer.encode(SENTENCES, num_threads=2) == tokenizer.encode(SENTENCES)


def test_graph_and_python_agree(tokenizer):
    tensorflow_text = pytest.importorskip("tensorflow_text")
    texts = SENTENCES[:5] + ODD_TEXTS
    in_graph = tensorflow_text.SentencepieceTokenizer(tokenizer.model)
    assert in_graph.tokenize(texts).to_list() == tokenizer.encode(texts)


def test_training_twice_gives_the_same_bytes(tokenizer):
    for model_type in ("unigram", "bpe"):
        first, second = (Tokenizer.train(SENTENCES, 420, model_type) for _ in "ab")
        assert first == second and hash(first) == hash(second)


def test_decode_stops_at_end_and_drops_padding(tokenizer):
    (ids,) = tokenizer.encode(["the dog"])
    framed = [START_ID, *ids, END_ID, ids[0], PAD_ID]
    assert tokenizer.decode([framed, [PAD_ID] * 3]) == ["the dog", ""]


def test_survives_pickle_and_disk(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "text.model")
    assert Tokenizer.load(tmp_path / "text.model") == tokenizer
    assert pickle.loads(pickle.dumps(tokenizer)) == tokenizer


@pytest.mark.parametrize("model_type", ["word", "char"])
def test_words_and_characters_become_one_subword_each(model_type):
    tokenizer = Tokenizer.train(["a b c", "c b"], 40, model_type=model_type)
    text = "b a c" if model_type == "word" else "b"
    (ids,) = tokenizer.encode([text])
    assert len(ids) == len(text.split()) + (model_type == "char")
    assert tokenizer.decode([ids]) == [text]


def test_bytes_spell_what_has_no_subword():
    text = "ξένος 漢"
    with_bytes = Tokenizer.train(["a b c"] * 3, 270)
    assert with_bytes.decode(with_bytes.encode([text])) == [text]
    without = Tokenizer.train(["a b c"] * 3, 10, byte_fallback=False)
    assert UNKNOWN_ID in without.encode([text])[0]


def test_a_vocabulary_larger_than_the_data_shrinks():
    tokenizer = Tokenizer.train(["a b c"], 5000, model_type="bpe")
    assert tokenizer.vocabulary_size < 300


def test_the_sample_is_bounded_and_seeded():
    numbers = [f"w{i}" for i in range(1000)]
    sizes = {
        seed: Tokenizer.train(
            numbers, 2000, model_type="word", seed=seed, max_sentences=50
        )
        for seed in (0, 1)
    }
    assert sizes[0].vocabulary_size == sizes[1].vocabulary_size == 4 + 50
    assert sizes[0] != sizes[1]


@pytest.mark.parametrize("sentences", [[], [""], ["  ", "\u200b"]])
def test_no_text_is_an_error(sentences):
    with pytest.raises(ValueError, match="received none with text"):
        Tokenizer.train(sentences, 300)


@pytest.mark.parametrize("size", [3, 20, 265])
def test_the_least_vocabulary_that_the_error_names_works(size):
    with pytest.raises(ValueError, match="at least") as caught:
        Tokenizer.train(SENTENCES, size)
    least = int(str(caught.value).split("at least ")[1].split()[0])
    if size == 265:
        assert Tokenizer.train(SENTENCES, least).vocabulary_size == least


def test_errors_say_what_to_do(tokenizer, tmp_path):
    with pytest.raises(ValueError, match="one of unigram, bpe"):
        Tokenizer.train(SENTENCES, 300, model_type="wordpiece")
    with pytest.raises(ValueError, match=r"write \[text\]"):
        tokenizer.encode("text")
    with pytest.raises(ValueError, match="received a int"):
        tokenizer.encode(["text", 3])
    with pytest.raises(ValueError, match="another tokenizer"):
        tokenizer.decode([[tokenizer.vocabulary_size]])
    for corrupt in (b"", b"junk", tokenizer.model[:-100]):
        (tmp_path / "bad.model").write_bytes(corrupt)
        with pytest.raises(ValueError, match=r"bad\.model: .*SentencePiece"):
            Tokenizer.load(tmp_path / "bad.model")
