"""Beam search, for any model that keeps the contract of `EncoderDecoder`."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.decoding.constraints import FORBIDDEN, is_possible
from keras_attention.decoding.hypotheses import (
    Hypotheses,
    StepHistory,
    best,
    pick,
)
from keras_attention.decoding.ranking import Ranking
from keras_attention.decoding.selection import top_k
from keras_attention.decoding.stepping import Stepper
from keras_attention.special_tokens import PAD_ID


class Beams(NamedTuple):
    """`K` slots for each of `B` sources; `N = B · K` rows go through the model."""

    index: Any  # (): tokens generated so far
    token_ids: Any  # (N,): the last of each
    log_probs: Any  # float32 (B, K)
    lengths: Any  # int (B, K), the end token included
    finished: Any  # bool (B, K)
    coverage: Any  # float32 (B, K, S), or () without coverage penalty
    said: Any  # Said
    state: Any  # the model's
    history: Any  # History


def beam_search(
    model,
    inputs,
    options,
    prefix_ids=None,
    return_attention_scores=False,
    lexical=None,
):
    """The `n_best` hypotheses that a beam of `K` finds for each source.

    A finished hypothesis keeps its slot, frozen, and the beam goes on with those
    left (so a beam of one is greedy search, and a beam with room for all sequences
    is exact). A source is done when all slots are finished, or when `n_best` are and
    no live one can score better, as the bound of `Ranking` says.

    Args:
        model: `EncoderDecoder`.
        inputs: dict of tensors for `model.encode`, `source_ids` `(B, S)` among them.
        options: `DecodingOptions`.
        prefix_ids: int `(B, P)`, optional. Forced first tokens, padded with zeros.
        return_attention_scores: bool.
        lexical: `LexicalConstraints`, optional. Its `avoid` counts.

    Returns:
        `Hypotheses`.

    References:
        [Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473) shrink the beam so;
        penalties: [Wu et al., 2016](https://arxiv.org/abs/1609.08144), section 7.
    """
    beam = options.beam
    step = Stepper(model, inputs, options, beam, prefix_ids, lexical)
    batch_size, limits = step.batch_size, step.limits
    ranking = Ranking(options, step.memory.mask)
    # No more than `beam` continuations of one hypothesis can be among the best.
    branches = min(beam, model.target_vocabulary_size)
    first_branch = ops.equal(ops.arange(branches), 0)[None]

    def score(beams):
        scores = ranking.score(beams.log_probs, beams.lengths, beams.coverage)
        done = ops.logical_and(beams.finished, is_possible(beams.log_probs))
        return ops.where(done, scores, 2 * FORBIDDEN)

    def is_open(beams):
        live = ops.logical_and(
            ops.logical_not(beams.finished), is_possible(beams.log_probs)
        )
        bound = ranking.bound(beams.log_probs, limits)
        bound = ops.max(ops.where(live, bound, 2 * FORBIDDEN), axis=1)
        worst = ops.top_k(score(beams), options.n_best)[0][:, -1]
        return ops.logical_and(ops.any(live, axis=1), bound > worst)

    def goes_on(beams):
        return ops.logical_and(beams.index < ops.max(limits), ops.any(is_open(beams)))

    def extend(beams, log_probs):
        """The best continuations: `(totals, parents, token_ids)`, all `(B, K)`."""
        gains, token_ids = top_k(log_probs, branches)  # (N, branches)
        # A finished hypothesis has one way on, at no cost: padding. It keeps its
        # slot, whatever the others score.
        frozen = ops.reshape(beams.finished, (-1, 1))
        gains = ops.where(frozen, ops.where(first_branch, 0.0, 2 * FORBIDDEN), gains)
        token_ids = ops.where(frozen, PAD_ID, token_ids)
        totals = ops.reshape(beams.log_probs, (-1, 1)) + gains
        # Forbidden sums do not run away.
        totals = ops.maximum(totals, 2 * FORBIDDEN)
        keys = ops.where(ops.logical_and(frozen, first_branch), -FORBIDDEN, totals)

        def by_source(values):
            return ops.reshape(values, (-1, beam * branches))

        chosen = ops.cast(ops.top_k(by_source(keys), beam)[1], "int32")
        return (
            pick(by_source(totals), chosen),
            chosen // branches,
            pick(by_source(token_ids), chosen),
        )

    def advance(beams):
        log_probs, state = step(beams.token_ids, beams.state, beams.index, beams.said)
        totals, parents, token_ids = extend(beams, log_probs)

        indices = step.rows(parents)
        state = model.gather_state(state, indices)
        was_finished = pick(beams.finished, parents)
        lengths = ops.where(was_finished, pick(beams.lengths, parents), beams.index + 1)
        coverage = beams.coverage
        if options.coverage_penalty:
            coverage = pick(coverage, parents)
            attended = ops.reshape(
                ops.cast(state.attention_scores, "float32"), ops.shape(coverage)
            )
            coverage = coverage + ops.where(was_finished[..., None], 0.0, attended)
        flat_ids = ops.reshape(token_ids, (-1,))
        return Beams(
            beams.index + 1,
            flat_ids,
            totals,
            lengths,
            # An impossible sequence never takes a slot for good.
            ops.logical_and(
                ops.logical_or(was_finished, step.ends(token_ids, beams.index)),
                is_possible(totals),
            ),
            coverage,
            step.add_tokens(beams.said, beams.index, flat_ids, indices),
            state,
            beams.history.write(
                beams.index, token_ids, parents, state.attention_scores
            ),
        )

    zeros = ops.zeros_like(ops.reshape(step.start_ids, (-1, beam)))  # (B, K)
    beams = Beams(
        index=ops.zeros((), dtype="int32"),
        token_ids=step.start_ids,
        log_probs=first_slot_only(ops.cast(zeros, "float32")),
        lengths=zeros,
        finished=ops.cast(zeros, "bool"),
        coverage=ops.zeros((batch_size, beam, ops.shape(step.memory.mask)[1]))
        if options.coverage_penalty
        else (),
        said=step.nothing_said(),
        state=step.state,
        history=StepHistory.empty(
            step.num_steps,
            batch_size,
            beam,
            step.state.attention_scores if return_attention_scores else None,
        ),
    )
    beams = step.repeat(advance, goes_on, beams)

    slots, scores = best(score(beams), options.n_best)
    token_ids, attention_scores = beams.history.read(slots, beams.index)
    possible = is_possible(scores)
    token_ids = ops.where(possible[..., None], token_ids, PAD_ID)
    return Hypotheses(
        token_ids,
        ops.where(possible, pick(beams.lengths, slots), 0),
        scores,
        pick(beams.log_probs, slots),
        attention_scores,
    )


def first_slot_only(zeros):
    """Log-probabilities `(B, K)` before the first step, from as many zeros.

    All slots start alike: only the first one counts, or they stay alike.
    """
    first = ops.equal(ops.arange(zeros.shape[1]), 0)[None]
    return ops.where(first, zeros, 2 * FORBIDDEN)
