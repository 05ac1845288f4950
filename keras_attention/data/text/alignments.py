"""Alignments, from words to subwords and back.

    links of words, as aligners write them     links of subwords, for training

             das  Haus                                  ▁das  ▁Ha  us  END
      the    0-0                                 ▁the     x
      house       1-1                            ▁house         x   x
                                                 END                    x

A word is what `str.split` leaves whole. A subword belongs to each word of which it
holds a character. That is one, unless unknown words in a row became one `<unk>`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

import numpy as np

WORD = re.compile(r"\S+")
GOLD_LINK = re.compile(r"(\d+)([-p?])(\d+)")


class GoldAlignment(NamedTuple):
    """What people say of one sentence pair: sets of `(source word, target word)`."""

    sure: set[tuple[int, int]]
    """Links that must be there."""
    possible: set[tuple[int, int]]
    """Links that may be there, the sure ones among them."""


def parse_alignment(line: str) -> set[tuple[int, int]]:
    """Reads the links of one sentence as aligners write them, `0-0 2-1 1-2`.

    Raises:
        ValueError: a link that is not two numbers with `-` between.
    """
    return {_parse_link(link) for link in line.split()}


def _parse_link(link: str) -> tuple[int, int]:
    source, _, target = link.partition("-")
    if not (source.isdecimal() and target.isdecimal()):
        raise ValueError(
            f"expected links such as 0-0, source position first; received {link!r}"
        )
    return int(source), int(target)


def parse_gold(line: str) -> GoldAlignment:
    """Reads the links of one sentence of an alignment test set, `0-0 1-2 1p3`.

    `-` stands in a sure link, `p` or `?` in one that is only possible.

    Raises:
        ValueError: a link that is not two numbers with one of these between.
    """
    sure, possible = set(), set()
    for link in line.split():
        match = GOLD_LINK.fullmatch(link)
        if match is None:
            raise ValueError(
                "expected links such as 0-0 (sure) and 0p1 or 0?1 (possible), source "
                f"position first; received {link!r}"
            )
        pair = int(match[1]), int(match[3])
        possible.add(pair)
        if match[2] == "-":
            sure.add(pair)
    return GoldAlignment(sure, possible)


def format_alignment(links: Iterable[tuple[int, int]]) -> str:
    """Writes what `parse_alignment` reads, by source position."""
    return " ".join(f"{source}-{target}" for source, target in sorted(links))


def subword_words(tokenizer, texts, num_threads=1):
    """The words of each text's subwords.

    Args:
        tokenizer: `Tokenizer`.
        texts: list of str.
        num_threads: int. For the tokenizer.

    Returns:
        A list of int `(num_subwords, 2)`: the first word in which each subword of
        `tokenizer.encode` lies, and one past the last.
    """
    return [
        words_at(text, offsets)
        for text, offsets in zip(
            texts, tokenizer.offsets(texts, num_threads), strict=True
        )
    ]


def words_at(text, offsets):
    """The words of subwords at offsets `(begin, end)` of a text, int `(n, 2)` as of
    `subword_words`."""
    words = np.array([word.span() for word in WORD.finditer(text)], int).reshape(-1, 2)
    begins, ends = np.array(offsets, int).reshape(-1, 2).T
    # A subword without characters belongs to the word in which, or before which, it is.
    first = np.searchsorted(words[:, 1], begins, side="right")
    first = np.minimum(first, max(len(words) - 1, 0))
    last = np.searchsorted(words[:, 0], ends, side="left")
    return np.stack([first, np.maximum(last, first + 1)], axis=1)


def subword_links(links, source_words, target_words):
    """Links all subwords of linked words.

    Args:
        links: set of `(source word, target word)`.
        source_words: int `(S, 2)`, as `subword_words` gives them.
        target_words: int `(T, 2)`.

    Returns:
        int `(n, 2)`, sorted: source and target positions of subwords. Words without a
        subword, of characters that normalisation removes, have no links.

    Example:

    >>> subword_links({(1, 0)}, [[0, 1], [1, 2], [1, 2]], [[0, 1]]).tolist()
    [[1, 0], [2, 0]]
    """
    source, target = _subwords_of(source_words), _subwords_of(target_words)
    linked = {
        pair
        for source_word, target_word in links
        for pair in product(source[source_word], target[target_word])
    }
    return np.array(sorted(linked), int).reshape(-1, 2)


def _subwords_of(words):
    """The subwords of each word, a dict of lists."""
    subwords = defaultdict(list)
    for subword, (first, last) in enumerate(np.asarray(words, int).tolist()):
        for word in range(first, last):
            subwords[word].append(subword)
    return subwords


def word_links(links, source_words, target_words):
    """Links words of which any subwords are linked; what `subword_links` undoes.

    Args:
        links: int `(n, 2)`, or a set. Source and target positions of subwords.
        source_words: int `(S, 2)`, as `subword_words` gives them.
        target_words: int `(T, 2)`.

    Returns:
        A set of `(source word, target word)`, for `alignment_error_rate`.
    """
    return {
        (source, target)
        for s, t in links
        for source in range(*map(int, source_words[s]))
        for target in range(*map(int, target_words[t]))
    }


def word_attention(attention_scores, source_words, target_words):
    """Attention between words, from that between subwords.

    Attention to a word is the sum over its subwords, attention from a word the mean.

    Args:
        attention_scores: float `(T, S)`. END and padding may follow the subwords; they
            are left out.
        source_words: int `(S, 2)`, as `subword_words` gives them.
        target_words: int `(T, 2)`.

    Returns:
        float `(target words, source words)`, up to the last word that has a subword;
        for `hard_alignment`.

    Example:

    >>> scores = np.array([[0.5, 0.25, 0.25], [0, 0.25, 0.75]])
    >>> word_attention(scores, [[0, 1], [1, 2], [1, 2]], [[0, 1], [1, 2]])
    array([[0.5, 0.5],
           [0. , 1. ]])

    References:
        [Clark et al., 2019](https://arxiv.org/abs/1906.04341), section 4.1.
    """
    scores = np.asarray(attention_scores, "float64")
    lengths = len(target_words), len(source_words)
    if scores.ndim != 2 or scores.shape[0] < lengths[0] or scores.shape[1] < lengths[1]:
        raise ValueError(
            "expected attention scores (T, S) of one sentence pair with at least "
            f"{lengths} tokens; received the shape {scores.shape}"
        )
    source, target = _membership(source_words), _membership(target_words)
    source = source / np.maximum(source.sum(axis=0), 1)  # Words share a subword evenly.
    target = target / np.maximum(target.sum(axis=1, keepdims=True), 1)
    return target @ scores[: lengths[0], : lengths[1]] @ source.T


def _membership(words):
    """Which subword belongs to which word: float `(words, subwords)`, 0 or 1."""
    words = np.asarray(words, int).reshape(-1, 2)
    numbers = np.arange(words[:, 1].max(initial=0))[:, None]
    return ((words[:, 0] <= numbers) & (numbers < words[:, 1])).astype("float64")


def attended_words(attention_scores, source_words, target_words):
    """Links each target word to the source word that it attends to most.

    Args:
        attention_scores: float `(T, S)`, as of `word_attention`.
        source_words: int `(S, 2)`, as `subword_words` gives them.
        target_words: int `(T, 2)`.

    Returns:
        A set of `(source word, target word)`.

    Example:

    >>> scores = np.array([[0.1, 0.3, 0.6], [0.1, 0.7, 0.2], [0.4, 0.1, 0.5]])
    >>> format_alignment(attended_words(scores, [[0, 1], [1, 2]], [[0, 1], [1, 2]]))
    '1-0 1-1'
    """
    if not len(source_words) or not len(target_words):
        return set()
    return hard_alignment(word_attention(attention_scores, source_words, target_words))


def hard_alignment(attention_scores):
    """What each target step attends to most.

    Args:
        attention_scores: float `(T, S)`, without the steps and positions that are not
            to be aligned: padding and the end tokens.

    Returns:
        A set of `T` pairs `(source position, target position)`. A step that attends
        nowhere, all zeros, has none.

    Raises:
        ValueError: the scores are not of two axes, or there are no positions.

    Example:

    >>> sorted(hard_alignment([[0.1, 0.9], [0.8, 0.2]]))
    [(0, 1), (1, 0)]
    """
    scores = np.asarray(attention_scores, "float64")
    if scores.ndim != 2 or not scores.shape[1]:
        raise ValueError(
            f"expected attention scores (T, S) of one sentence, S at least 1; "
            f"received the shape {scores.shape}"
        )
    return {
        (int(step.argmax()), position)
        for position, step in enumerate(scores)
        if step.any()
    }


class Links:
    """Links between subwords, one set for each pair of a corpus.

    Args:
        flat: `Sentences`. The links of each pair end to end: source position, target
            position, source position, …
    """

    def __init__(self, flat):
        self._flat = flat

    def __len__(self):
        return len(self._flat)

    def __getitem__(self, i):
        """int `(n, 2)`: source and target positions that are linked."""
        return self._flat[i].reshape(-1, 2)

    def padded(self, rows, lengths, shape):
        """What attention should be in a batch.

        Args:
            rows: int `(n,)`. Numbers of pairs.
            lengths: two int `(n,)`. How long their sources and targets are, without
                END, which is linked to END.
            shape: `(B, T, S)`, `B >= n`, each side longer than its longest.

        Returns:
            float32 `(B, T, S)`. Links of a target position share 1 evenly; where
            there is none, the row is zero.
        """
        starts = self._flat.offsets[rows] // 2
        counts = self._flat.offsets[rows + 1] // 2 - starts
        row = np.repeat(np.arange(len(rows)), counts)
        first = np.repeat(starts - np.cumsum(counts) + counts, counts)
        place = 2 * (first + np.arange(len(row)))
        tokens = self._flat.tokens
        weights = np.zeros(shape, "float32")
        weights[row, tokens[place + 1], tokens[place]] = 1
        source_lengths, target_lengths = lengths
        weights[np.arange(len(rows)), target_lengths, source_lengths] = 1
        return weights / np.maximum(weights.sum(axis=-1, keepdims=True), 1)
