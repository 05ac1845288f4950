"""Scores follow GNMT's formulas, and nothing becomes better than its bound."""

import numpy as np
import pytest
from keras import ops

from keras_attention.decoding.beam import beam_search
from keras_attention.decoding.ranking import (
    Ranking,
    coverage_score,
    length_normaliser,
    power_normaliser,
)
from tests.decoding.support import (
    SOURCE_IDS,
    Chain,
    StepCounter,
    brute_force,
    free,
    padded,
    teacher_forced,
)
from tests.decoding.test_beam import run_eagerly

PENALTIES = [
    {"length_penalty": 0.0},
    {"length_penalty": 0.6},
    {"length_penalty": 2.0},
    {"length_penalty": 4.0, "coverage_penalty": 0.5},
    {"length_penalty": 0.0, "coverage_penalty": 3.0},
]
RULES = [{}, {"min_length": 4}, {"no_repeat_ngram": 1}]


def test_penalties_agree_with_their_formulas():
    lengths = np.array([[1, 7]])
    np.testing.assert_allclose(
        length_normaliser(lengths, 0.6), [[1, 2**0.6]], rtol=1e-6
    )
    np.testing.assert_allclose(length_normaliser(lengths, 0.0), [[1, 1]])

    np.testing.assert_allclose(
        power_normaliser(np.array([[0, 1, 8]]), 2.0), [[1, 1, 64]]
    )
    np.testing.assert_allclose(power_normaliser(np.array([4]), -0.5), [0.5])

    coverage = np.array([[[0.5, 2.0, 0.0, 0.0]]], "float32")
    mask = np.array([[True, True, True, False]])
    expected = 0.3 * (np.log(0.5) + np.log(1e-6))
    np.testing.assert_allclose(
        coverage_score(coverage, mask, 0.3), [[expected]], rtol=1e-5
    )


@pytest.mark.parametrize("rules", RULES, ids=str)
@pytest.mark.parametrize("penalties", PENALTIES, ids=str)
def test_nothing_becomes_better_than_its_bound(penalties, rules):
    """Of all that can be said, every beginning, against the best that it becomes."""
    model, source_ids = Chain(6, seed=2), SOURCE_IDS[0]
    options = free(max_length=5, **penalties, **rules)
    best = {}
    for score, _, ids in brute_force(model, source_ids, options):
        for length in range(1, len(ids)):
            best[ids[:length]] = max(score, best.get(ids[:length], -np.inf))
    log_probs, _ = teacher_forced(model, source_ids, padded(list(best), 5))
    ranking = Ranking(options, ops.convert_to_tensor(source_ids[None] > 0))
    log_probs = ops.convert_to_tensor(log_probs.sum(axis=1)[None], "float32")
    bounds = ranking.bound(log_probs, ops.convert_to_tensor([5]))
    scores = np.array(list(best.values()))
    assert (ops.convert_to_numpy(bounds)[0] >= scores - 1e-5).all()


def test_a_longer_hypothesis_that_will_win_is_waited_for():
    """After six steps the best that has ended scores -1.85, and one goes on to 20."""
    options = free(beam=4, max_length=20, length_penalty=2.0)
    hypotheses = run_eagerly(beam_search, Chain(8, seed=8), options)
    assert hypotheses.lengths[0, 0] == 20
    np.testing.assert_allclose(hypotheses.scores[0, 0], -1.2535, atol=1e-4)


SEARCHES = [
    (8, {"length_penalty": 2.0}),
    (11, {"length_penalty": 2.0, "n_best": 2}),
    (11, {"length_penalty": 1.0, "n_best": 3}),
    (8, {"length_penalty": 0.0}),
    (8, {"length_penalty": 1.0, "min_length": 8}),
    (8, {"length_penalty": 1.0, "coverage_penalty": 0.5}),
    (11, {"length_penalty": 0.0, "coverage_penalty": 2.0, "n_best": 2}),
    (8, {"length_penalty": 3.0, "coverage_penalty": 0.2, "no_repeat_ngram": 2}),
]


@pytest.mark.parametrize(("seed", "changes"), SEARCHES, ids=str)
def test_the_bound_loses_nothing(seed, changes, monkeypatch):
    """Against a search that goes on until no slot is left."""
    options = free(beam=4, max_length=20, **changes)
    model, steps = Chain(8, seed=seed), []

    def find():
        with StepCounter.of(model, monkeypatch) as counter:
            found = run_eagerly(beam_search, model, options)
        steps.append(counter.steps)
        return found

    bounded = find()
    monkeypatch.setattr(Ranking, "bound", lambda *_: ops.ones((3, 4)))
    endless = find()
    np.testing.assert_array_equal(bounded.token_ids, endless.token_ids)
    np.testing.assert_array_equal(bounded.scores, endless.scores)
    assert steps[0] <= steps[1]
