"""The pool's beam search is Hugging Face's: by its rule, and by what it answered."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from keras_attention.decoding.greedy import greedy_search
from keras_attention.decoding.pool_beam import pool_beam_search
from keras_attention.decoding.search import Decoder
from tests.decoding.pool_reference import chain_log_probs, pool_reference
from tests.decoding.support import (
    SOURCE_IDS,
    Chain,
    StepCounter,
    assert_rows_alone,
    free,
    said,
    teacher_forced,
)
from tests.decoding.test_beam import PREFIXES, run_eagerly, transformer

RECORDED = json.loads(Path(__file__).with_name("transformers_beams.json").read_text())
STOPS = [False, True, "never"]
# Of each stop and penalty, so many sources; and so many places that two ways to say as
# much of the same in another order hardly end alike, or rounding would choose.
MANY = {"kinds": 250, "places": 9973, "ending": 1.0}
KIND_IDS = np.arange(250, dtype="int32")[:, None]


def pooled(**options):
    return free(**{"beam_rule": "pool", "length_penalty": 1.0, **options})


def assert_found(hypotheses, row, expected):
    scores, log_probs, outputs = zip(*expected, strict=True)
    count = len(expected)
    assert tuple(said(hypotheses, row, slot) for slot in range(count)) == outputs
    found = hypotheses.scores[row, :count], hypotheses.log_probs[row, :count]
    np.testing.assert_allclose(found, (scores, log_probs), rtol=1e-4, atol=1e-5)
    assert not hypotheses.lengths[row, count:].any()


@pytest.mark.parametrize("early_stopping", STOPS)
@pytest.mark.parametrize(
    ("length_penalty", "force_end"),
    [(-1.0, True), (0.0, True), (1.0, True), (2.0, True), (0.0, False), (2.0, False)],
)
def test_it_agrees_with_the_rule_in_plain_python(
    length_penalty, force_end, early_stopping
):
    """On 250 tables of random logits for each of the 18."""
    options = pooled(
        beam=3,
        n_best=3,
        max_length=8,
        length_penalty=length_penalty,
        early_stopping=early_stopping,
        score_forced=length_penalty == 2,
        force_end=force_end,
    )
    seed = int(4 * length_penalty) + STOPS.index(early_stopping) + 10
    model = Chain(9, seed=seed, **MANY)
    hypotheses = run_eagerly(pool_beam_search, model, options, KIND_IDS)
    for row, (number,) in enumerate(KIND_IDS):
        log_probs_of = chain_log_probs(model, number)
        expected, _ = pool_reference(log_probs_of, options, 8)
        assert_found(hypotheses, row, expected)


def test_it_takes_as_many_steps_as_the_rule(monkeypatch):
    model, counts = Chain(9, ending=2.0), {}
    for early_stopping in STOPS:
        options = pooled(beam=3, max_length=12, early_stopping=early_stopping)
        with StepCounter.of(model, monkeypatch) as counter:
            run_eagerly(pool_beam_search, model, options, SOURCE_IDS[:1])
        log_probs_of = chain_log_probs(model, SOURCE_IDS[0].sum() % 5)
        assert counter.steps == pool_reference(log_probs_of, options, 12)[1]
        counts[early_stopping] = counter.steps
    assert counts[True] < counts[False] < counts["never"]


@pytest.mark.parametrize(
    "case", RECORDED["cases"], ids=lambda case: str(case["options"])
)
def test_it_answers_as_transformers_did(case):
    source_ids = np.array(RECORDED["source_ids"], "int32")[:, None]
    options = pooled(**case["options"], n_best=case["options"]["beam"])
    prefix_ids = np.full_like(source_ids, case["forced_first"])
    hypotheses = run_eagerly(
        pool_beam_search, Chain(**RECORDED["chain"]), options, source_ids, prefix_ids
    )
    for row, expected in enumerate(case["found"]):
        for slot, (score, ids) in enumerate(expected):
            assert said(hypotheses, row, slot) == tuple(ids)
            np.testing.assert_allclose(
                hypotheses.scores[row, slot], score, rtol=1e-4, atol=1e-5
            )


def test_three_ways_to_stop_find_three_things():
    """What the tests above compare is told apart by them."""
    options = pooled(beam=3, max_length=8, length_penalty=2.0)
    model = Chain(9, seed=1, **MANY)
    found = {}
    for early_stopping in STOPS:
        options = options.replace(early_stopping=early_stopping)
        ran = run_eagerly(pool_beam_search, model, options, KIND_IDS)
        found[early_stopping] = ran.token_ids
    for one, other in itertools.combinations(STOPS, 2):
        assert (found[one] != found[other]).any(axis=(1, 2)).sum() > 5


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"early_stopping": True, "length_penalty": 0.0},
        {"min_length": 3, "no_repeat_ngram": 2, "score_forced": False},
        {"force_end": False, "max_length": 4},
    ],
    ids=str,
)
def test_beam_of_one_equals_greedy(changes):
    model, options = Chain(12), pooled(**{"beam": 1, "max_length": 9, **changes})
    beam = run_eagerly(pool_beam_search, model, options)
    greedy = run_eagerly(greedy_search, model, options)
    np.testing.assert_array_equal(beam.token_ids, greedy.token_ids)
    np.testing.assert_array_equal(beam.lengths, greedy.lengths)
    np.testing.assert_allclose(beam.scores, greedy.scores, rtol=1e-5)
    np.testing.assert_allclose(beam.log_probs, greedy.log_probs, rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "num_lengths"),
    [(Chain(20), 3), (transformer(), 1)],
    ids=["chain", "real"],
)
def test_attention_is_that_of_the_hypothesis_it_comes_with(model, num_lengths):
    options = pooled(beam=5, n_best=4, max_length=7)
    hypotheses = Decoder(model)({"source_ids": SOURCE_IDS}, options, None, True)
    assert len(set(hypotheses.lengths.flat)) >= num_lengths
    for row, source_ids in enumerate(SOURCE_IDS):
        log_probs, scores = teacher_forced(model, source_ids, hypotheses.token_ids[row])
        np.testing.assert_allclose(
            hypotheses.attention_scores[row], scores, rtol=1e-3, atol=1e-5
        )
        np.testing.assert_allclose(
            hypotheses.log_probs[row], log_probs.sum(axis=1), rtol=1e-4
        )


def test_a_batch_gives_what_its_rows_give_alone():
    options = pooled(beam=3, n_best=3, max_length_ratio=2.0, max_length_offset=1)
    decoder = Decoder(Chain(20))

    def run(source_ids, prefix_ids):
        return decoder({"source_ids": source_ids}, options, prefix_ids, True)

    assert_rows_alone(
        lambda ids, row: run(ids, PREFIXES[row : row + 1]),
        run(SOURCE_IDS, PREFIXES),
        SOURCE_IDS,
    )


def test_rules_and_prefixes_hold():
    options = pooled(
        beam=4,
        n_best=4,
        max_length=7,
        min_length=5,
        no_repeat_ngram=1,
        unknown="forbid",
    )
    hypotheses = run_eagerly(pool_beam_search, Chain(9), options, prefix_ids=PREFIXES)
    for row, slot in itertools.product(range(3), range(4)):
        ids = said(hypotheses, row, slot)
        assert 5 <= len(ids) <= 7 and len(set(ids)) == len(ids)
        assert ids.index(3) == len(ids) - 1 and not {0, 1, 2} & set(ids)
        prefix = tuple(PREFIXES[row][PREFIXES[row] > 0])
        assert ids[: len(prefix)] == prefix


def test_a_prefix_that_ends_leaves_one_hypothesis():
    prefixes = np.array([[3, 0], [5, 3], [4, 0]], "int32")
    options = pooled(beam=3, n_best=3, max_length=6)
    hypotheses = run_eagerly(pool_beam_search, Chain(), options, prefix_ids=prefixes)
    assert [said(hypotheses, row) for row in (0, 1)] == [(3,), (5, 3)]
    found = [[True, False, False]] * 2 + [[True] * 3]
    np.testing.assert_array_equal(hypotheses.lengths > 0, found)
    assert (hypotheses.scores[:2, 1:] == -1e9).all()
    assert not hypotheses.token_ids[:2, 1:].any()
