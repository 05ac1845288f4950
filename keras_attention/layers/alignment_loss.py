"""The loss that shows attention where people, or aligners, would look."""

from keras import ops


def alignment_loss(alignments, attention_scores):
    """Cross-entropy of attention against given alignments.

        loss = −1/n Σ_t Σ_s a_ts ln α_ts,    over the n target tokens that are aligned

    Args:
        alignments: float `(B, T, S)`. Each row sums to one, or is all zero where
            nothing is known.
        attention_scores: float `(B, T, S)`.

    Returns:
        A float32 scalar; 0 if nothing is aligned.

    References:
        [Chen et al., 2016](https://arxiv.org/abs/1607.01628), section 3;
        [Garg et al., 2019](https://arxiv.org/abs/1909.02074), section 4.3.
    """
    alignments = ops.cast(alignments, "float32")
    scores = ops.cast(attention_scores, "float32")
    # A weight of zero where one is wanted costs much, but not infinity.
    total = -ops.sum(alignments * ops.log(scores + 1e-9))
    return total / ops.maximum(ops.sum(alignments), 1.0)
