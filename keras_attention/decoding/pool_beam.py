"""Beam search that moves what is finished into a pool, as Hugging Face's does."""

from typing import Any, NamedTuple

from keras import ops

from keras_attention.decoding.beam import first_slot_only
from keras_attention.decoding.constraints import FORBIDDEN, is_possible
from keras_attention.decoding.hypotheses import Hypotheses, StepHistory, pick
from keras_attention.decoding.ranking import Ranking
from keras_attention.decoding.selection import top_k
from keras_attention.decoding.stepping import Stepper
from keras_attention.special_tokens import PAD_ID

# The score of a place that nobody has taken; that of a hypothesis is finite.
EMPTY = float("-inf")


class Pool(NamedTuple):
    """The best `K` finished hypotheses of each of `B` sources, best first."""

    scores: Any  # float32 (B, K), `EMPTY` where there is none yet
    log_probs: Any  # float32 (B, K)
    lengths: Any  # int (B, K), the end token included; 0 where there is none yet


class PoolBeams(NamedTuple):
    """`K` live hypotheses for each source, and a pool of as many."""

    index: Any  # (): tokens generated so far
    token_ids: Any  # (N,): the last of each live one
    log_probs: Any  # float32 (B, K): of the live, in falling order
    pool: Any  # Pool
    done: Any  # bool (B,): whether the pool stays as it is
    said: Any  # Said, of the live
    state: Any  # the model's
    history: Any  # StepHistory of 2K slots: the live, then the pool


def pool_beam_search(
    model,
    inputs,
    options,
    prefix_ids=None,
    return_attention_scores=False,
    lexical=None,
):
    """The `n_best` hypotheses of a beam of `K` that stays full.

    Of all continuations of a source's `K` live hypotheses, each step takes the best
    `2K`. The best `K` of these that do not end live on. Those that end, and are among
    the best `K` of all, go into a pool, which keeps the `K` with the best scores

        score(Y) = log P(Y | X) / |Y|^α

    A source is done when its pool is full and, by `options.early_stopping`,

    - `True`: at once;
    - `False`: if the best live one, scored as if it ended here, is no better than the
      worst of the pool;
    - `"never"`: if no continuation of it can be better. That is the same for α ≤ 0;
      otherwise it is scored as if it went on to the limit at no cost.

    `False` is a heuristic where α is above zero: scores may rise with length.

    Args:
        model: `EncoderDecoder`.
        inputs: dict of tensors for `model.encode`.
        options: `DecodingOptions`, with `beam_rule="pool"`.
        prefix_ids: int `(B, P)`, optional. Forced first tokens, padded with zeros.
        return_attention_scores: bool.
        lexical: `LexicalConstraints`, optional. Its `avoid` counts.

    Returns:
        `Hypotheses`.

    References:
        [Kasai et al., 2024](https://aclanthology.org/2024.lrec-main.7) tell this search
        from `beam_search`; `early_stopping` and `length_penalty` of
        [transformers](https://huggingface.co/docs/transformers/main_classes/text_generation).
    """
    beam = options.beam
    step = Stepper(model, inputs, options, beam, prefix_ids, lexical)
    ranking = Ranking(options, step.memory.mask)
    batch_size = step.batch_size
    branches = min(2 * beam, model.target_vocabulary_size)
    slots = ops.broadcast_to(ops.arange(beam, dtype="int32")[None], (batch_size, beam))

    def candidates(live, log_probs):
        """The best `2K` continuations: `(totals, parents, token_ids)`, `(B, 2K)`."""
        gains, token_ids = top_k(log_probs, branches)  # (N, branches)
        # Forbidden sums do not run away.
        totals = ops.maximum(ops.reshape(live, (-1, 1)) + gains, 2 * FORBIDDEN)
        totals = ops.reshape(totals, (-1, beam * branches))
        totals, chosen = ops.top_k(totals, 2 * beam)
        chosen = ops.cast(chosen, "int32")
        token_ids = pick(ops.reshape(token_ids, (-1, beam * branches)), chosen)
        return totals, chosen // branches, token_ids

    def collect(pool, enters, totals, length):
        """The pool with those that enter, and where in `[pool, totals]` each was."""
        scores = ranking.score(totals, length, ())
        scores = ops.concatenate(
            [pool.scores, ops.where(enters, scores, EMPTY)], axis=1
        )
        scores, kept = ops.top_k(scores, beam)
        kept = ops.cast(kept, "int32")
        log_probs = ops.concatenate([pool.log_probs, totals], axis=1)
        lengths = ops.where(enters, length, 0)
        lengths = ops.concatenate([pool.lengths, lengths], axis=1)
        return Pool(scores, pick(log_probs, kept), pick(lengths, kept)), kept

    def is_done(live, pool, length):
        worst = pool.scores[:, -1]
        done = worst > EMPTY
        if options.early_stopping is not True:
            best_live = live[:, :1]
            if options.early_stopping == "never" and options.length_penalty > 0:
                length = step.limits[:, None]
            best_live = ranking.score(best_live, length, ())[:, 0]
            done = ops.logical_and(done, best_live <= worst)
        return ops.logical_or(done, ops.logical_not(is_possible(live[:, 0])))

    def advance(beams):
        log_probs, state = step(beams.token_ids, beams.state, beams.index, beams.said)
        length = beams.index + 1
        totals, parents, token_ids = candidates(beams.log_probs, log_probs)

        ends = step.ends(token_ids, beams.index)
        live, chosen = ops.top_k(ops.where(ends, 2 * FORBIDDEN, totals), beam)
        live_parents = pick(parents, ops.cast(chosen, "int32"))
        live_ids = pick(token_ids, ops.cast(chosen, "int32"))

        enters = ops.logical_and(ends, is_possible(totals))[:, :beam]
        enters = ops.logical_and(enters, ops.logical_not(beams.done)[:, None])
        pool, kept = collect(beams.pool, enters, totals[:, :beam], length)
        is_new = ops.logical_and(kept >= beam, pool.scores > EMPTY)
        # Who stays in the pool follows itself; who is new follows a live one.
        came_from = ops.concatenate([beam + slots, parents[:, :beam]], axis=1)
        came_from = pick(came_from, kept)
        last_ids = ops.concatenate([slots, token_ids[:, :beam]], axis=1)
        last_ids = ops.where(is_new, pick(last_ids, kept), PAD_ID)
        history = beams.history.write_kept(
            beams.index,
            (live_ids, live_parents),
            (last_ids, came_from),
            state.attention_scores,
        )
        rows = step.rows(live_parents)
        flat_ids = ops.reshape(live_ids, (-1,))
        return PoolBeams(
            length,
            flat_ids,
            live,
            pool,
            ops.logical_or(beams.done, is_done(live, pool, length)),
            step.add_tokens(beams.said, beams.index, flat_ids, rows),
            model.gather_state(state, rows),
            history,
        )

    zeros = ops.zeros_like(ops.cast(slots, "float32"))  # (B, K)
    beams = PoolBeams(
        index=ops.zeros((), dtype="int32"),
        token_ids=step.start_ids,
        log_probs=first_slot_only(zeros),
        pool=Pool(zeros + EMPTY, zeros, ops.zeros_like(slots)),
        done=ops.zeros_like(step.limits, dtype="bool"),
        said=step.nothing_said(),
        state=step.state,
        history=StepHistory.empty(
            step.num_steps,
            batch_size,
            2 * beam,
            step.state.attention_scores if return_attention_scores else None,
        ),
    )
    beams = step.repeat(
        advance, lambda beams: ops.logical_not(ops.all(beams.done)), beams
    )

    best = beam + slots[:, : options.n_best]
    token_ids, attention_scores = beams.history.read(best, beams.index)
    pool = Pool(*(values[:, : options.n_best] for values in beams.pool))
    found = pool.lengths > 0
    return Hypotheses(
        token_ids,
        pool.lengths,
        ops.where(found, pool.scores, FORBIDDEN),
        ops.where(found, pool.log_probs, FORBIDDEN),
        attention_scores,
    )
