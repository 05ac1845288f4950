"""Links of words become links of subwords and come back; attention comes to words."""

import numpy as np
import pytest

from keras_attention.data.text.alignments import (
    attended_words,
    format_alignment,
    hard_alignment,
    parse_alignment,
    parse_gold,
    subword_links,
    subword_words,
    word_attention,
    word_links,
    words_at,
)
from keras_attention.data.tokenizer import MODEL_TYPES, Tokenizer
from keras_attention.evaluation.attention import alignment_error_rate

SENTENCES = [
    "open the file menu and choose close",
    "the dialogue box opens when the file is saved",
    "menus can be closed with the escape key",
]
# What normalisation makes longer, shorter, or into a space; what no subword knows.
TEXTS = [
    "the file",
    "  the\u00a0file \u3000 menu ",
    "x \ufdfa y",
    "ﬁle ½ e\u0301cole",
    "a\u200bb c",
    "狐狸 menu🦊s",
    "the\ud800 file",
    "",
]


@pytest.fixture(scope="module", params=MODEL_TYPES)
def tokenizer(request):
    size = 320 if request.param in ("unigram", "bpe") else 40
    return Tokenizer.train(SENTENCES, size, model_type=request.param)


def test_every_subword_has_a_word_and_words_follow_each_other(tokenizer):
    for text, words in zip(TEXTS, subword_words(tokenizer, TEXTS), strict=True):
        ids = tokenizer.encode([text])[0]
        assert words.shape == (len(ids), 2)
        first, last = words.T
        assert np.all(first < last) and np.all(last <= len(text.split()))
        assert np.all(np.diff(first) >= 0) and np.all(np.diff(last) >= 0)
        assert {w for a, b in words for w in range(a, b)} == {*range(len(text.split()))}


@pytest.mark.parametrize("tokenizer", ("unigram", "bpe", "char"), indirect=True)
def test_subwords_of_a_word_spell_it(tokenizer):
    words = subword_words(tokenizer, SENTENCES)
    for text, ids, numbers in zip(
        SENTENCES, tokenizer.encode(SENTENCES), words, strict=True
    ):
        subwords = tokenizer.ids_to_tokens(ids)
        spelt = [
            "".join(p for p, (w, _) in zip(subwords, numbers, strict=True) if w == word)
            for word in range(len(text.split()))
        ]
        assert spelt == ["▁" + word for word in text.split()]


@pytest.mark.parametrize("tokenizer", ("unigram",), indirect=True)
def test_spaces_and_bytes_go_with_their_word(tokenizer):
    def word_of(text):
        ids = tokenizer.encode([text])[0]
        firsts = subword_words(tokenizer, [text])[0][:, 0].tolist()
        return list(zip(tokenizer.ids_to_tokens(ids), firsts, strict=True))

    assert word_of("q 狐q") == [
        ("▁", 0),
        ("<0x71>", 0),
        ("▁", 1),
        *((subword, 1) for subword in ("<0xE7>", "<0x8B>", "<0x90>")),
        ("<0x71>", 1),
    ]
    # One character that normalisation makes four words of stays the word it was.
    assert {word for subword, word in word_of("x \ufdfa y")[2:-2]} == {1}


@pytest.mark.parametrize("tokenizer", ("word",), indirect=True)
def test_unknown_words_in_a_row_share_a_subword(tokenizer):
    (words,) = subword_words(tokenizer, ["the red fox the file"])
    assert words.tolist() == [[0, 1], [1, 3], [3, 4], [4, 5]]
    links = subword_links({(0, 0), (1, 1), (2, 2)}, words, words)
    assert links.tolist() == [[0, 0], [1, 1]]
    # What is paid to the subword is shared by its words.
    attention = word_attention(np.eye(5)[:, :4], words, words)
    assert attention[:, 1:3].tolist() == [
        [0, 0],
        [0.5, 0.5],
        [0.5, 0.5],
        [0, 0],
        [0, 0],
    ]


def test_a_link_of_words_links_all_their_subwords():
    source, target = [[0, 1], [1, 2], [1, 2]], [[0, 1], [0, 1], [1, 2]]
    links = subword_links({(1, 0)}, source, target)
    assert links.tolist() == [[1, 0], [1, 1], [2, 0], [2, 1]]
    assert subword_links(set(), source, target).shape == (0, 2)
    # A word that normalisation removes has no subword to link.
    assert subword_links({(5, 0), (0, 1)}, source, target).tolist() == [[0, 2]]


def test_links_of_words_come_back(tokenizer):
    source, target = SENTENCES[:2]
    rng = np.random.default_rng(0)
    source_words, target_words = subword_words(tokenizer, [source, target])
    for _ in range(20):
        counts = len(source.split()), len(target.split())
        links = {tuple(map(int, pair)) for pair in rng.integers(0, counts, (6, 2))}
        subwords = subword_links(links, source_words, target_words)
        assert word_links(subwords, source_words, target_words) == links


def test_attention_to_a_word_is_a_sum_and_from_a_word_a_mean():
    rng = np.random.default_rng(0)
    scores = rng.dirichlet(np.ones(5), 4)  # Three subwords and END; four, and END.
    source, target = [[0, 1], [0, 1], [1, 2], [2, 3]], [[0, 1], [1, 2], [1, 2]]
    found = word_attention(scores, source, target)
    to_words = np.stack([scores[:, :2].sum(1), scores[:, 2], scores[:, 3]], axis=1)
    expected = [to_words[0], (to_words[1] + to_words[2]) / 2]
    np.testing.assert_allclose(found, expected)
    with pytest.raises(ValueError, match=r"at least \(3, 4\) tokens.*\(2, 5\)"):
        word_attention(scores[:2], source, target)


def test_attention_along_the_links_has_no_errors(tokenizer):
    links = {(i, (3 * i) % 7) for i in range(7)}
    words = subword_words(tokenizer, [SENTENCES[0]])[0]
    scores = np.zeros((len(words) + 1, len(words) + 1))
    source, target = subword_links(links, words, words).T
    scores[target, source] = 1
    scores[-1, -1] = 1
    scores /= scores.sum(axis=1, keepdims=True)
    found = hard_alignment(word_attention(scores, words, words))
    assert alignment_error_rate([found], [links]) == 0


def test_other_lines_are_no_links():
    for line in ("0-0 1-", "a-b", "-1-0", "0-0-0"):
        with pytest.raises(ValueError, match="source position first; received"):
            parse_alignment(line)


def test_gold_links_are_sure_or_possible():
    gold = parse_gold("0-0 2p1 1?3\n")
    assert gold.sure == {(0, 0)}
    assert gold.possible == {(0, 0), (2, 1), (1, 3)}
    assert parse_gold("") == (set(), set())
    with pytest.raises(ValueError, match="0p1 or 0.1 .possible.*received '0:1'"):
        parse_gold("0-0 0:1")


def test_what_is_written_can_be_read():
    links = {(10, 0), (2, 1), (0, 2)}
    assert format_alignment(links) == "0-2 2-1 10-0"
    assert parse_alignment(format_alignment(links)) == links


def spelt_words(tokenizer, ids):
    return [words_at(*decoded) for decoded in tokenizer.decoded_offsets(ids)]


def test_words_of_encoded_subwords_are_those_of_decoded_ones(tokenizer):
    ids = tokenizer.encode(SENTENCES)
    ended = [[*row, 3, 5] for row in ids]
    for encoded, decoded in zip(
        subword_words(tokenizer, SENTENCES), spelt_words(tokenizer, ended), strict=True
    ):
        np.testing.assert_array_equal(decoded, encoded)


@pytest.mark.parametrize("tokenizer", ("char",), indirect=True)
def test_words_are_found_however_they_were_cut(tokenizer):
    ids = tokenizer.encode(["file the", "e x"])
    words = spelt_words(tokenizer, [[*ids[0], ids[0][0]], ids[1]])
    # ▁ f i l e ▁ t h e ▁, then ▁ e ▁ and what is unknown
    assert words[0][:, 0].tolist() == [0] * 5 + [1] * 5
    assert words[1][:, 0].tolist() == [0, 0, 1, 1]


def test_hard_alignment_follows_a_permutation():
    order = [2, 0, 1]
    assert hard_alignment(np.eye(3)[order]) == {(2, 0), (0, 1), (1, 2)}


def test_a_step_that_attends_nowhere_is_not_aligned():
    assert hard_alignment([[0, 1], [0, 0]]) == {(1, 0)}


def test_alignment_needs_the_scores_of_one_sentence():
    with pytest.raises(ValueError, match=r"\(T, S\).*\(2, 3, 4\)"):
        hard_alignment(np.ones((2, 3, 4)))


def test_words_attend_with_the_sum_of_their_subwords():
    # Each subword looks most at the first, but at the second word in all; END at END.
    scores = [[0.4, 0.3, 0.3, 0], [0.4, 0.3, 0.3, 0], [0, 0, 0, 1]]
    source_words = [[0, 1], [1, 2], [1, 2]]
    assert attended_words(scores, source_words, [[0, 1], [0, 1]]) == {(1, 0)}


def test_without_words_there_are_no_links():
    none = np.zeros((0, 2), int)
    assert attended_words([[1.0]], none, none) == set()
    assert attended_words([[0.5, 0.5]], [[0, 1]], none) == set()
