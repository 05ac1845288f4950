"""Batches of about as many tokens each, in a few fixed shapes, in an order that a
step number alone decides."""

import threading
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_attention.data.batches.buckets import (
    assign,
    checked_lengths,
    choose_lengths,
    dominant,
    group,
    mixed_order,
    num_batches,
    split_dominant,
)
from keras_attention.data.batches.mixing import Mixture
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

if TYPE_CHECKING:
    from keras_attention.data.batches.subword_sampling import SubwordSampling

MOST_REMEMBERED = 1000


class TokenBatches(keras.utils.PyDataset):
    """Feeds a tokenised corpus to `fit`, `evaluate` or a loop of one's own.

        source        w x y END 0 0       (B, S)
        decoder input START u v w 0 0     (B, T)
        labels        u v w END 0 0       (B, T)
        sample_weight 1 1 1 1   0 0       (B, T)
        alignments    float               (B, T, S), if asked for

    Each batch has one of at most `max_shapes` shapes, so that a compiler meets a
    handful of programs. In one data epoch each pair comes exactly once; rows that
    fill up the last batch of a bucket are all padding, of weight 0.

    `batch_at(step)` is a function of `seed` and `step` alone, so that a run killed
    after `n` steps goes on with `first_step=n` as if nothing had happened.

    Args:
        corpus: `TokenisedCorpus`.
        tokens_per_batch: int. Most positions of a batch, padding counted, on the
            longer side: `B × max(S, T)`.
        bucket_lengths: list of int or of `(S, T)`, optional; START and END counted.
            They must differ in both. By default those that waste the least padding.
        max_shapes: int. Most shapes to choose.
        seed: int. Of the order.
        shuffle: bool. False gives the same order in every epoch, and pairs of a
            bucket in the order of the corpus; for validation.
        steps_per_epoch: int. Batches in one epoch of `fit`; by default the whole
            corpus. 1 gives a single shape.
        first_step: int. The global step that `self[0]` is; a finished epoch of `fit`
            moves it on.
        alignments: bool. Whether inputs also hold `alignments`, float32
            `(B, T, S)`: how much the label at `t` belongs to the source position
            `s`. A row sums to 1, shared evenly by the positions linked to it, or is
            zero, where there are none; END belongs to END.
        weights: list of `(num_pairs, weight)`, optional. The corpora that `corpus`
            consists of, one after another. Of the pairs that are fed, each gives the
            share `weight / sum of weights`, whatever its size, and in a data epoch its
            pairs come as often as that takes; see `Mixture`.
        sampling: `SubwordSampling`, optional: draws the segmentation of each text anew
            whenever it comes. Buckets are then chosen for longer sentences.
        **kwargs: `workers`, `use_multiprocessing`, `max_queue_size`, for Keras.

    Attributes:
        shapes: list of `BatchShape`, `(batch_size, source_length, target_length)`.
        num_batches_per_data_epoch: int.

    Raises:
        ValueError: an empty corpus, one without the alignments asked for, fewer than
            one shape or token, bucket lengths that do not grow on both sides, or pairs
            that fit no bucket.

    Example:

    >>> from keras_attention.data.prepared.store import Sentences, TokenisedCorpus
    >>> side = Sentences.from_ids([[5, 6], [7], [8, 9, 4]], vocabulary_size=10)
    >>> batches = TokenBatches(TokenisedCorpus(side, side), tokens_per_batch=100)
    >>> batches.shapes
    [BatchShape(batch_size=3, source_length=4, target_length=4)]
    >>> inputs, labels, sample_weight = batches[0]
    >>> inputs["target_ids"].shape, int(sample_weight.sum())
    ((3, 4), 9)
    """

    def __init__(
        self,
        corpus: Any,
        tokens_per_batch: int = 4096,
        bucket_lengths: Any = None,
        max_shapes: int = 8,
        seed: int = 0,
        shuffle: bool = True,
        steps_per_epoch: int | None = None,
        first_step: int = 0,
        alignments: Any = False,
        weights: list[tuple[int, float]] | None = None,
        sampling: "SubwordSampling | None" = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not len(corpus):
            raise ValueError("expected a corpus with pairs; received an empty one")
        if tokens_per_batch < 1 or max_shapes < 1:
            raise ValueError(
                "tokens_per_batch and max_shapes must be at least 1; "
                f"received {tokens_per_batch} and {max_shapes}"
            )
        if alignments and corpus.alignments is None:
            raise ValueError(
                "expected a corpus with alignments; received one without: prepare it "
                "with alignments=…, or leave out alignments=True"
            )
        if weights is not None and sum(size for size, _ in weights) != len(corpus):
            raise ValueError(
                f"weights must be of corpora that have {len(corpus):,} pairs together, "
                f"each `(num_pairs, weight)`; received {weights}"
            )
        if alignments and sampling is not None:
            raise ValueError(
                "alignments link the pieces of best segmentations; received sampling "
                "too: leave out one of them"
            )
        self.corpus = corpus
        self.sampling = sampling
        self.alignments = alignments
        self.tokens_per_batch = tokens_per_batch
        self.seed = seed
        self.shuffle = shuffle
        self.first_step = first_step
        self.weights = weights
        self._mixture: Mixture | None = None
        self._within_epoch = False
        self._reached_end = False
        self._plans = {}
        self._num_labels: dict[int, int] = {}  # of batches that were made, by step
        self._lock = threading.Lock()
        if steps_per_epoch == 1:
            max_shapes = 1
        groups = self._make_groups(bucket_lengths, max_shapes)
        self.shapes = [shape for shape, _ in groups]
        self._members = [rows for _, rows in groups]
        counts = num_batches(groups)
        self._batch_bucket = np.repeat(np.arange(len(counts)), counts)
        self._batch_place = np.concatenate([np.arange(count) for count in counts])
        self.num_batches_per_data_epoch = len(self._batch_bucket)
        self.steps_per_epoch = steps_per_epoch or self.num_batches_per_data_epoch

    def __len__(self) -> int:
        return self.steps_per_epoch

    def __getitem__(
        self, index: int
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """The batch of step `first_step + index`, as of `batch_at`."""
        if index == len(self) - 1:
            self._reached_end = True
        return self.batch_at(self.first_step + index)

    def on_epoch_begin(self) -> None:
        """Keras calls it before each epoch of `fit`."""
        self._within_epoch = True
        self._reached_end = False

    def on_epoch_end(self) -> None:
        """Moves `first_step` on by an epoch of `fit` that was read to its end."""
        # Keras also calls this after a look at the first batches, before training.
        # In worker processes the last batch is made out of sight.
        if self._within_epoch and (self._reached_end or self.use_multiprocessing):
            self.first_step += len(self)
        self._within_epoch = False

    def batch_at(
        self, step: int
    ) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """The batch of a global step, from 0.

        Returns:
            `({"source_ids": (B, S), "target_ids": (B, T)}, labels (B, T),
            sample_weight (B, T))`, int32 but for the weight, which is float32. With
            alignments, the dict has those too, float32 `(B, T, S)`.
        """
        rows, shape = self._rows_at(step)
        target_ids, labels, sample_weight = self._target(rows, shape, step)
        inputs = {**self._source(rows, shape, step), "target_ids": target_ids}
        return inputs, labels, sample_weight

    def target_tokens_at(self, step: int) -> int:
        """Labels that count in the batch of a global step: real tokens and END."""
        rows, shape = self._rows_at(step)
        if self.sampling is not None:
            known = self._num_labels.pop(step, None)
            if known is None:
                known = int(self._target(rows, shape, step)[2].sum())
            return known
        offsets = self.corpus.target.offsets
        return int((offsets[rows + 1] - offsets[rows]).sum()) + len(rows)

    def _rows_at(self, step):
        """The pairs of a global step, and its shape."""
        data_epoch, position = divmod(step, self.num_batches_per_data_epoch)
        order, members = self._plan(data_epoch if self.shuffle else 0)
        batch = order[position]
        bucket, place = self._batch_bucket[batch], self._batch_place[batch]
        shape = self.shapes[bucket]
        start = place * shape.batch_size
        return members[bucket][start : start + shape.batch_size], shape

    def padding_share(self) -> float:
        """The share of all positions that hold padding, over a data epoch: from 0 to
        1. With `sampling`, as if best segmentations were fed."""
        rows = self._pairs(0)
        used = sum(side[rows].sum(dtype="int64") for side in self._lengths())
        areas = [shape[0] * (shape[1] + shape[2]) for shape in self.shapes]
        return 1 - float(used / np.take(areas, self._batch_bucket).sum())

    def _lengths(self):
        """Positions of each pair on either side, START or END counted."""
        return self.corpus.source_lengths + 1, self.corpus.target_lengths + 1

    def _make_groups(self, bucket_lengths, max_shapes):
        """The shapes, each with the pairs that are padded to it."""
        source, target = self._lengths()
        if self.sampling is not None:
            source, target = self.sampling.room(self.corpus)
        if bucket_lengths is not None:
            lengths = checked_lengths(bucket_lengths)
            lengths = lengths[-1:] if max_shapes == 1 else lengths
            groups = self._group(lengths, assign(source, target, lengths))
            return split_dominant(groups, self.tokens_per_batch)
        # Few batches deserve few shapes: each is compiled.
        full_batches = (
            np.maximum(source, target).sum(dtype="int64") / self.tokens_per_batch
        )
        max_shapes = min(max_shapes, 1 + int(2 * full_batches))
        groups = self._group(*choose_lengths(source, target, max_shapes))
        if dominant(groups) is not None and len(groups) == max_shapes:
            # Leaves room for the shape that splitting adds.
            groups = self._group(*choose_lengths(source, target, max_shapes - 1))
        return split_dominant(groups, self.tokens_per_batch)

    def _group(self, lengths, bucket):
        """`group`, of the places of a data epoch where corpora are weighed."""
        if self.weights is not None:
            sizes, weights = zip(*self.weights, strict=True)
            self._mixture = Mixture(sizes, weights, bucket, self.seed)
            bucket = self._mixture.bucket
        return group(lengths, bucket, self.tokens_per_batch)

    def _pairs(self, data_epoch):
        """The pair at each place of a data epoch."""
        if self._mixture is None:
            return np.arange(len(self.corpus))
        return self._mixture.rows(data_epoch)

    def _plan(self, data_epoch):
        """The order of the batches and of the pairs in each bucket."""
        with self._lock:
            if data_epoch not in self._plans:
                rng = np.random.default_rng([self.seed, data_epoch])
                members = self._members
                if self._mixture is not None:
                    pairs = self._pairs(data_epoch)
                    members = [pairs[places] for places in members]
                if self.shuffle:
                    members = [rng.permutation(rows) for rows in members]
                order = mixed_order(self._batch_bucket, rng)
                # Workers may be reading on both sides of an epoch's end.
                last = {k: v for k, v in self._plans.items() if k == data_epoch - 1}
                self._plans = {**last, data_epoch: (order, members)}
            return self._plans[data_epoch]

    def _source(self, rows, shape, step):
        """What the model reads of the pairs `rows`, in a dict; `step` seeds chance."""
        size = (shape.batch_size, shape.source_length)
        source_ids = self._padded("source", rows, size, step)
        if not self.alignments:
            return {"source_ids": source_ids}
        sides = self.corpus.source.offsets, self.corpus.target.offsets
        lengths = [offsets[rows + 1] - offsets[rows] for offsets in sides]
        links = self.corpus.alignments.padded(
            rows, lengths, (shape.batch_size, shape.target_length, shape.source_length)
        )
        return {"source_ids": source_ids, "alignments": links}

    def _target(self, rows, shape, step):
        """`(target_ids, labels, sample_weight)` of the pairs `rows`, each `(B, T)`."""
        size = (shape.batch_size, shape.target_length)
        labels = self._padded("target", rows, size, step)
        sample_weight = (labels != PAD_ID).astype("float32")
        if self.sampling is not None:
            if len(self._num_labels) > MOST_REMEMBERED:  # Nobody asks.
                self._num_labels = {}
            self._num_labels[step] = int(sample_weight.sum())
        target_ids = np.zeros_like(labels)
        target_ids[: len(rows), 0] = START_ID
        target_ids[:, 1:] = np.where(labels == END_ID, PAD_ID, labels)[:, :-1]
        return target_ids, labels, sample_weight

    def _padded(self, side, rows, size, step):
        """Ids of one side of the pairs `rows`, each with END, int32 of shape `size`."""
        if self.sampling is not None:
            return self.sampling.padded(self.corpus, side, rows, size, step)
        return getattr(self.corpus, side).padded(rows, size)

    def __getstate__(self) -> Any:
        return {**self.__dict__, "_lock": None, "_plans": {}}

    def __setstate__(self, state: Any) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()
