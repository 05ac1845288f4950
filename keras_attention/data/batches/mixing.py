"""Which pairs a data epoch holds where corpora are drawn from by weight."""

import numpy as np


class Mixture:
    """Draws pairs of several corpora, as many of each as its weight says.

    Of the pairs that are trained on, corpus `c` gives `weights[c] / sum(weights)`. Each
    is gone through again and again, always to its end and in a new order: the rarest
    pair of a small corpus comes as often as any other of it. Short and long pairs are
    drawn apart, since they come in different batches; at least one of each kind comes
    in every data epoch, which has about as many pairs as there are.

    Args:
        sizes: list of int. Pairs of each corpus; they stand one after another.
        weights: list of float, above 0.
        bucket: int `(N,)`. The bucket of each pair.
        seed: int.

    Attributes:
        bucket: int `(M,)`. The bucket of each place in a data epoch.

    Example:

    >>> mixture = Mixture([2, 4], [2.0, 1.0], np.zeros(6, "int16"), seed=1)
    >>> [sorted(mixture.rows(data_epoch).tolist()) for data_epoch in (0, 1)]
    [[0, 0, 1, 1, 2, 3], [0, 0, 1, 1, 4, 5]]
    """

    def __init__(self, sizes, weights, bucket, seed):
        total = sum(sizes)
        sum_weights = sum(w for w, n in zip(weights, sizes, strict=True) if n)
        ends = np.cumsum(sizes)
        self.seed = seed
        self._streams = []  # of each bucket, (pairs of a corpus, how many to draw)
        buckets = np.unique(bucket)
        for number in buckets:
            members = np.flatnonzero(bucket == number)
            streams = []
            for rows, size, weight in zip(
                np.split(members, np.searchsorted(members, ends[:-1])),
                sizes,
                weights,
                strict=True,
            ):
                if len(rows):
                    share = weight / sum_weights * len(rows) / size
                    streams.append((rows, max(1, round(share * total))))
            self._streams.append(streams)
        counts = [sum(count for _, count in streams) for streams in self._streams]
        self.bucket = np.repeat(buckets, counts)

    def rows(self, data_epoch):
        """The pairs of a data epoch, int `(M,)`, the buckets one after another."""
        drawn = []
        for number, streams in enumerate(self._streams):
            rows = [
                self._next(*stream, data_epoch, (number, i))
                for i, stream in enumerate(streams)
            ]
            rng = np.random.default_rng([self.seed, data_epoch, number])
            drawn.append(rng.permutation(np.concatenate(rows)))
        return np.concatenate(drawn)

    def _next(self, rows, count, data_epoch, stream):
        """`count` pairs, from where the data epoch before ended."""
        first = data_epoch * count
        passes = range(first // len(rows), (first + count - 1) // len(rows) + 1)
        orders = [
            np.random.default_rng([self.seed, *stream, each, 1]).permutation(rows)
            for each in passes
        ]
        begin = first - passes[0] * len(rows)
        return np.concatenate(orders)[begin : begin + count]
