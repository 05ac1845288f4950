"""Beam search finds what trying everything finds, and stops as soon as it may."""

import keras
import numpy as np
import pytest

from keras_attention.decoding.beam import beam_search
from keras_attention.decoding.greedy import greedy_search
from keras_attention.decoding.search import Decoder
from keras_attention.models.recurrent import RecurrentSeq2Seq
from keras_attention.models.transformer import Transformer
from tests.decoding.support import (
    SOURCE_IDS,
    Chain,
    StepCounter,
    assert_rows_alone,
    brute_force,
    free,
    said,
    teacher_forced,
)

SIZES = {"num_layers": 1, "model_dim": 8, "num_heads": 2, "feed_forward_dim": 8}
PREFIXES = np.array([[5, 0], [6, 4], [0, 0]], "int32")


def transformer(vocabulary_size=6):
    keras.utils.set_random_seed(3)
    model = Transformer(vocabulary_size, vocabulary_size, **SIZES)
    model.build()
    table = model.target_embedding.embeddings
    table.assign(4 * table)  # untrained, it hardly prefers one token to another
    return model


def recurrent(vocabulary_size=6):
    keras.utils.set_random_seed(3)
    model = RecurrentSeq2Seq(
        vocabulary_size,
        vocabulary_size,
        attention="luong",
        input_feeding=True,
        cell="lstm",
        num_layers=2,
        embedding_dim=8,
        units=8,
    )
    model.build()
    model.built = True
    for weight in model.weights:
        weight.assign(4 * np.asarray(weight))
    return model


def decode(model, options, source_ids=SOURCE_IDS, prefix_ids=None):
    return Decoder(model)({"source_ids": source_ids}, options, prefix_ids, True)


def run_eagerly(find, model, options, source_ids=SOURCE_IDS, prefix_ids=None):
    result = find(model, {"source_ids": source_ids}, options, prefix_ids)
    return keras.tree.map_structure(keras.ops.convert_to_numpy, result)


def assert_exact(model, options, prefix_ids=None):
    hypotheses = decode(model, options, prefix_ids=prefix_ids)
    for row, source_ids in enumerate(SOURCE_IDS):
        prefix = () if prefix_ids is None else prefix_ids[row]
        expected = brute_force(model, source_ids, options, prefix)
        assert len(expected) <= options.beam, "too narrow a beam to be exact"
        expected = expected[: options.n_best]
        for slot, (score, log_prob, ids) in enumerate(expected):
            assert said(hypotheses, row, slot) == ids
            np.testing.assert_allclose(hypotheses.scores[row, slot], score, rtol=1e-4)
            np.testing.assert_allclose(
                hypotheses.log_probs[row, slot], log_prob, rtol=1e-4
            )
        assert not hypotheses.lengths[row, len(expected) :].any()


@pytest.mark.parametrize(
    "changes",
    [
        {"length_penalty": 0.0},
        {"length_penalty": 1.0},
        {"length_penalty": 2.0, "coverage_penalty": 0.5},
        {"coverage_penalty": 3.0},
        {"min_length": 3},
        {"no_repeat_ngram": 1, "min_length": 4},
        {"no_repeat_ngram": 2},
        {"max_length_ratio": 1.0, "max_length_offset": 0},
        {"max_length": 1},
        {"score_forced": False},
        {"unknown": "forbid"},
        {"unknown": "forbid", "no_repeat_ngram": 1, "min_length": 5},
        {"force_end": False, "max_length": 4},
        {"force_end": False, "max_length_ratio": 1.0, "max_length_offset": 0},
        {"force_end": False, "max_length": 4, "min_length": 4, "coverage_penalty": 0.5},
    ],
    ids=str,
)
def test_a_wide_beam_finds_what_trying_everything_finds(changes):
    options = free(**{"beam": 345, "n_best": 7, "max_length": 5, **changes})
    assert_exact(Chain(), options)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"min_length": 4, "score_forced": False},
        {"no_repeat_ngram": 1, "coverage_penalty": 0.4},
    ],
    ids=str,
)
def test_a_forced_prefix_leaves_the_best_of_what_begins_so(changes):
    options = free(beam=345, n_best=7, max_length=5, **changes)
    assert_exact(Chain(), options, PREFIXES)


def test_a_prefix_may_contain_what_the_rules_forbid_and_end_the_sentence():
    prefixes = np.array([[4, 4, 4], [3, 0, 0], [5, 3, 0]], "int32")
    options = free(beam=3, n_best=2, max_length=5, min_length=4, no_repeat_ngram=1)
    hypotheses = decode(Chain(), options, prefix_ids=prefixes)
    assert said(hypotheses, 0)[:3] == (4, 4, 4)
    assert [said(hypotheses, row) for row in (1, 2)] == [(3,), (5, 3)]
    np.testing.assert_array_equal(hypotheses.lengths[:, 1] > 0, [True, False, False])


@pytest.mark.parametrize("make", [transformer, recurrent])
def test_a_wide_beam_is_exact_for_real_models(make):
    options = free(
        beam=42, n_best=5, max_length=4, length_penalty=1.0, coverage_penalty=0.2
    )
    assert_exact(make(), options)


@pytest.mark.parametrize("model", [Chain(12), transformer()], ids=["chain", "real"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"coverage_penalty": 0.3, "min_length": 3, "no_repeat_ngram": 2},
        {"force_end": False, "max_length": 4},
    ],
    ids=["plain", "ruled", "cut"],
)
def test_beam_of_one_equals_greedy(model, changes):
    options = free(**{"beam": 1, "max_length": 9, **changes})
    beam = run_eagerly(beam_search, model, options)
    greedy = run_eagerly(greedy_search, model, options)
    np.testing.assert_array_equal(beam.token_ids, greedy.token_ids)
    np.testing.assert_array_equal(beam.lengths, greedy.lengths)
    np.testing.assert_allclose(beam.scores, greedy.scores, rtol=1e-5)
    np.testing.assert_allclose(beam.log_probs, greedy.log_probs, rtol=1e-5)


@pytest.mark.parametrize("model", [Chain(20), transformer()], ids=["chain", "real"])
def test_a_batch_gives_what_its_rows_give_alone(model):
    options = free(
        beam=3,
        n_best=2,
        coverage_penalty=0.1,
        max_length_ratio=2.0,
        max_length_offset=1,
    )
    prefixes = np.array([[5], [0], [4]], "int32")
    decoder = Decoder(model)

    def run(source_ids, prefix_ids):
        return decoder({"source_ids": source_ids}, options, prefix_ids, True)

    batch = run(SOURCE_IDS, prefixes)
    assert_rows_alone(
        lambda ids, row: run(ids, prefixes[row : row + 1]), batch, SOURCE_IDS
    )


def test_hypotheses_are_distinct_and_fall_in_score():
    hypotheses = decode(Chain(20), free(beam=6, n_best=6, max_length=8))
    assert (np.diff(hypotheses.scores, axis=1) <= 0).all()
    for row in range(len(SOURCE_IDS)):
        assert len({said(hypotheses, row, slot) for slot in range(6)}) == 6


def test_hypotheses_end_once_and_within_their_own_limit():
    limits = [2 * 3 + 1, 2 * 2 + 1, 2 * 4 + 1]
    options = free(
        beam=4, n_best=4, max_length_ratio=2.0, max_length_offset=1, min_length=99
    )
    hypotheses = decode(Chain(20), options)
    assert hypotheses.token_ids.shape == (3, 4, max(limits))
    for row, limit in enumerate(limits):
        for slot in range(4):
            ids = said(hypotheses, row, slot)
            assert len(ids) == limit
            assert ids.index(3) == limit - 1
            assert not {0, 2} & set(ids)


@pytest.mark.parametrize("model", [Chain(20), transformer()], ids=["chain", "real"])
def test_attention_is_that_of_the_hypothesis_it_comes_with(model):
    hypotheses = decode(model, free(beam=5, n_best=4, max_length=7))
    for row, source_ids in enumerate(SOURCE_IDS):
        log_probs, scores = teacher_forced(model, source_ids, hypotheses.token_ids[row])
        np.testing.assert_allclose(
            hypotheses.attention_scores[row], scores, rtol=1e-3, atol=1e-5
        )
        np.testing.assert_allclose(
            hypotheses.log_probs[row], log_probs.sum(axis=1), rtol=1e-4
        )


@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_stopping_early_saves_steps_and_changes_nothing(length_penalty, monkeypatch):
    model = Chain(20, ending=3.0)
    options = free(beam=8, n_best=2, max_length=30, length_penalty=length_penalty)
    with StepCounter.of(model, monkeypatch) as early_steps:
        early = run_eagerly(beam_search, model, options)
    # As long as all slots are asked for, each may still win.
    with StepCounter.of(model, monkeypatch) as late_steps:
        late = run_eagerly(beam_search, model, options.replace(n_best=8))
    np.testing.assert_array_equal(early.token_ids, late.token_ids[:, :2])
    np.testing.assert_array_equal(early.scores, late.scores[:, :2])
    assert early_steps.steps <= 15 < late_steps.steps


def test_one_that_may_still_win_is_waited_for():
    """The first to finish is the best by sum, a longer one by mean."""
    options = free(beam=60, n_best=1, max_length=6, length_penalty=4.0)
    model = Chain(5, seed=1)
    hypotheses = decode(model, options)
    expected = [brute_force(model, ids, options)[0] for ids in SOURCE_IDS]
    plain = [
        brute_force(model, ids, options.replace(length_penalty=0.0))[0]
        for ids in SOURCE_IDS
    ]
    assert [said(hypotheses, row) for row in range(3)] == [ids for *_, ids in expected]
    assert any(len(a[2]) > len(b[2]) for a, b in zip(expected, plain, strict=True))


def test_half_precision_decodes_without_surprises():
    model = transformer()
    config = {**model.get_config(), "dtype": "mixed_bfloat16"}
    half = Transformer.from_config(config)
    half.build()
    for weight, original in zip(half.weights, model.weights, strict=True):
        weight.assign(original)
    hypotheses = decode(half, free(beam=3, n_best=3, max_length=6))
    assert np.isfinite(hypotheses.scores).all()
    assert hypotheses.attention_scores.dtype == "float32"
    for row, source_ids in enumerate(SOURCE_IDS):
        log_probs, _ = teacher_forced(model, source_ids, hypotheses.token_ids[row])
        np.testing.assert_allclose(
            hypotheses.log_probs[row], log_probs.sum(axis=1), atol=0.5
        )
