"""Sampling: tokens drawn from what the model believes, sharpened or cut short."""

import numpy as np
from keras import ops

from keras_attention.decoding.constraints import FORBIDDEN
from keras_attention.decoding.paths import follow_paths


def draw_uniforms(seed, num_rows, num_steps, num_samples):
    """The chance that `sample` uses: float32 `(num_steps, num_rows · num_samples)`.

    NumPy draws it, each row from its own stream, so that both backends give the same
    samples, and a batch those of its rows: row `i` uses the stream `(seed, i)`.
    """
    columns = [
        np.random.default_rng((seed, row)).random((num_samples, num_steps), "float32")
        for row in range(num_rows)
    ]
    return np.concatenate(columns).T


def keep_likely(log_probs, top_k=0, top_p=1.0):
    """Log-probabilities in falling order, cut to the `top_k` and the `top_p` first.

    Args:
        log_probs: float32 `(N, V)`.
        top_k: int. Keep that many tokens; 0 keeps all.
        top_p: float. Keep the fewest tokens whose probabilities sum to `top_p`.

    Returns:
        `(log_probs, token_ids)`, both `(N, k)`; what is cut is `FORBIDDEN`.

    References:
        top-k: [Fan et al., 2018](https://arxiv.org/abs/1805.04833), section 5.4;
        top-p: [Holtzman et al., 2020](https://arxiv.org/abs/1904.09751), section 3.1.
    """
    vocabulary_size = log_probs.shape[-1]
    count = min(top_k, vocabulary_size) if top_k else vocabulary_size
    log_probs, token_ids = ops.top_k(log_probs, count)
    if top_p < 1:
        probs = ops.softmax(log_probs, axis=-1)
        before = ops.cumsum(probs, axis=-1) - probs
        log_probs = ops.where(before < top_p, log_probs, FORBIDDEN)
    return log_probs, token_ids


def sample(
    model, inputs, options, uniforms, prefix_ids=None, return_attention_scores=False
):
    """Draws `n_best` hypotheses for each source, from p^(1 / temperature).

    Args:
        model: `EncoderDecoder`.
        inputs: dict of tensors for `model.encode`.
        options: `DecodingOptions`, with `temperature` above zero.
        uniforms: float32 `(num_steps, B · n_best)`, from `draw_uniforms`.
        prefix_ids: int `(B, P)`, optional. Forced first tokens, padded with zeros.
        return_attention_scores: bool.

    Returns:
        `Hypotheses`, scored by the model's own probabilities, whatever the
        temperature, and sorted by score.
    """

    def choose(log_probs, index):
        likely, token_ids = keep_likely(
            log_probs / options.temperature, options.top_k, options.top_p
        )
        cumulative = ops.cumsum(ops.softmax(likely, axis=-1), axis=-1)
        # The first token at which the sum passes the draw. Scaling by the last sum
        # makes up for rounding, which must not carry a draw past the last token.
        threshold = ops.take(uniforms, index, axis=0)[:, None] * cumulative[:, -1:]
        passed = ops.sum(ops.cast(cumulative <= threshold, "int32"), axis=-1)
        passed = ops.minimum(passed, likely.shape[-1] - 1)
        return ops.take_along_axis(token_ids, passed[:, None], axis=1)[:, 0]

    return follow_paths(
        model,
        inputs,
        options,
        choose,
        options.n_best,
        prefix_ids,
        return_attention_scores,
    )
