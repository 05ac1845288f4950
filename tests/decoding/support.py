"""A model small enough to search by hand, and a search that tries everything."""

import contextlib
import itertools
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from keras_attention.decoding.options import DecodingOptions
from keras_attention.layers.masking import masked_softmax
from keras_attention.models.encoder_decoder import EncoderDecoder, Memory
from keras_attention.special_tokens import END_ID, PAD_ID, START_ID, UNKNOWN_ID

SOURCE_IDS = np.array([[4, 5, 3, 0], [5, 3, 0, 0], [4, 4, 5, 3]], "int32")
KINDS, PLACES = 5, 31
# Lengths that do not depend on the source, and every id is a word.
FREE = {"max_length_ratio": 0.0, "max_length_offset": 100, "unknown": "allow"}


class ChainState(NamedTuple):
    place: Any  # int (N,)
    attention_scores: Any  # (N, S)


class Chain(EncoderDecoder):
    """Wanders through tables of random logits; where it is depends on all it said.

    Nothing in it is learned or attended to: what decodes it knows no family.
    """

    def __init__(
        self,
        vocabulary_size=7,
        seed=0,
        sharpness=1.5,
        ending=0.0,
        kinds=KINDS,
        places=PLACES,
    ):
        super().__init__()
        self.target_vocabulary_size = vocabulary_size
        rng = np.random.default_rng(seed)

        def table(*shape):
            return sharpness * rng.normal(size=shape).astype("float32")

        self.logits = table(places, vocabulary_size)
        self.logits[:, END_ID] += ending  # how much it likes to end
        self.kind_logits = table(kinds, vocabulary_size)
        self.looks = table(places, 16)
        self.built = True

    def encode(self, inputs, num_steps=None):
        source_ids = ops.cast(inputs["source_ids"], "int32")
        kinds = ops.sum(source_ids, axis=1) % len(self.kind_logits)
        zeros = ops.zeros_like(ops.cast(source_ids, "float32"))
        memory = Memory(kinds, (), ops.not_equal(source_ids, PAD_ID))
        return memory, ChainState(kinds, zeros)

    def step(self, token_ids, state, memory):
        num_rows, length = ops.shape(memory.mask)
        place = (5 * state.place + 7 * token_ids + 1) % len(self.logits)
        logits = ops.take(self.logits, place, axis=0)
        kind_logits = ops.take(self.kind_logits, memory.value, axis=0)[:, None]
        logits = ops.reshape(logits, (num_rows, -1, self.target_vocabulary_size))
        logits = ops.reshape(
            logits + kind_logits, (-1, self.target_vocabulary_size)
        )  # (N, V)
        looks = ops.take(self.looks, place, axis=0)
        looks = ops.take(looks, ops.arange(length), axis=1)
        looks = ops.reshape(looks, (num_rows, -1, length))
        scores = masked_softmax(looks, memory.mask[:, None])
        return logits, ChainState(place, ops.reshape(scores, (-1, length)))

    def call(self, inputs, return_attention_scores=False):
        memory, state = self.encode(inputs)
        steps = []
        for token_ids in np.asarray(inputs["target_ids"]).T:
            logits, state = self.step(ops.convert_to_tensor(token_ids), state, memory)
            steps.append((logits, state.attention_scores))
        logits, scores = (ops.stack(step, axis=1) for step in zip(*steps, strict=True))
        return (logits, scores) if return_attention_scores else logits


def numpy_log_softmax(logits):
    logits = np.asarray(logits, "float64")
    largest = logits.max(axis=-1, keepdims=True)
    return (
        logits - largest - np.log(np.exp(logits - largest).sum(axis=-1, keepdims=True))
    )


def teacher_forced(model, source_ids, token_ids):
    """What the model thinks of given outputs of one source `(S,)`.

    Args:
        token_ids: int `(M, T)`, the end token included, zeros after it.

    Returns:
        log-probabilities `(M, T)`, zero after the end, and attention `(M, T, S)`.
    """
    token_ids = np.asarray(token_ids, "int32")
    start = np.full((len(token_ids), 1), START_ID, "int32")
    inputs = {
        "source_ids": np.repeat(source_ids[None], len(token_ids), axis=0),
        "target_ids": np.concatenate([start, token_ids[:, :-1]], axis=1),
    }
    logits, scores = model(inputs, return_attention_scores=True)
    log_probs = numpy_log_softmax(ops.convert_to_numpy(logits))
    spoken = token_ids != PAD_ID
    log_probs = np.take_along_axis(log_probs, token_ids[..., None], axis=2)[..., 0]
    return (
        log_probs * spoken,
        ops.convert_to_numpy(scores) * spoken[..., None],
    )


def all_sequences(vocabulary_size, limit, options, prefix=()):
    """Every output that the rules of `options` allow, as tuples of ids."""

    def allowed(said):
        place = len(said)
        if place + 1 >= limit and options.force_end:
            return [END_ID]
        if place < len(prefix) and prefix[place]:
            return [prefix[place]]
        tokens = set(range(vocabulary_size)) - {PAD_ID, START_ID}
        if options.unknown == "forbid":
            tokens -= {UNKNOWN_ID}
        if place + 1 < options.min_length:
            tokens -= {END_ID}
        if options.no_repeat_ngram:
            tokens -= completes_ngram(said, options.no_repeat_ngram) - {END_ID}
        return sorted(tokens) or [END_ID]

    def grow(said):
        for token in allowed(said):
            if token == END_ID or len(said) + 1 >= limit:
                yield (*said, token)
            else:
                yield from grow((*said, token))

    return list(grow(()))


def completes_ngram(said, size):
    """The tokens that would make the last n-gram of `said` one that came before."""
    last = said[len(said) - size + 1 :]
    if len(said) < size - 1:
        return set()
    starts = range(len(said) - size + 1)
    return {said[i + size - 1] for i in starts if said[i : i + size - 1] == last}


def brute_force(model, source_ids, options, prefix=()):
    """All outputs for one source `(S,)`, scored by formulas, best first.

    Returns:
        list of `(score, log_prob, ids)`.
    """
    limit = numpy_limit(source_ids, options)
    sequences = all_sequences(model.target_vocabulary_size, limit, options, prefix)
    token_ids = padded(sequences, limit)
    log_probs, scores = teacher_forced(model, source_ids, token_ids)
    if not options.score_forced:
        ends = [limit - 1] if options.force_end else []
        log_probs[:, [*np.flatnonzero(prefix), *ends]] = 0
    totals = log_probs.sum(axis=1)
    lengths = (token_ids != PAD_ID).sum(axis=1)
    ranked = totals / ((5 + lengths) / 6) ** options.length_penalty
    coverage = np.clip(scores.sum(axis=1), 1e-6, 1)[:, source_ids != PAD_ID]
    ranked = ranked + options.coverage_penalty * np.log(coverage).sum(axis=1)
    rows = zip(ranked, totals, sequences, strict=True)
    return sorted(rows, key=lambda row: -row[0])


def numpy_limit(source_ids, options):
    length = np.count_nonzero(source_ids)
    limit = int(options.max_length_ratio * length) + options.max_length_offset
    return max(1, min(limit, options.max_length))


def padded(sequences, length):
    columns = itertools.zip_longest(*sequences, fillvalue=PAD_ID)
    token_ids = np.array(list(columns), "int32").T
    return np.pad(token_ids, ((0, 0), (0, length - token_ids.shape[1])))


def said(hypotheses, row, slot=0):
    """One hypothesis as a tuple of ids."""
    length = int(hypotheses.lengths[row, slot])
    token_ids = hypotheses.token_ids[row, slot]
    assert not token_ids[length:].any()
    return tuple(token_ids[:length].tolist())


def assert_rows_alone(decode, batch, source_ids):
    """`decode` of each row, unpadded and alone, gives that row of `batch`."""
    for row, ids in enumerate(source_ids):
        length = np.count_nonzero(ids)
        alone = decode(ids[None, :length], row)
        for slot in range(batch.lengths.shape[1]):
            assert said(alone, 0, slot) == said(batch, row, slot)
        np.testing.assert_allclose(alone.scores[0], batch.scores[row], rtol=1e-4)
        steps = alone.attention_scores.shape[2]
        np.testing.assert_allclose(
            alone.attention_scores[0],
            batch.attention_scores[row, :, :steps, :length],
            atol=1e-5,
        )


class StepCounter:
    """Counts the steps of a model; only outside of compiled programs."""

    def __init__(self, model):
        self.model, self.steps, self.step = model, 0, model.step

    def __call__(self, *args):
        self.steps += 1
        return self.step(*args)

    @classmethod
    @contextlib.contextmanager
    def of(cls, model, monkeypatch):
        counter = cls(model)
        with contextlib.ExitStack() as stack:
            patch = stack.enter_context(monkeypatch.context())
            patch.setattr(model, "step", counter)
            if keras.backend.backend() == "jax":
                import jax

                stack.enter_context(jax.disable_jit())
            yield counter


def free(**options):
    """Options whose limit is `max_length`, whatever the source."""
    return DecodingOptions(**{**FREE, **options})
