"""What makes one hypothesis better than another, and how good it may still become."""

from keras import ops


class Ranking:
    """GNMT's score of hypotheses, and its upper bound.

        score(Y) = log P(Y | X) / lp(Y) + cp(X; Y)

    With `beam_rule="pool"` it is Hugging Face's, `lp(Y) = |Y|^α` and no `cp`.

    `beam_search` sorts by the score, and stops when the bound of what is unfinished has
    been reached: who changes one must change the other.

    Args:
        options: `DecodingOptions`, for the penalties α and β.
        source_mask: bool `(B, S)`, False at padding.

    References:
        [Wu et al., 2016](https://arxiv.org/abs/1609.08144), equation 14.
    """

    def __init__(self, options, source_mask):
        self.alpha = options.length_penalty
        self.beta = options.coverage_penalty
        self.source_mask = source_mask
        pooled = options.beam_rule == "pool"
        self._normaliser = power_normaliser if pooled else length_normaliser

    def score(self, log_probs, lengths, coverage):
        """How good hypotheses are that have ended.

        Args:
            log_probs: float32 `(B, K)`.
            lengths: int `(B, K)` or `()`, the end token included.
            coverage: float32 `(B, K, S)`, the attention that each source position has
                received; not used without a coverage penalty.

        Returns:
            float32 `(B, K)`.
        """
        scores = log_probs / self._normaliser(lengths, self.alpha)
        if self.beta:
            scores = scores + coverage_score(coverage, self.source_mask, self.beta)
        return scores

    def bound(self, log_probs, limits):
        """What no continuation of hypotheses can score more than.

        Log-probabilities are negative and only fall, so that the best that can happen
        is to go on at no cost, divided by the normaliser of the longest length that
        is allowed. Coverage grows: its score may rise, up to 0.

        That is so for α ≥ 0. For α < 0 each token costs more the longer the hypothesis
        gets, so that the best is to end at once, at no cost: there the bound is their
        `score` with one token more, and this is less.

        Args:
            log_probs: float32 `(B, K)`, so far.
            limits: int `(B,)`. The length at which each source's hypotheses end.

        Returns:
            float32 `(B, K)`.
        """
        return log_probs / self._normaliser(limits, self.alpha)[:, None]


def length_normaliser(lengths, alpha):
    """GNMT's lp(Y) = ((5 + |Y|) / 6)^α; Wu et al., 2016, equation 14."""
    return ((5.0 + ops.cast(lengths, "float32")) / 6.0) ** alpha


def power_normaliser(lengths, alpha):
    """|Y|^α, the mean for α = 1; what has no token is divided by one."""
    return ops.maximum(ops.cast(lengths, "float32"), 1.0) ** alpha


def coverage_score(coverage, source_mask, beta):
    """GNMT's β Σ_s log(min(Σ_t p_ts, 1)) over real positions; Wu et al., equation 14.

    Args:
        coverage: float32 `(B, K, S)`. Attention that each position has received.
        source_mask: bool `(B, S)`.
        beta: float.
    """
    # A position never attended to costs β log 1e-6 rather than everything.
    received = ops.log(ops.clip(coverage, 1e-6, 1.0))
    return beta * ops.sum(ops.where(source_mask[:, None], received, 0.0), axis=-1)
