"""Segmentations of words drawn at random, of unigram and of BPE models.

SentencePiece draws too, but otherwise in every process, whatever the seed: a run that
is resumed would not go on as it would have gone.
"""

import hashlib
import math
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate, pairwise
from random import Random
from typing import Any

import numpy as np

from keras_attention.data.special_ids import parsed
from keras_attention.data.tokenizer import Tokenizer

SPACE = "▁"
BPE_DRAWS = 64  # different ones of each word, which are kept
MOST_KEPT = 500_000  # words


class DrawnSubwords:
    """Replaces the pieces of sentences by others that spell the same.

    Words are drawn apart from each other, as the model itself treats them; where it has
    pieces that go over spaces, whole sentences are. What is no usual piece stays:
    unknown characters, bytes, and symbols that the user defined.

    Args:
        tokenizer: `Tokenizer`.
        alpha: float. Of a unigram model: a segmentation `x` is drawn with probability
            `P(x)^alpha / sum P^alpha`, by forward filtering and backward sampling.
        dropout: float. Of a BPE model: at each step, each merge that is possible is
            left out with this probability. Of each word there are 64 draws, since
            merging takes long.
        seed: int. Of these.

    Call arguments:
        sentences: list of int `(num_pieces,)`, the best segmentations.
        rng: `random.Random`.

    Returns:
        list of lists of int.

    References:
        [Kudo, 2018](https://arxiv.org/abs/1804.10959), section 3.3;
        [Provilkov et al., 2020](https://arxiv.org/abs/1910.13267), algorithm 1.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        alpha: float = 0.0,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.arguments = tokenizer, alpha, dropout, seed
        pieces = parsed(tokenizer.model).pieces
        self._pieces = [piece.piece for piece in pieces]
        self._usual = np.array([piece.type == piece.NORMAL for piece in pieces])
        scores = {p.piece: (i, p.score) for i, p in enumerate(pieces) if self._usual[i]}
        across = any(SPACE in piece.lstrip(SPACE) for piece in scores)
        begins = [piece.startswith(SPACE) and not across for piece in self._pieces]
        self._begins = np.array(begins)
        self._words: Any = None
        if tokenizer.model_type == "unigram" and alpha:
            self._words = _Unigram(scores, alpha)
        elif tokenizer.model_type == "bpe" and dropout:
            self._words = _Bpe(scores, dropout, seed)

    def __call__(self, sentences: Sequence[Any], rng: Random) -> list[list[int]]:
        if self._words is None:
            return [np.asarray(ids).tolist() for ids in sentences]
        return [self._drawn(np.asarray(ids, "int32"), rng) for ids in sentences]

    def _drawn(self, ids, rng):
        if not len(ids):
            return []
        usual = self._usual[ids]
        edges = self._begins[ids] | ~usual
        edges[1:] |= ~usual[:-1]
        edges[:1] = True
        starts = np.flatnonzero(edges).tolist()
        ids, usual, pieces = ids.tolist(), usual.tolist(), self._pieces
        result = []
        for start, end in zip(starts, [*starts[1:], len(ids)], strict=True):
            word = ids[start:end]
            drawn = None
            if usual[start]:
                text = "".join([pieces[i] for i in word])
                drawn = self._words.draw(text, rng) if len(text) > 1 else None
            result += drawn or word
        return result

    def __reduce__(self) -> Any:
        return DrawnSubwords, self.arguments


class _Unigram:
    """Draws paths through the lattice of all pieces in a word; lattices are kept."""

    def __init__(self, scores, alpha):
        self.scores = scores
        self.alpha = alpha
        self.longest = max(map(len, scores))
        self.kept: dict[str, list[Any]] = {}

    def draw(self, text, rng):
        """list of int; None where the pieces do not spell the text."""
        steps = self.kept.get(text)
        if steps is None:
            if len(self.kept) >= MOST_KEPT:
                self.kept = {}
            steps = self.kept[text] = self._lattice(text)
        ids, end = [], len(text)
        while end:
            weights, before = steps[end]
            if not weights:
                return None
            i = bisect(weights, rng.random() * weights[-1]) if len(weights) > 1 else 0
            end, piece = before[min(i, len(before) - 1)]
            ids.append(piece)
        return ids[::-1]

    def _lattice(self, text):
        """Of each end, the last pieces: their summed weights, and `(begin, id)`."""
        totals, steps = [0.0], [([], [])]
        for end in range(1, len(text) + 1):
            logs, before = [], []
            for begin in range(max(0, end - self.longest), end):
                known = self.scores.get(text[begin:end])
                if known is not None and totals[begin] > -math.inf:
                    logs.append(totals[begin] + self.alpha * known[1])
                    before.append((begin, known[0]))
            most = max(logs, default=-math.inf)
            weights = list(accumulate(math.exp(each - most) for each in logs))
            totals.append(most + math.log(weights[-1]) if logs else -math.inf)
            steps.append((weights, before))
        return steps


class _Bpe:
    """Merges the characters of a word, the best merge first, and leaves some out."""

    def __init__(self, scores, dropout, seed):
        self.scores = scores
        self.dropout = dropout
        self.seed = seed
        self.kept: dict[str, list[Any]] = {}

    def draw(self, text, rng):
        """list of int; None where the pieces do not spell the text."""
        draws = self.kept.get(text)
        if draws is None:
            if len(self.kept) >= MOST_KEPT:
                self.kept = {}
            draws = self.kept[text] = [()] * BPE_DRAWS  # () until it is made
        number = int(rng.random() * BPE_DRAWS)
        if draws[number] == ():
            # Whoever comes to a draw first, it is the same.
            named = f"{self.seed} {number} {text}".encode()
            digest = hashlib.blake2b(named, digest_size=8).digest()
            draws[number] = self._merged(text, Random(int.from_bytes(digest, "little")))
        return draws[number]

    def _merged(self, text, rng):
        parts, scores = list(text), self.scores
        while True:
            merges = [
                (-scores[pair][1], i)
                for i, pair in enumerate([a + b for a, b in pairwise(parts)])
                if pair in scores and rng.random() >= self.dropout
            ]
            if not merges:
                break
            _, i = min(merges)
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        if all(part in scores for part in parts):
            return [scores[part][0] for part in parts]
        return None
