"""The options of decoding."""

import dataclasses
import difflib
from typing import Any

from keras_attention.checks import real_number, whole_number
from keras_attention.special_tokens import PAD_ID

# What is kept of each step is reserved before the first: limits end somewhere.
MOST_STEPS = 4096
MOST_HYPOTHESES = 10_000
# Of each option that is no number, its values by the words that a recipe or a command
# line may say; the first, unless something else is said.
WORDS: dict[str, dict[str, Any]] = {
    "beam_rule": {word: word for word in ("shrink", "pool")},
    "early_stopping": {"false": False, "true": True, "never": "never"},
    "score_forced": {"true": True, "false": False},
    "force_end": {"true": True, "false": False},
    "unknown": {word: word for word in ("forbid", "allow", "copy")},
}
# As cold as greedy search in float32, and hot enough to draw evenly.
COLDEST, HOTTEST = 1e-6, 1e9

# Of each number: its check, the least, the most, and whether more than that is the
# most. Beyond 10 and 1000 penalties leave nothing of log-probabilities in float32.
NUMBERS = {
    "beam": (whole_number, 1, MOST_HYPOTHESES, False),
    "n_best": (whole_number, 1, MOST_HYPOTHESES, False),
    "length_penalty": (real_number, -2, 10, False),
    "coverage_penalty": (real_number, 0, 1000, False),
    "max_length": (whole_number, 1, MOST_STEPS, True),
    "max_length_ratio": (real_number, 0, MOST_STEPS, True),
    "max_length_offset": (whole_number, 0, MOST_STEPS, True),
    "min_length": (whole_number, 0, MOST_STEPS, True),
    "no_repeat_ngram": (whole_number, 0, MOST_STEPS, True),
    "temperature": (real_number, 0, HOTTEST, True),
    "top_k": (whole_number, 0, 2**31 - 1, True),
    "top_p": (real_number, 0, 1, False),
}


def checked(name, value):
    """One option's value, a number as a plain Python number.

    Raises:
        ValueError: for an unknown name, or a value of another type or out of range.
    """
    if name in WORDS:
        words = WORDS[name]
        word = str(value).lower() if isinstance(value, bool) else value
        if not isinstance(word, str) or word not in words:
            raise ValueError(
                f"{name} must be one of {', '.join(words)}; received {value!r:.60}"
            )
        return words[word]
    if name not in NUMBERS:
        raise unknown_option(name)
    check, *bounds = NUMBERS[name]
    return check(name, value, *bounds)


def unknown_option(name):
    """The error for an option that there is not."""
    known = [field.name for field in dataclasses.fields(DecodingOptions)]
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return ValueError(
        f"unknown decoding option {name!r}; {hint}the options are {', '.join(known)}"
    )


@dataclasses.dataclass(frozen=True)
class DecodingOptions:
    """How hypotheses are searched, scored and limited.

    Lengths count generated tokens, the end token included. The limit of a source of
    `n` tokens is `min(max_length, max_length_ratio · n + max_length_offset)`; at the
    limit a hypothesis is made to end, or cut where `force_end` is false. It depends on
    its own source alone, so that a batch gives what its rows give one by one.

    Hashable, so that each combination is compiled once.

    Raises:
        ValueError: a value of another type or out of range, `n_best` above `beam`
            where nothing is sampled, `top_k` or `top_p` without a temperature.

    Example:

    >>> options = DecodingOptions(beam=1, max_length_ratio=1.5, max_length_offset=5)
    >>> np.asarray(options.length_limits({"source_ids": np.array([[4, 5, 6, 3]])}))
    array([11], dtype=int32)
    >>> options.replace(beam=4, n_best=2).n_best
    2

    References:
        penalties: [Wu et al., 2016](https://arxiv.org/abs/1609.08144), section 7;
        n-grams: [Paulus et al., 2018](https://arxiv.org/abs/1705.04304), section 2.5;
        top-k: [Fan et al., 2018](https://arxiv.org/abs/1805.04833), section 5.4;
        top-p: [Holtzman et al., 2020](https://arxiv.org/abs/1904.09751), section 3.1;
        copies: [Luong et al., 2015](https://arxiv.org/abs/1508.04025), section 5.
    """

    beam: int = 4
    """Hypotheses kept per source; 1 is greedy search."""
    n_best: int = 1
    """Hypotheses returned per source, best first; at most `beam`."""
    beam_rule: str = "shrink"
    """What becomes of the finished: "shrink" leaves each its slot of the beam, which
    goes on with the rest; "pool" moves them into a pool of `beam`, as Hugging Face's
    transformers do, and the beam stays full."""
    early_stopping: bool | str = False
    """Of a full pool, as Hugging Face has it: `true` stops, `false` as soon as the best
    live hypothesis scores no better by its present length, "never" as soon as it cannot
    get better. "shrink" stops when nothing can get better."""
    length_penalty: float = 0.6
    """α of GNMT: log-probabilities are divided by ((5 + length) / 6)^α, and with
    `beam_rule="pool"` by length^α, where α may be negative."""
    coverage_penalty: float = 0.0
    """β of GNMT: adds β Σ_s log(min(Σ_t attention_ts, 1)) to the score; not with
    `beam_rule="pool"`."""
    score_forced: bool = True
    """Whether tokens that are forced, by a prefix or by the limit, cost their
    log-probability; `false` takes them for certain, as Hugging Face does."""
    force_end: bool = True
    """Whether a hypothesis at its limit is made to end; `false` cuts it there, without
    an end token, as Hugging Face does without `forced_eos_token_id`. What must contain
    lexical constraints is made to end."""
    max_length: int = 256
    """No hypothesis gets longer, whatever its source. 4096 is no limit, here and in the
    other limits: what is more, `inf` too, counts as that."""
    max_length_ratio: float = 2.0
    """Tokens allowed for each source token."""
    max_length_offset: int = 10
    """Tokens allowed beyond that."""
    min_length: int = 1
    """The end token is not chosen earlier, unless the limit says so."""
    no_repeat_ngram: int = 0
    """No n-gram of this size comes twice in a hypothesis; 0 allows all."""
    temperature: float = 0.0
    """Zero searches; above zero samples `n_best` hypotheses from p^(1/temperature), and
    `inf` draws evenly from all that may be said."""
    top_k: int = 0
    """Sampling draws from the k most probable tokens only; 0 from all."""
    top_p: float = 1.0
    """Sampling draws from the fewest tokens that together have this probability."""

    unknown: str = "forbid"
    """Words that the vocabulary lacks: "forbid" has a model say others, "allow" writes
    ` ⁇ `, "copy" writes the source word that the model attends to most."""

    def __post_init__(self) -> None:
        for name in (*NUMBERS, *WORDS):
            object.__setattr__(self, name, checked(name, getattr(self, name)))
        if 0 < self.temperature < COLDEST:
            object.__setattr__(self, "temperature", COLDEST)
        if not self.top_p:
            raise ValueError(
                f"top_p is a probability above 0 and up to 1; received {self.top_p}"
            )
        if not self.samples and self.n_best > self.beam:
            raise ValueError(
                f"n_best={self.n_best} hypotheses cannot come out of beam={self.beam}; "
                f"ask for beam={self.n_best} or more, or sample with temperature > 0"
            )
        self._check_beam_rule()
        if not self.samples and (self.top_k or self.top_p < 1):
            raise ValueError(
                "top_k and top_p shape sampling, which needs temperature > 0; received "
                f"temperature={self.temperature}"
            )

    def _check_beam_rule(self):
        if self.beam_rule == "pool":
            if self.coverage_penalty:
                raise ValueError(
                    'coverage_penalty is of beam_rule="shrink", and a pool does not '
                    f"know it; received coverage_penalty={self.coverage_penalty}: "
                    "leave it at 0, or the rule at shrink"
                )
        elif self.early_stopping:
            raise ValueError(
                'early_stopping is of beam_rule="pool", and "shrink" stops when '
                "nothing can get better; received "
                f"early_stopping={self.early_stopping!r}: leave it at False, or set "
                'beam_rule="pool"'
            )
        elif self.length_penalty < 0:
            raise ValueError(
                'length_penalty must be at least 0 with beam_rule="shrink"; received '
                f"{self.length_penalty}"
            )

    @property
    def samples(self) -> bool:
        """Whether hypotheses are drawn, not searched."""
        return self.temperature > 0

    @property
    def forbids_repeats(self) -> bool:
        """Whether an n-gram could come twice at all, and may not."""
        return 0 < self.no_repeat_ngram < self.max_length

    def replace(self, **changes: Any) -> "DecodingOptions":
        """A copy with some options changed.

        Raises:
            ValueError: an unknown option, or as `DecodingOptions`.
        """
        for name in changes:
            if name not in self.__dataclass_fields__:
                raise unknown_option(name)
        return dataclasses.replace(self, **changes)

    @classmethod
    def from_table(
        cls, table: dict[str, Any], where: str = "decoding"
    ) -> "DecodingOptions":
        """Options from what a recipe or a bundle says.

        Args:
            table: dict.
            where: str. What holds it, for errors.

        Returns:
            `DecodingOptions`.

        Raises:
            ValueError: for no dict, an unknown key or a value that cannot be.
        """
        if not isinstance(table, dict):
            raise ValueError(
                f"[{where}] must be a table of keys and values; received {table!r:.60}"
            )
        try:
            return cls().replace(**table)
        except ValueError as error:
            raise ValueError(f"[{where}]: {error}") from None

    def length_limits(self, inputs: dict[str, Any]) -> Any:
        """How many tokens each row's hypotheses may have: int32 `(B,)`, at least 1.

        Args:
            inputs: dict of tensors, as `model.encode` takes it. Without `source_ids`,
                as for images, `max_length` alone counts.
        """
        from keras import ops, tree

        if "source_ids" not in inputs:
            batch_size = ops.shape(tree.flatten(inputs)[0])[0]
            return ops.full((batch_size,), self.max_length, dtype="int32")
        real = ops.not_equal(inputs["source_ids"], PAD_ID)
        return self._limit(ops.sum(ops.cast(real, "int32"), axis=1))

    def num_steps(self, inputs: dict[str, Any]) -> Any:
        """Steps that suffice for every row of a batch padded to `S` positions.

        A Python int where `S` is known, as a compiler of fixed shapes needs; an int
        scalar tensor where it is not.
        """
        from keras import ops

        if "source_ids" not in inputs:
            return self.max_length
        length = ops.shape(inputs["source_ids"])[1]
        if isinstance(length, int):
            return self.length_limit(length)
        return self._limit(length)

    def length_limit(self, length: int) -> int:
        """How many tokens hypotheses of a source of `length` tokens may have, without
        Keras; see `length_limits`."""
        import numpy as np

        # Rounded as the tensors of `_limit` are.
        limit = np.float32(self.max_length_ratio) * np.float32(length)
        limit = int(min(limit, MOST_STEPS)) + self.max_length_offset
        return max(1, min(self.max_length, limit))

    def _limit(self, lengths):
        # Imported late: recipes are checked before anything slow is loaded.
        from keras import ops

        limits = ops.floor(self.max_length_ratio * ops.cast(lengths, "float32"))
        # Before it is an integer, which what is large enough is not.
        limits = ops.cast(ops.minimum(limits, MOST_STEPS), "int32")
        return ops.clip(limits + self.max_length_offset, 1, self.max_length)
