"""Texts cut otherwise each time that they come: subword regularisation."""

from random import Random
from typing import Any

import numpy as np

from keras_attention.data.prepared.store import SIDES, Sentences
from keras_attention.data.subwords import DrawnSubwords
from keras_attention.data.tokenizer import Tokenizer

MEASURED = 1000  # pairs, from which it is known how much longer drawn sentences are
DEVIATIONS = 2.0  # over the mean, which about one in forty exceeds


class SubwordSampling:
    """Draws a segmentation of each text of a batch, for `TokenBatches`.

    A unigram model draws whole segmentations (subword regularisation), a BPE model
    leaves out merges (BPE-dropout). Sentences become longer by that, and shapes of
    batches are fixed: buckets are chosen with room for it, and a sentence that would
    not fit nevertheless is cut as usual, into the pieces of its best segmentation.

    Args:
        source_tokenizer: `Tokenizer`.
        target_tokenizer: `Tokenizer`.
        alpha: float. Of unigram models: how much a likely segmentation is preferred;
            0 draws nothing.
        dropout: float, from 0 to 1. Of BPE models: share of merges left out; 0 draws
            nothing.
        seed: int.

    Example:

    >>> from keras_attention.data.prepared.store import TokenisedCorpus
    >>> tokenizer = Tokenizer.train(["banana"] * 9, 270, model_type="bpe")
    >>> tokenizers = tokenizer, tokenizer
    >>> corpus = TokenisedCorpus.from_pairs([("banana", "banana")], *tokenizers)
    >>> sampling = SubwordSampling(*tokenizers, dropout=0.5)
    >>> for step in range(3):
    ...     ids = sampling.padded(corpus, "source", [0], (1, 9), step)
    ...     print(tokenizer.ids_to_tokens(ids[0][ids[0] > 3]))
    ['▁ban', 'an', 'a']
    ['▁', 'b', 'ana', 'n', 'a']
    ['▁', 'b', 'an', 'an', 'a']

    References:
        [Kudo, 2018](https://arxiv.org/abs/1804.10959), section 3;
        [Provilkov et al., 2020](https://arxiv.org/abs/1910.13267), section 3.
    """

    def __init__(
        self,
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        alpha: float = 0.0,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.vocabulary_sizes = {
            "source": source_tokenizer.vocabulary_size,
            "target": target_tokenizer.vocabulary_size,
        }
        source = DrawnSubwords(source_tokenizer, alpha, dropout, seed)
        # A shared one keeps the words of both sides.
        target = source
        if target_tokenizer is not source_tokenizer:
            target = DrawnSubwords(target_tokenizer, alpha, dropout, seed)
        self.drawn = {"source": source, "target": target}
        self.seed = seed

    def padded(
        self, corpus: Any, side: str, rows: Any, size: tuple[int, int], step: int
    ) -> np.ndarray:
        """Drawn ids of some sentences, each with END, in the first rows of zeros.

        Args:
            corpus: `TokenisedCorpus`.
            side: str. "source" or "target".
            rows: int `(n,)`. Numbers of pairs.
            size: `(B, length)`, `B >= n`.
            step: int. The same step draws the same.

        Returns:
            int32 `(B, length)`.
        """
        ids = self._drawn(corpus, side, rows, step)
        best = getattr(corpus, side)
        ids = [
            drawn if 0 < len(drawn) < size[1] else best[i].tolist()
            for i, drawn in zip(rows, ids, strict=True)
        ]
        sentences = Sentences.from_ids(ids, self.vocabulary_sizes[side])
        return sentences.padded(np.arange(len(ids)), size)

    def room(self, corpus: Any) -> list[np.ndarray]:
        """Positions that each pair is given on either side, END counted.

        The drawn length of a sentence of `n` pieces has a mean of `mean * n` and a
        variance of `variance * n`, measured on some pairs.

        Returns:
            `[source, target]`, int32 `(len(corpus),)` each.
        """
        rows = np.unique(np.linspace(0, len(corpus) - 1, MEASURED).astype(int))
        room = []
        for side in SIDES:
            best = getattr(corpus, side).lengths
            # A step that no training reaches.
            drawn = [len(ids) for ids in self._drawn(corpus, side, rows, 2**62)]
            # Empty sentences stay so.
            mean = max(1.0, sum(drawn) / max(best[rows].sum(), 1))
            rest = np.array(drawn) - mean * best[rows]
            deviation = np.sqrt(np.mean(rest**2 / np.maximum(best[rows], 1)))
            length = mean * best + DEVIATIONS * deviation * np.sqrt(best)
            room.append(np.ceil(length).astype("int32") + 1)
        return room

    def _drawn(self, corpus, side, rows, step):
        sentences = getattr(corpus, side)
        sequence = np.random.SeedSequence([self.seed, step, SIDES.index(side)])
        rng = Random(int(sequence.generate_state(1, "uint64")[0]))
        return self.drawn[side]([sentences[i] for i in rows], rng)
