"""Decoding without a search: each hypothesis takes one token after the other."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.decoding.constraints import FORBIDDEN
from keras_attention.decoding.hypotheses import (
    Hypotheses,
    StepHistory,
    best,
    pick,
)
from keras_attention.decoding.ranking import Ranking
from keras_attention.decoding.selection import argmax
from keras_attention.decoding.stepping import Stepper
from keras_attention.special_tokens import PAD_ID


class Paths(NamedTuple):
    """`n` independent hypotheses for each of `B` sources, `N = B · n` rows."""

    index: Any  # (): tokens generated so far
    token_ids: Any  # (N,): the last of each
    log_probs: Any  # float32 (N,)
    lengths: Any  # int (N,), the end token included
    finished: Any  # bool (N,)
    coverage: Any  # float32 (N, S), or () without coverage penalty
    said: Any  # Said
    state: Any  # the model's
    history: Any  # History


def follow_paths(
    model,
    inputs,
    options,
    choose,
    num_paths,
    prefix_ids=None,
    keep_attention=False,
    lexical=None,
):
    """Runs `num_paths` hypotheses per source, each token taken by `choose`.

    Args:
        model: `EncoderDecoder`.
        inputs: dict of tensors for `model.encode`.
        options: `DecodingOptions`.
        choose: function of log-probabilities `(N, V)` and the step's index, which
            returns token ids `(N,)`.
        num_paths: int.
        prefix_ids: int `(B, P)`, optional. Forced first tokens, padded with zeros.
        keep_attention: bool. Whether `attention_scores` are wanted.
        lexical: `LexicalConstraints`, optional. Its `avoid` counts.

    Returns:
        `Hypotheses`, sorted by score.
    """
    step = Stepper(model, inputs, options, num_paths, prefix_ids, lexical)
    batch_size, memory = step.batch_size, step.memory
    slots = ops.arange(num_paths, dtype="int32")
    slots = ops.broadcast_to(slots[None], (batch_size, num_paths))

    def advance(paths):
        log_probs, state = step(paths.token_ids, paths.state, paths.index, paths.said)
        chosen = ops.cast(choose(log_probs, paths.index), "int32")
        gained = pick(log_probs, chosen[:, None])[:, 0]
        chosen = ops.where(paths.finished, PAD_ID, chosen)
        by_source = ops.reshape(chosen, (-1, num_paths))
        ends = ops.reshape(step.ends(by_source, paths.index), (-1,))
        coverage = paths.coverage
        if options.coverage_penalty:
            attended = ops.cast(state.attention_scores, "float32")
            coverage = coverage + ops.where(paths.finished[:, None], 0.0, attended)
        return Paths(
            paths.index + 1,
            chosen,
            paths.log_probs + ops.where(paths.finished, 0.0, gained),
            ops.where(paths.finished, paths.lengths, paths.index + 1),
            ops.logical_or(paths.finished, ends),
            coverage,
            step.add_tokens(paths.said, paths.index, chosen),
            state,
            paths.history.write(
                paths.index,
                by_source,
                slots,
                state.attention_scores,
            ),
        )

    zeros = ops.zeros_like(step.start_ids)
    paths = Paths(
        index=ops.zeros((), dtype="int32"),
        token_ids=step.start_ids,
        log_probs=ops.cast(zeros, "float32"),
        lengths=zeros,
        finished=ops.cast(zeros, "bool"),
        coverage=ops.zeros((batch_size * num_paths, ops.shape(memory.mask)[1]))
        if options.coverage_penalty
        else (),
        said=step.nothing_said(),
        state=step.state,
        history=StepHistory.empty(
            step.num_steps,
            batch_size,
            num_paths,
            step.state.attention_scores if keep_attention else None,
        ),
    )
    paths = step.repeat(
        advance, lambda paths: ops.logical_not(ops.all(paths.finished)), paths
    )

    coverage = paths.coverage
    if options.coverage_penalty:
        coverage = ops.reshape(coverage, (batch_size, num_paths, -1))
    scores = Ranking(options, memory.mask).score(
        ops.reshape(paths.log_probs, (-1, num_paths)),
        ops.reshape(paths.lengths, (-1, num_paths)),
        coverage,
    )
    order, scores = best(scores, num_paths)
    token_ids, attention_scores = paths.history.read(order, paths.index)

    def sort(values):
        return pick(ops.reshape(values, (-1, num_paths)), order)

    return Hypotheses(
        token_ids,
        sort(paths.lengths),
        scores,
        ops.maximum(sort(paths.log_probs), FORBIDDEN),
        attention_scores,
    )


def greedy_search(
    model,
    inputs,
    options,
    prefix_ids=None,
    return_attention_scores=False,
    lexical=None,
):
    """Takes the most probable token at each step; `beam_search` with a beam of one.

    Args and returns: as for `beam_search`; `n_best` is 1.
    """
    return follow_paths(
        model,
        inputs,
        options,
        lambda log_probs, index: argmax(log_probs),
        1,
        prefix_ids,
        return_attention_scores,
        lexical,
    )
