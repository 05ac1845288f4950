"""CTranslate2 searches, by the options of this package; ids in, ids out.

CTranslate2 has one beam search, `beam_rule="pool"` with `early_stopping=True`. Its
limit counts for a whole batch, and it cuts there; ours depends on each source, and a
hypothesis may be made to end. So a batch is searched by its highest limit, and what
went beyond its own is searched again: up to its limit, a search does not depend on it.

Log-probabilities are those of CTranslate2's search, of a softmax over the tokens that
may be said, and so a trifle higher than ours. They leave out prefixes and the end that
a hypothesis is made to have, and are of what n-grams and a least length leave: where
there are such, they are computed anew.
"""

from typing import Any, NamedTuple

import numpy as np

from keras_attention.decoding.options import DecodingOptions
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID

# CTranslate2 takes 0 for a reason to stop earlier; this power of a length is 1.
NO_PENALTY = 1e-30


class Found(NamedTuple):
    """As `keras_attention.decoding.hypotheses.Hypotheses`, of NumPy arrays."""

    token_ids: Any  # int (B, n, T), padded with PAD
    lengths: Any  # int (B, n), END included; 0 for no hypothesis
    scores: Any  # float (B, n)
    log_probs: Any  # float (B, n)
    attention_scores: Any  # float32 (B, n, T, S), or ()


class Candidate(NamedTuple):
    """One hypothesis."""

    ids: list[int]
    log_prob: float = 0.0
    score: float = 0.0
    attention: Any = None  # float32 (len(ids), S)


class CTranslate2Model:
    """A model in CTranslate2's hands; stands for the `model` of a `Translator`.

    Args:
        runner: `ctranslate2.Translator`.
        source_tokens: list of str, the source's vocabulary by id.
        target_tokens: list of str.
        num_positions: int. Tokens that sources and hypotheses may have.
    """

    attends = True

    def __init__(
        self,
        runner: Any,
        source_tokens: list[str],
        target_tokens: list[str],
        num_positions: int,
    ) -> None:
        self.runner = runner
        self.source_tokens = source_tokens
        self.target_tokens = target_tokens
        self.num_positions = num_positions
        self._target_ids = {token: i for i, token in enumerate(target_tokens)}

    def search(
        self,
        source_ids: np.ndarray,
        options: DecodingOptions,
        prefix_ids: np.ndarray | None = None,
        attention: bool = False,
    ) -> Found:
        """Decodes one batch.

        Args:
            source_ids: int `(B, S)`, END included, padded with 0.
            options: `DecodingOptions`.
            prefix_ids: int `(B, P)`, optional. Forced first tokens, padded with 0.
            attention: bool. Whether it is wanted.
        """
        sources = _unpadded(source_ids)
        prefixes = [[]] * len(sources) if prefix_ids is None else _unpadded(prefix_ids)
        rows = [i for i, source in enumerate(sources) if source]
        limits = {i: options.length_limit(len(sources[i])) for i in rows}
        # The last step is that of the end token, where there must be one.
        steps = {i: limits[i] - options.force_end for i in rows}

        def run(rows, num_steps):
            given = [prefixes[i] for i in rows]
            return self._translate(
                [sources[i] for i in rows], given, num_steps, options
            )

        most = max(steps.values(), default=0)
        found = dict(zip(rows, run(rows, most), strict=True))
        longest = {i: max(len(c.ids) for c in some) for i, some in found.items()}
        again = [i for i in rows if steps[i] < most and longest[i] > steps[i]]
        for num_steps in sorted({steps[i] for i in again}):
            same = [i for i in again if steps[i] == num_steps]
            found |= zip(same, run(same, num_steps), strict=True)
        forced = {i: len(prefixes[i]) for i in rows}
        anew = {
            i: some
            for i, some in found.items()
            if _lacks_scores(some, options, forced[i])
        }
        scored = {i: _best(some, options) for i, some in found.items()}
        scored |= self._scored(sources, anew, options, forced)
        if attention:
            scored = self._with_attention(sources, scored)
        return _arrays([scored.get(i, []) for i in range(len(sources))], source_ids)

    def force(
        self, source_ids: np.ndarray, target_ids: np.ndarray, options: DecodingOptions
    ) -> Found:
        """Says given ids, as `keras_attention.decoding.scoring.force_decode` does.

        Args:
            source_ids: int `(B, S)`, END included, padded with 0.
            target_ids: int `(B, T)`, END included, padded with 0.
            options: `DecodingOptions`, for the penalties of scores alone.
        """
        sources, targets = _unpadded(source_ids), _unpadded(target_ids)
        rows = [i for i, source in enumerate(sources) if source and targets[i]]
        given = {i: [Candidate(targets[i])] for i in rows}
        options = options.replace(n_best=1, score_forced=True)
        scored = self._scored(sources, given, options, dict.fromkeys(rows, 0))
        scored = self._with_attention(sources, scored)
        return _arrays([scored.get(i, []) for i in range(len(sources))], source_ids)

    def _translate(self, sources, prefixes, num_steps, options):
        """For each source, what CTranslate2 finds in so many steps, with its scores."""
        if num_steps < 1:
            return [[Candidate([])] for _ in sources]
        given = None
        if any(prefixes):
            given = [self._tokens(prefix[:num_steps]) for prefix in prefixes]
        repeats = options.no_repeat_ngram if options.forbids_repeats else 0
        results = self.runner.translate_batch(
            self._source_tokens(sources),
            given,
            beam_size=options.beam,
            num_hypotheses=options.beam,
            length_penalty=options.length_penalty or NO_PENALTY,
            max_input_length=0,
            max_decoding_length=num_steps,
            min_decoding_length=min(max(options.min_length - 1, 0), num_steps),
            no_repeat_ngram_size=repeats,
            disable_unk=options.unknown == "forbid",
            suppress_sequences=[self._tokens([i]) for i in (PAD_ID, START_ID)],
            return_end_token=True,
            return_scores=True,
        )
        return [self._possible(result, options) for result in results]

    def _possible(self, result, options):
        """All but those that fill a beam behind a prefix, the prefix again or padding,
        which have no probability."""
        found = {}
        for tokens, score in zip(result.hypotheses, result.scores, strict=True):
            ids = tuple(self._target_ids[token] for token in tokens)
            if ids not in found and PAD_ID not in ids:
                log_prob = score * len(ids) ** options.length_penalty
                score = log_prob / normaliser(options, len(ids))
                found[ids] = Candidate([*ids], log_prob, score)
        return [*found.values()]

    def _scored(self, sources, found, options, num_forced):
        """The best `n_best` of each row as `Candidate`, best first; made to end."""
        places, targets, made = [], [], []
        for i, some in found.items():
            for ids in (candidate.ids for candidate in some):
                was_cut = options.force_end and ids[-1:] != [END_ID]
                places.append(i)
                targets.append([*ids, END_ID] if was_cut else ids)
                made.append(was_cut)
        if not places:
            return {}
        results = self.runner.score_batch(
            self._source_tokens([sources[i] for i in places]),
            [self._tokens(ids[:-1] if ids[-1] == END_ID else ids) for ids in targets],
            max_input_length=0,
        )
        scored: dict[int, list[Candidate]] = {i: [] for i in found}
        for i, ids, was_cut, result in zip(places, targets, made, results, strict=True):
            log_probs = result.log_probs[: len(ids)]
            if not options.score_forced:
                log_probs = log_probs[num_forced[i] : len(ids) - was_cut]
            log_prob = float(np.sum(log_probs, dtype=np.float64))
            score = log_prob / normaliser(options, len(ids))
            scored[i].append(Candidate(ids, log_prob, score))
        return {i: _best(some, options) for i, some in scored.items()}

    def _with_attention(self, sources, scored):
        """The same, with attention.

        They are said once more: in a batch, CTranslate2's beam search has the first
        token attend where that of another row does.
        """
        places = [(i, slot) for i, some in scored.items() for slot in range(len(some))]
        if not places:
            return scored
        targets = [scored[i][slot].ids for i, slot in places]
        results = self.runner.translate_batch(
            self._source_tokens([sources[i] for i, _ in places]),
            [self._tokens(ids) for ids in targets],
            beam_size=1,
            max_input_length=0,
            max_decoding_length=max(map(len, targets)),
            return_end_token=True,
            return_attention=True,
        )
        for (i, slot), ids, result in zip(places, targets, results, strict=True):
            attention = _with_end(result.attention[0][: len(ids)])
            scored[i][slot] = scored[i][slot]._replace(attention=attention)
        return scored

    def _source_tokens(self, sources):
        # CTranslate2 puts END at each end itself.
        return [[self.source_tokens[i] for i in ids[:-1]] for ids in sources]

    def _tokens(self, ids):
        return [self.target_tokens[i] for i in ids]


def normaliser(options: DecodingOptions, length: int) -> float:
    """What log-probabilities are divided by, as `keras_attention.decoding.ranking` has
    it, which needs Keras."""
    if options.beam_rule == "pool":
        return float(max(length, 1) ** options.length_penalty)
    return float(((5.0 + length) / 6.0) ** options.length_penalty)


def _lacks_scores(candidates, options, num_forced):
    """Whether a search has not scored all that counts, or by few tokens alone."""
    if options.forbids_repeats or options.min_length > 1:
        return True
    is_cut = options.force_end and any(c.ids[-1:] != [END_ID] for c in candidates)
    return is_cut or bool(num_forced and options.score_forced)


def _best(candidates, options):
    return sorted(candidates, key=lambda each: -each.score)[: options.n_best]


def _unpadded(ids):
    return [[int(i) for i in row if i != PAD_ID] for row in np.asarray(ids)]


def _with_end(attention):
    """Float32 `(T, S)` of rows without the source's END, which got what they leave."""
    attention = np.asarray(attention, "float32")
    end = np.maximum(1.0 - attention.sum(axis=1, keepdims=True), 0.0)
    return np.concatenate([attention, end.astype("float32")], axis=1)


def _arrays(found, source_ids):
    """`Found` of lists of `Candidate`."""
    num_slots = max((len(some) for some in found), default=0)
    steps = max((len(c.ids) for some in found for c in some), default=0)
    shape = len(found), num_slots
    token_ids = np.full((*shape, steps), PAD_ID, "int32")
    lengths = np.zeros(shape, "int32")
    scores, log_probs = np.zeros(shape), np.zeros(shape)
    attends = any(c.attention is not None for some in found for c in some)
    attention: Any = ()
    if attends:
        attention = np.zeros((*shape, steps, source_ids.shape[1]), "float32")
    for i, some in enumerate(found):
        for slot, c in enumerate(some):
            token_ids[i, slot, : len(c.ids)] = c.ids
            lengths[i, slot] = len(c.ids)
            scores[i, slot], log_probs[i, slot] = c.score, c.log_prob
            if attends:
                rows, columns = c.attention.shape
                attention[i, slot, :rows, :columns] = c.attention
    return Found(token_ids, lengths, scores, log_probs, attention)
