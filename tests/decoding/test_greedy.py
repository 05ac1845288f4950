"""Greedy search takes the most probable token that the rules allow, each time."""

import numpy as np
import pytest

from keras_attention.decoding.greedy import greedy_search
from keras_attention.decoding.options import DecodingOptions
from keras_attention.decoding.search import Decoder
from tests.decoding.support import (
    SOURCE_IDS,
    Chain,
    StepCounter,
    all_sequences,
    assert_rows_alone,
    free,
    padded,
    said,
    teacher_forced,
)
from tests.decoding.test_beam import recurrent, run_eagerly, transformer


def likeliest_steps(model, source_ids, options, prefix=()):
    """Token by token, the best of those that some allowed output goes on with."""
    limit = options.max_length
    sequences = all_sequences(model.target_vocabulary_size, limit, options, prefix)
    ids = ()
    while not ids or (ids[-1] != 3 and len(ids) < limit):
        ways = {s[: len(ids) + 1] for s in sequences if s[: len(ids)] == ids}
        ways = sorted(ways)
        log_probs, _ = teacher_forced(model, source_ids, padded(ways, limit))
        ids = ways[int(np.argmax(log_probs[:, len(ids)]))]
    return ids


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"min_length": 4},
        {"no_repeat_ngram": 1},
        {"no_repeat_ngram": 2},
        {"unknown": "forbid"},
        {"force_end": False, "max_length": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("prefixes", [None, np.array([[6], [0], [5]], "int32")])
def test_each_token_is_the_likeliest_of_those_allowed(changes, prefixes):
    model, options = Chain(), free(**{"beam": 1, "max_length": 5, **changes})
    hypotheses = Decoder(model)({"source_ids": SOURCE_IDS}, options, prefixes)
    for row, source_ids in enumerate(SOURCE_IDS):
        prefix = () if prefixes is None else prefixes[row]
        expected = likeliest_steps(model, source_ids, options, prefix)
        assert said(hypotheses, row) == expected


@pytest.mark.parametrize(
    "model",
    [Chain(20), transformer(), recurrent()],
    ids=["chain", "transformer", "recurrent"],
)
def test_a_batch_gives_what_its_rows_give_alone(model):
    options = DecodingOptions(beam=1, max_length_ratio=3, max_length_offset=1)
    decoder = Decoder(model)

    def run(source_ids, row=None):
        return decoder({"source_ids": source_ids}, options, None, True)

    assert_rows_alone(run, run(SOURCE_IDS), SOURCE_IDS)


@pytest.mark.parametrize("model", [Chain(20), transformer()], ids=["chain", "real"])
def test_score_and_attention_are_those_of_teacher_forcing(model):
    options = free(beam=1, max_length=6, length_penalty=0.7, coverage_penalty=0.2)
    hypotheses = Decoder(model)({"source_ids": SOURCE_IDS}, options, None, True)
    for row, source_ids in enumerate(SOURCE_IDS):
        log_probs, scores = teacher_forced(model, source_ids, hypotheses.token_ids[row])
        np.testing.assert_allclose(
            hypotheses.attention_scores[row], scores, rtol=1e-3, atol=1e-5
        )
        total = log_probs.sum()
        np.testing.assert_allclose(hypotheses.log_probs[row, 0], total, rtol=1e-4)
        coverage = np.clip(scores[0].sum(axis=0)[source_ids > 0], 1e-6, 1)
        penalised = total / ((5 + hypotheses.lengths[row, 0]) / 6) ** 0.7
        penalised += 0.2 * np.log(coverage).sum()
        np.testing.assert_allclose(hypotheses.scores[row, 0], penalised, rtol=1e-4)


def test_it_stops_when_the_last_row_has_finished(monkeypatch):
    model, options = Chain(5), free(beam=1, max_length=50, no_repeat_ngram=2)
    with StepCounter.of(model, monkeypatch) as counter:
        hypotheses = run_eagerly(greedy_search, model, options)
    assert counter.steps == hypotheses.lengths.max() < 50


def test_a_row_without_source_gives_finite_numbers():
    source_ids = np.array([[4, 3], [0, 0]], "int32")
    for model in (Chain(), transformer()):
        options = DecodingOptions(beam=1, max_length_offset=3)
        hypotheses = Decoder(model)({"source_ids": source_ids}, options, None, True)
        assert 1 <= hypotheses.lengths[1, 0] <= 3
        assert np.isfinite(hypotheses.scores).all()
        assert np.isfinite(hypotheses.attention_scores).all()
