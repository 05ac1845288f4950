"""Hugging Face's beam search in plain Python, one source after the other."""

from keras_attention.special_tokens import END_ID, PAD_ID, START_ID
from tests.decoding.support import numpy_log_softmax


def pool_reference(log_probs_of, options, limit):
    """The rule as `GenerationMixin._beam_search` of transformers 5.24 has it.

    Args:
        log_probs_of: function of the tokens so far, a tuple, that returns a
            log-probability for each token that may be next, a dict.
        options: `DecodingOptions`.
        limit: int. The length at which all that live are made to end, or cut.

    Returns:
        `(pool, steps)`: tuples `(score, log_prob, ids)`, best first, and the steps that
        the search took.
    """
    beam, alpha = options.beam, options.length_penalty
    live, pool = [(0.0, ())], []

    def ends(said):
        return said[-1] == END_ID or len(said) == limit

    for length in range(1, limit + 1):
        found = []
        for total, said in live:
            gains = log_probs_of(said)
            if length == limit and options.force_end:
                gains = {END_ID: gains[END_ID] if options.score_forced else 0.0}
            found += [(total + gain, (*said, i)) for i, gain in gains.items()]
        found = sorted(found, reverse=True)[: 2 * beam]
        for total, said in found[:beam]:
            if ends(said):
                pool.append((total / length**alpha, total, said))
        pool = sorted(pool, reverse=True)[:beam]
        live = [way for way in found if not ends(way[1])][:beam]
        if not live:
            break
        if len(pool) == beam and _may_stop(live[0][0], pool, options, length, limit):
            break
    return pool, length


def _may_stop(best_live, pool, options, length, limit):
    if options.early_stopping is True:
        return True
    alpha = options.length_penalty
    if options.early_stopping == "never" and alpha > 0:
        length = limit
    return best_live / length**alpha <= pool[-1][0]


def chain_log_probs(chain, kind, never=(PAD_ID, START_ID)):
    """What a `Chain` thinks of one kind of source, for `pool_reference`."""

    def log_probs_of(said):
        place = kind
        for token in (START_ID, *said):
            place = (5 * place + 7 * token + 1) % len(chain.logits)
        log_probs = numpy_log_softmax(chain.logits[place] + chain.kind_logits[kind])
        return {i: p for i, p in enumerate(log_probs.tolist()) if i not in never}

    return log_probs_of
