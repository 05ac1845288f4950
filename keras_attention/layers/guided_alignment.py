"""The loss that shows attention what people, or aligners, would attend to."""

from keras import ops

from keras_attention.annotations import Tensor


def alignment_loss(
    alignments: Tensor, attention_scores: Tensor, target_weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy of attention against given alignments, per target token.

        loss = −1/n Σ_t w_t Σ_s a_ts ln α_ts        n = Σ_t w_t

    Tokens that nothing is known of add nothing to the sum; with a weight they count in
    n, so that a batch with few links pulls little at attention.

    Args:
        alignments: float `(B, T, S)`. Each row sums to one, or is all zero where
            nothing is known.
        attention_scores: float `(B, T, S)`.
        target_weights: float `(B, T)`, optional: w, what each token counts. By default
            1 of those that are aligned, 0 of all others.

    Returns:
        A float32 scalar; 0 if nothing is aligned.

    Example:

    >>> alignments = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    >>> uniform = np.full((1, 2, 2), 0.5)
    >>> round(float(alignment_loss(alignments, uniform)), 4)  # ln 2
    0.6931

    References:
        [Chen et al., 2016](https://arxiv.org/abs/1607.01628), section 3;
        [Garg et al., 2019](https://arxiv.org/abs/1909.02074), section 4.3.
    """
    alignments = ops.cast(alignments, "float32")
    scores = ops.cast(attention_scores, "float32")
    # A weight of zero where one is wanted costs much, but not infinity.
    losses = -ops.sum(alignments * ops.log(scores + 1e-9), axis=-1)  # (B, T)
    if target_weights is None:
        target_weights = ops.sum(alignments, axis=-1)
    weights = ops.cast(target_weights, "float32")
    return ops.divide_no_nan(ops.sum(weights * losses), ops.sum(weights))
