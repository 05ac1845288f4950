"""Segmentations of words drawn at random, of unigram and of BPE models.

SentencePiece draws too, but otherwise in every process, whatever the seed: a run that
is resumed would not go on as it would have gone.
"""

import hashlib
import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from keras_attention.data.special_ids import parsed
from keras_attention.data.tokenizer import Tokenizer

SPACE = "▁"
DRAWS = 256  # different draws of each word
MOST_KEPT = 1_000_000


class DrawnSubwords:
    """Replaces the pieces of sentences by others that spell the same.

    Words are drawn apart from each other, as the model itself treats them; where it has
    pieces that go over spaces, whole sentences are. Of each word there are 256 draws,
    numbered, and each is always the same; they are kept. What is no usual piece stays:
    unknown characters, bytes, and symbols that the user defined.

    Args:
        tokenizer: `Tokenizer`.
        alpha: float. Of a unigram model: a segmentation `x` is drawn with probability
            `P(x)^alpha / sum P^alpha`, by forward filtering and backward sampling.
        dropout: float. Of a BPE model: at each step, each merge that is possible is
            left out with this probability.
        seed: int.

    Call arguments:
        sentences: list of int `(num_pieces,)`, the best segmentations.
        rng: NumPy generator, which chooses among the draws.

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
        pieces = parsed(tokenizer.model).pieces
        self._pieces = [piece.piece for piece in pieces]
        self._usual = np.array([piece.type == piece.NORMAL for piece in pieces])
        begins = [piece.startswith(SPACE) for piece in self._pieces]
        across = any(
            SPACE in piece.lstrip(SPACE)
            for piece, usual in zip(self._pieces, self._usual, strict=True)
            if usual
        )
        self._begins = np.array(begins) & (not across)
        scores = {p.piece: (i, p.score) for i, p in enumerate(pieces) if self._usual[i]}
        self._draw: Callable[[str, random.Random], list[int] | None] | None = None
        if tokenizer.model_type == "unigram" and alpha:
            self._draw = _unigram(scores, alpha)
        elif tokenizer.model_type == "bpe" and dropout:
            self._draw = _bpe(scores, dropout)
        self.arguments = tokenizer, alpha, dropout, seed
        self.seed = seed
        self._kept: dict[tuple[bytes, int], list[int]] = {}

    def __call__(self, sentences: Sequence[Any], rng: Any) -> list[list[int]]:
        if self._draw is None:
            return [np.asarray(ids).tolist() for ids in sentences]
        return [self._drawn(np.asarray(ids, "int32"), rng) for ids in sentences]

    def _drawn(self, ids, rng):
        usual = self._usual[ids]
        edges = self._begins[ids] | ~usual
        edges[1:] |= ~usual[:-1]
        starts = np.union1d([0], np.flatnonzero(edges)).astype(int).tolist()
        numbers = rng.integers(DRAWS, size=len(starts)).tolist()
        result = []
        for start, end, number in zip(
            starts, [*starts[1:], len(ids)], numbers, strict=True
        ):
            result += self._word(ids[start:end], usual[start], number)
        return result

    def _word(self, ids, usual, number):
        if not usual:
            return ids.tolist()
        key = (ids.tobytes(), number)
        drawn = self._kept.get(key)
        if drawn is None:
            digest = hashlib.blake2b(b"%d %d " % (self.seed, number), digest_size=8)
            digest.update(key[0])
            rng = random.Random(int.from_bytes(digest.digest(), "little"))
            text = "".join(self._pieces[i] for i in ids)
            drawn = (self._draw and self._draw(text, rng)) or ids.tolist()
            if len(self._kept) >= MOST_KEPT:
                self._kept = {}
            self._kept[key] = drawn
        return drawn

    def __reduce__(self) -> Any:
        return DrawnSubwords, self.arguments


def _unigram(scores, alpha):
    """Draws a path through the lattice of all pieces in a text."""
    longest = max(map(len, scores))

    def draw(text, rng):
        # Of each position: the log of the weight of all paths to it, and last steps.
        totals, steps = [0.0], [[]]
        for end in range(1, len(text) + 1):
            found = []
            for begin in range(max(0, end - longest), end):
                known = scores.get(text[begin:end])
                if known is not None and totals[begin] > -math.inf:
                    weight = totals[begin] + alpha * known[1]
                    found.append((begin, known[0], weight))
            most = max((weight for *_, weight in found), default=-math.inf)
            found = [(begin, i, math.exp(weight - most)) for begin, i, weight in found]
            total = sum(weight for *_, weight in found)
            totals.append(most + math.log(total) if found else -math.inf)
            steps.append(found)
        ids, end = [], len(text)
        while end:
            found = steps[end]
            if not found:
                return None
            (chosen,) = rng.choices(found, [weight for *_, weight in found])
            end, i, _ = chosen
            ids.append(i)
        return ids[::-1]

    return draw


def _bpe(scores, dropout):
    """Merges the characters of a text, the best merge first, and leaves some out."""

    def draw(text, rng):
        parts = list(text)
        while True:
            merges = [
                (-scores[pair][1], i)
                for i, pair in enumerate(a + b for a, b in pairwise(parts))
                if pair in scores and rng.random() >= dropout
            ]
            if not merges:
                break
            _, i = min(merges)
            parts[i : i + 2] = [parts[i] + parts[i + 1]]
        if all(part in scores for part in parts):
            return [scores[part][0] for part in parts]
        return None

    return draw
