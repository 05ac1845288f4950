"""What a caller may ask of decoding."""

import dataclasses

import numpy as np

from keras_attention.special_tokens import PAD_ID


@dataclasses.dataclass(frozen=True)
class DecodingOptions:
    """How hypotheses are searched, scored and limited.

    Lengths count generated tokens, the end token included. The limit of a source of
    `n` tokens is `min(max_length, max_length_ratio · n + max_length_offset)`; at the
    limit a hypothesis is made to end. It depends on its own source alone, so that a
    batch gives what its rows give one by one.

    Hashable, so that each combination is compiled once.
    """

    beam: int = 4
    """Hypotheses kept per source; 1 is greedy search."""
    n_best: int = 1
    """Hypotheses returned per source, best first; at most `beam`."""
    length_penalty: float = 0.6
    """α of GNMT: log-probabilities are divided by ((5 + length) / 6)^α."""
    coverage_penalty: float = 0.0
    """β of GNMT: adds β Σ_s log(min(Σ_t attention_ts, 1)) to the score."""
    max_length: int = 256
    """No hypothesis gets longer, whatever its source."""
    max_length_ratio: float = 2.0
    """Tokens allowed for each source token."""
    max_length_offset: int = 10
    """Tokens allowed beyond that."""
    min_length: int = 1
    """The end token is not chosen earlier, unless the limit says so."""
    no_repeat_ngram: int = 0
    """No n-gram of this size comes twice in a hypothesis; 0 allows all."""
    temperature: float = 0.0
    """Zero searches; above zero samples `n_best` hypotheses from p^(1/temperature)."""
    top_k: int = 0
    """Sampling draws from the k most probable tokens only; 0 from all."""
    top_p: float = 1.0
    """Sampling draws from the fewest tokens that together have this probability."""

    def __post_init__(self):
        for name, least in (
            ("beam", 1),
            ("n_best", 1),
            ("length_penalty", 0),
            ("coverage_penalty", 0),
            ("max_length", 1),
            ("max_length_ratio", 0),
            ("max_length_offset", 0),
            ("min_length", 0),
            ("no_repeat_ngram", 0),
            ("temperature", 0),
            ("top_k", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(
                    f"{name} must be at least {least}; received {getattr(self, name)}"
                )
        if not 0 < self.top_p <= 1:
            raise ValueError(
                f"top_p is a probability above 0 and up to 1; received {self.top_p}"
            )
        if not self.samples and self.n_best > self.beam:
            raise ValueError(
                f"n_best={self.n_best} hypotheses cannot come out of beam={self.beam}; "
                f"ask for beam={self.n_best} or more, or sample with temperature > 0"
            )
        if not self.samples and (self.top_k or self.top_p < 1):
            raise ValueError(
                "top_k and top_p shape sampling, which needs temperature > 0; received "
                f"temperature={self.temperature}"
            )

    @property
    def samples(self):
        return self.temperature > 0

    def replace(self, **changes):
        """A copy with some options changed."""
        unknown = sorted(set(changes) - {f.name for f in dataclasses.fields(self)})
        if unknown:
            known = ", ".join(f.name for f in dataclasses.fields(self))
            raise ValueError(
                f"unknown decoding option {unknown[0]!r}; the options are {known}"
            )
        return dataclasses.replace(self, **changes)

    def length_limits(self, inputs):
        """How long each row's hypotheses may get: int `(B,)`, at least 1.

        Args:
            inputs: dict of tensors, as `model.encode` takes it. Without `source_ids`,
                as for pictures, `max_length` alone counts.
        """
        from keras import ops, tree

        if "source_ids" not in inputs:
            batch_size = ops.shape(tree.flatten(inputs)[0])[0]
            return ops.full((batch_size,), self.max_length, dtype="int32")
        real = ops.not_equal(inputs["source_ids"], PAD_ID)
        return self._limit(ops.sum(ops.cast(real, "int32"), axis=1))

    def num_steps(self, inputs):
        """Steps that suffice for every row of a batch padded to `S` positions.

        A Python int where `S` is known, as a compiler of fixed shapes needs; an int
        scalar tensor where it is not.
        """
        from keras import ops

        if "source_ids" not in inputs:
            return self.max_length
        length = ops.shape(inputs["source_ids"])[1]
        if isinstance(length, int):
            # Rounded as the tensors of `_limit` are.
            limit = int(np.float32(self.max_length_ratio) * np.float32(length))
            return max(1, min(self.max_length, limit + self.max_length_offset))
        return self._limit(length)

    def _limit(self, lengths):
        # Imported late: recipes are checked before anything slow is loaded.
        from keras import ops

        limits = ops.floor(self.max_length_ratio * ops.cast(lengths, "float32"))
        limits = ops.cast(limits, "int32") + self.max_length_offset
        return ops.clip(limits, 1, self.max_length)
