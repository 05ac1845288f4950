"""Sampling: tokens drawn from what the model believes, sharpened or cut short."""

import zlib

import numpy as np
from keras import ops

from keras_attention.checks import whole_number
from keras_attention.decoding.constraints import FORBIDDEN, is_possible
from keras_attention.decoding.greedy import follow_paths
from keras_attention.decoding.hypotheses import pick
from keras_attention.decoding.selection import top_k as best_tokens
from keras_attention.special_tokens import PAD_ID


def draw_uniforms(seed, inputs, num_steps, num_samples):
    """The chance that `sample` uses: float32 `(num_steps, B · num_samples)`.

    NumPy draws it, so that both backends give the same samples. Each sample has a
    stream of its own, named by the seed, the sample's number and the source itself,
    so that a batch gives the samples of its rows. The same source gets the same
    samples: ask for several with `n_best`, or change the seed.

    Args:
        seed: int, not negative.
        inputs: dict of arrays `(B, …)`, as for `sample`.
        num_steps: int.
        num_samples: int. Hypotheses per source.
    """
    seed = whole_number("seed", seed, 0)
    keys = [0] * len(next(iter(inputs.values())))
    for name in sorted(inputs):
        for row, values in enumerate(np.asarray(inputs[name])):
            # Padding belongs to the batch, not to the row.
            said = values[values != PAD_ID] if values.ndim == 1 else values
            keys[row] = zlib.crc32(np.ascontiguousarray(said).tobytes(), keys[row])
    streams = [
        np.random.default_rng((seed, key, number)).random(num_steps, "float32")
        for key in keys
        for number in range(num_samples)
    ]
    return np.stack(streams, axis=1)


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
    log_probs, token_ids = best_tokens(log_probs, count)
    if top_p < 1:
        probs = ops.softmax(log_probs, axis=-1)
        before = ops.cumsum(probs, axis=-1) - probs
        first = ops.equal(ops.arange(count), 0)[None]  # however small `top_p` is
        kept = ops.logical_or(first, before < top_p)
        log_probs = ops.where(kept, log_probs, FORBIDDEN)
    return log_probs, token_ids


def sample(
    model,
    inputs,
    options,
    uniforms,
    prefix_ids=None,
    return_attention_scores=False,
    lexical=None,
):
    """Draws `n_best` hypotheses for each source, from p^(1 / temperature).

    Args:
        model: `EncoderDecoder`.
        inputs: dict of tensors for `model.encode`.
        options: `DecodingOptions`, with `temperature` above zero.
        uniforms: float32 `(num_steps, B · n_best)`, from `draw_uniforms`.
        prefix_ids: int `(B, P)`, optional. Forced first tokens, padded with zeros.
        return_attention_scores: bool.
        lexical: `LexicalConstraints`, optional. Its `avoid` counts.

    Returns:
        `Hypotheses`, scored by the model's own probabilities, whatever the
        temperature, and sorted by score.
    """

    def choose(log_probs, index):
        # What is forbidden stays so, however hot.
        likely = ops.where(
            is_possible(log_probs), log_probs / options.temperature, FORBIDDEN
        )
        token_ids = None
        if options.top_k or options.top_p < 1:
            likely, token_ids = keep_likely(likely, options.top_k, options.top_p)
        probs = ops.softmax(likely, axis=-1)
        cumulative = ops.cumsum(probs, axis=-1)
        # The first token at which the sum passes the draw; scaled by the last sum,
        # which rounding keeps from one. Nor may rounding let in what has been cut.
        threshold = ops.take(uniforms, index, axis=0)[:, None] * cumulative[:, -1:]
        allowed = probs > 0
        passed = ops.logical_and(allowed, cumulative > threshold)
        ranks = ops.cast(allowed, "int32") + ops.cast(passed, "int32")
        first = ops.cast(ops.argmax(ranks, axis=-1), "int32")
        if token_ids is None:
            return first
        return pick(token_ids, first[:, None])[:, 0]

    return follow_paths(
        model,
        inputs,
        options,
        choose,
        options.n_best,
        prefix_ids,
        return_attention_scores,
        lexical,
    )
