"""Beam search for outputs that must contain given sequences of tokens."""

from typing import Any, NamedTuple

from keras import ops, tree

from keras_attention.decoding.beam import first_slot_only
from keras_attention.decoding.constraints import FORBIDDEN, is_possible
from keras_attention.decoding.hypotheses import Hypotheses, StepHistory, pick
from keras_attention.decoding.lexical import Tracker
from keras_attention.decoding.pool_beam import EMPTY
from keras_attention.decoding.ranking import Ranking
from keras_attention.decoding.selection import top_k
from keras_attention.decoding.stepping import Stepper
from keras_attention.special_tokens import END_ID, PAD_ID

# Fewer hypotheses find constraints a place, but seldom a good one (Post and Vilar,
# 2018, section 4).
LEAST_BEAM = 10
# Takes a hypothesis that lacks a constraint behind all that lack none.
LACKING = -1e6


class Ended(NamedTuple):
    """The best `n` finished hypotheses of each of `B` sources, best first."""

    keys: Any  # float32 (B, n): scores, less where constraints lack; `EMPTY` for none
    scores: Any  # float32 (B, n)
    log_probs: Any  # float32 (B, n)
    lengths: Any  # int (B, n), the end token included; 0 for none


class ConstrainedBeams(NamedTuple):
    """`K` live hypotheses for each source, and what has ended."""

    index: Any  # (): tokens generated so far
    token_ids: Any  # (N,): the last of each live one
    log_probs: Any  # float32 (B, K)
    progress: Any  # Progress, (B, K, …)
    ended: Any  # Ended
    said: Any  # Said, of the live
    state: Any  # the model's
    history: Any  # StepHistory of K + n slots: the live, then the ended


def check_constraints(options, lexical):
    """Refuses constraints where a search cannot look for them."""
    if isinstance(lexical.constraints, tuple):
        return
    if options.samples:
        raise ValueError(
            "constraints need a search, and sampling is none; received "
            f"temperature={options.temperature}: leave it at 0, or take avoid alone"
        )
    if options.coverage_penalty:
        raise ValueError(
            "constraints are searched without a coverage penalty; received "
            f"coverage_penalty={options.coverage_penalty}: leave it at 0, among the "
            "options of a call or in the decoding of the bundle's config.json"
        )


def constrained_beam_search(
    model,
    inputs,
    options,
    prefix_ids=None,
    return_attention_scores=False,
    lexical=None,
):
    """The `n_best` hypotheses that contain all constraints of their source.

    Candidates are the best continuations of each of `K` live hypotheses, and with
    each what goes on with its constraints. They are sorted into banks by the tokens of
    constraints that they contain, and slots are given in turn to the best of each bank,
    the fullest bank first, until all `K` are taken: one bank with few candidates leaves
    its slots to the others.

    A hypothesis ends when it contains all constraints; where nothing but the end is
    possible, as at the limit, it ends in any case, and comes after all others. What has
    ended leaves the beam. A source is done when nothing live can get better.

    Args:
        model: `EncoderDecoder`.
        inputs: dict of tensors for `model.encode`.
        options: `DecodingOptions`, without coverage penalty. `K` is its `beam`, but
            not less than 10.
        prefix_ids: int `(B, P)`, optional. Forced first tokens, padded with zeros.
        return_attention_scores: bool.
        lexical: `LexicalConstraints`, with `constraints`.

    Returns:
        `Hypotheses`.

    References:
        banks: [Post and Vilar, 2018](https://aclanthology.org/N18-1119), section 3;
        slots in turn: [Hu et al., 2019](https://aclanthology.org/N19-1090), section 3.
    """
    check_constraints(options, lexical)
    # A constraint may reach the limit, and whether all are met is asked at the end.
    options = options.replace(force_end=True)
    beam, count = max(options.beam, LEAST_BEAM), options.n_best
    step = Stepper(model, inputs, options, beam, prefix_ids, lexical)
    tracker = Tracker(lexical)
    ranking = Ranking(options, step.memory.mask)
    batch_size = step.batch_size
    branches = min(beam, model.target_vocabulary_size)
    slots = ops.broadcast_to(ops.arange(beam, dtype="int32")[None], (batch_size, beam))
    is_end = ops.equal(ops.arange(model.target_vocabulary_size), END_ID)[None]

    def candidates(beams, log_probs):
        """Continuations that do not end, best first: `(totals, parents, token_ids)`."""
        gains, token_ids = top_k(log_probs, branches)  # (N, branches)
        wanted = tracker.next_ids(beams.progress)
        wanted = ops.reshape(wanted, (-1, ops.shape(wanted)[-1]))  # (N, W)
        token_ids = ops.cast(token_ids, "int32")
        offered = ops.equal(wanted[:, :, None], token_ids[:, None])
        more = ops.take_along_axis(log_probs, wanted, axis=1)
        more = ops.where(ops.any(offered, axis=-1), 2 * FORBIDDEN, more)
        gains = ops.concatenate([gains, more], axis=1)  # (N, branches + W)
        token_ids = ops.concatenate([token_ids, wanted], axis=1)
        # Forbidden sums do not run away.
        totals = ops.reshape(beams.log_probs, (-1, 1)) + gains
        totals = ops.maximum(totals, 2 * FORBIDDEN)
        width = ops.shape(gains)[1]
        totals = ops.reshape(totals, (-1, beam * width))
        order = ops.cast(ops.argsort(-totals, axis=1), "int32")
        token_ids = pick(ops.reshape(token_ids, (-1, beam * width)), order)
        return pick(totals, order), order // width, token_ids

    def share(totals, progress):
        """The `K` candidates that get a slot, int `(B, K)`."""
        banks = tracker.count(progress)  # (B, M)
        depth = tracker.most_tokens + 1
        in_bank = ops.equal(banks[..., None], ops.arange(depth))
        in_bank = ops.cast(in_bank, "int32")  # (B, M, depth)
        turns = ops.sum(in_bank * (ops.cumsum(in_bank, axis=1) - 1), axis=-1)
        order = turns * depth + (depth - 1 - banks)
        order = ops.where(is_possible(totals), order, 2**30)
        return ops.cast(ops.top_k(-order, beam)[1], "int32")

    def collect(ended, enters, lacks, totals, length):
        """What has ended, and where in `[ended, live]` each was."""
        scores = ranking.score(totals, length, ())
        keys = ops.where(lacks, scores + LACKING, scores)
        keys = ops.where(enters, keys, EMPTY)
        keys, kept = ops.top_k(ops.concatenate([ended.keys, keys], axis=1), count)
        kept = ops.cast(kept, "int32")
        lengths = ops.where(enters, length, 0)

        def choose(old, new):
            return pick(ops.concatenate([old, new], axis=1), kept)

        return Ended(
            keys,
            choose(ended.scores, scores),
            choose(ended.log_probs, totals),
            choose(ended.lengths, lengths),
        ), kept

    def advance(beams):
        # A constraint is a word, or several: nothing is added to its end.
        ends_word = ops.reshape(beams.progress.ends_word, (-1, 1))
        forbidden = ops.logical_and(ends_word, ops.logical_not(tracker.begins_word))
        log_probs, state = step(
            beams.token_ids, beams.state, beams.index, beams.said, forbidden
        )
        length = beams.index + 1
        going_on = ops.where(is_end, 2 * FORBIDDEN, log_probs)

        end = ops.reshape(log_probs[:, END_ID], (-1, beam))
        end = ops.maximum(beams.log_probs + end, 2 * FORBIDDEN)
        lacks = ops.logical_not(ops.all(beams.progress.met, axis=-1))
        must_end = ops.logical_not(is_possible(ops.max(going_on, axis=-1)))
        enters = ops.logical_or(
            ops.logical_not(lacks), ops.reshape(must_end, (-1, beam))
        )
        enters = ops.logical_and(enters, is_possible(end))
        ended, kept = collect(beams.ended, enters, lacks, end, length)
        is_new = ops.logical_and(kept >= count, ended.keys > EMPTY)

        totals, parents, token_ids = candidates(beams, going_on)
        progress = tree.map_structure(lambda leaf: pick(leaf, parents), beams.progress)
        progress = tracker.advance(progress, token_ids)
        chosen = share(totals, progress)
        live_parents, live_ids = pick(parents, chosen), pick(token_ids, chosen)

        # Who has ended before follows itself; who ends now follows a live one.
        came_from = ops.concatenate([beam + slots[:, :count], slots], axis=1)
        came_from = pick(came_from, kept)
        history = beams.history.write_kept(
            beams.index,
            (live_ids, live_parents),
            (ops.where(is_new, END_ID, PAD_ID), came_from),
            state.attention_scores,
        )
        rows = step.rows(live_parents)
        flat_ids = ops.reshape(live_ids, (-1,))
        return ConstrainedBeams(
            length,
            flat_ids,
            pick(totals, chosen),
            tree.map_structure(lambda leaf: pick(leaf, chosen), progress),
            ended,
            step.add_tokens(beams.said, beams.index, flat_ids, rows),
            model.gather_state(state, rows),
            history,
        )

    def is_open(beams):
        # Scores rise or fall with length, as the penalty has it: one end is the best.
        soon = ranking.score(beams.log_probs, beams.index + 1, ())
        late = ranking.bound(beams.log_probs, step.limits)
        bound = ops.max(ops.maximum(soon, late), axis=1)
        live = ops.any(is_possible(beams.log_probs), axis=1)
        return ops.logical_and(live, bound > beams.ended.keys[:, -1])

    zeros = ops.zeros_like(ops.cast(slots, "float32"))  # (B, K)
    none = zeros[:, :count]
    beams = ConstrainedBeams(
        index=ops.zeros((), dtype="int32"),
        token_ids=step.start_ids,
        log_probs=first_slot_only(zeros),
        progress=tracker.start(beam),
        ended=Ended(none + EMPTY, none, none, ops.zeros_like(slots[:, :count])),
        said=step.nothing_said(),
        state=step.state,
        history=StepHistory.empty(
            step.num_steps,
            batch_size,
            beam + count,
            step.state.attention_scores if return_attention_scores else None,
        ),
    )
    beams = step.repeat(advance, lambda beams: ops.any(is_open(beams)), beams)

    token_ids, attention_scores = beams.history.read(
        beam + slots[:, :count], beams.index
    )
    ended = beams.ended
    found = ended.lengths > 0
    return Hypotheses(
        token_ids,
        ended.lengths,
        ops.where(found, ended.scores, FORBIDDEN),
        ops.where(found, ended.log_probs, FORBIDDEN),
        attention_scores,
    )
