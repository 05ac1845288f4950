"""Samples come as often as the model says, and are the same for the same seed."""

import numpy as np
import pytest
from keras import ops

from keras_attention.decoding.constraints import FORBIDDEN
from keras_attention.decoding.options import DecodingOptions
from keras_attention.decoding.sampling import draw_uniforms, keep_likely
from keras_attention.decoding.search import Decoder
from tests.decoding.support import (
    SOURCE_IDS,
    Chain,
    assert_rows_alone,
    free,
    numpy_log_softmax,
    said,
    teacher_forced,
)

SOURCE = {"source_ids": SOURCE_IDS[:1]}


def first_step(model):
    """Probabilities of the first token for the first source, ends and all."""
    inputs = {**SOURCE, "target_ids": np.array([[2]], "int32")}
    logits = ops.convert_to_numpy(model(inputs))[0, 0]
    logits[[0, 2]] = -np.inf
    return numpy_log_softmax(logits)


def count_first(model, num_samples=4000, **changes):
    options = free(n_best=num_samples, max_length=2, temperature=1.0)
    samples = Decoder(model)(SOURCE, options.replace(**changes), seed=5)
    return np.bincount(samples.token_ids[0, :, 0], minlength=7)


def assert_frequencies(counts, probs):
    """Pearson's χ², which passes its 99.9th percentile by bad luck only."""
    assert not counts[probs == 0].any()
    expected = counts.sum() * probs[probs > 0]
    chi_square = ((counts[probs > 0] - expected) ** 2 / expected).sum()
    assert chi_square < {1: 10.8, 2: 13.8, 3: 16.3, 4: 18.5}[len(expected) - 1]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_as_often_as_the_model_says(temperature):
    model = Chain()
    probs = np.exp(first_step(model)) ** (1 / temperature)
    counts = count_first(model, temperature=temperature)
    assert_frequencies(counts, probs / probs.sum())


@pytest.mark.parametrize("temperature", [1e8, np.inf])
def test_the_hotter_the_more_evenly_and_never_what_is_forbidden(temperature):
    counts = count_first(Chain(), temperature=temperature)
    probs = np.isfinite(first_step(Chain())) / 5
    assert_frequencies(counts, probs)


def test_top_k_and_top_p_keep_the_likeliest_however_hot():
    model, hot = Chain(), {"temperature": np.inf}
    likeliest = np.argsort(-first_step(model))
    assert set(np.flatnonzero(count_first(model, top_k=2, **hot))) == {*likeliest[:2]}
    assert set(np.flatnonzero(count_first(model, top_p=0.5, **hot))) == {*likeliest[:3]}


@pytest.mark.parametrize(
    "extreme", [{"temperature": 1e-45}, {"top_p": 1e-50}, {"top_k": 10**12}], ids=str
)
def test_extremes_stay_among_what_may_be_said(extreme):
    counts = count_first(Chain(), num_samples=50, **extreme)
    if "top_k" not in extreme:
        assert counts.max() == counts.sum()
        assert counts.argmax() == first_step(Chain()).argmax()
    assert not counts[[0, 2]].any()


@pytest.mark.parametrize("seed", [-1, 0.5, "1", True, None])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ValueError, match="seed must be"):
        draw_uniforms(seed, SOURCE, 2, 1)


def test_top_k_draws_from_the_k_likeliest_only():
    model = Chain()
    probs = np.exp(first_step(model))
    probs[np.argsort(-probs)[2:]] = 0
    assert_frequencies(count_first(model, top_k=2), probs / probs.sum())


def test_top_p_draws_from_the_fewest_that_suffice():
    model = Chain()
    probs = np.exp(first_step(model))
    order = np.argsort(-probs)
    top_p = probs[order[:2]].sum() + 1e-3
    probs[order[3:]] = 0
    assert_frequencies(count_first(model, top_p=float(top_p)), probs / probs.sum())


def test_a_low_temperature_is_greedy():
    model, options = Chain(20), free(max_length=8, beam=1)
    greedy = Decoder(model)({"source_ids": SOURCE_IDS}, options)
    cold = Decoder(model)(
        {"source_ids": SOURCE_IDS}, options.replace(temperature=1e-4, n_best=2)
    )
    for slot in range(2):
        np.testing.assert_array_equal(cold.token_ids[:, slot], greedy.token_ids[:, 0])
        # The model's probabilities, not those of the temperature.
        np.testing.assert_allclose(
            cold.log_probs[:, slot], greedy.log_probs[:, 0], rtol=1e-4
        )


def test_seeds_name_samples():
    decoder = Decoder(Chain(20))
    options = free(max_length=8, temperature=1.5, n_best=3)

    def draw(seed):
        return decoder({"source_ids": SOURCE_IDS}, options, seed=seed).token_ids

    np.testing.assert_array_equal(draw(1), draw(1))
    assert (draw(1) != draw(2)).any()


def test_samples_are_the_same_on_every_backend():
    options = free(max_length=6, temperature=1.0, n_best=2)
    samples = Decoder(Chain())({"source_ids": SOURCE_IDS}, options, seed=0)
    recorded = [(1, 1, 6, 1, 1, 3), (1, 3), (3,)]  # of TensorFlow, and of JAX
    assert [said(samples, row) for row in range(3)] == recorded


def test_a_batch_gives_what_its_rows_give_alone():
    decoder = Decoder(Chain(20))
    options = free(temperature=1.0, n_best=3, max_length_ratio=2.0, max_length_offset=1)

    def run(source_ids, row=None):
        return decoder({"source_ids": source_ids}, options, None, True, seed=4)

    assert_rows_alone(run, run(SOURCE_IDS), SOURCE_IDS)


def test_samples_keep_the_rules_and_their_scores():
    model = Chain()
    prefixes = np.array([[5, 6], [6, 0], [0, 0]], "int32")
    options = free(
        temperature=2.0, n_best=8, max_length=7, min_length=3, no_repeat_ngram=2
    )
    samples = Decoder(model)({"source_ids": SOURCE_IDS}, options, prefixes, seed=3)
    assert (np.diff(samples.scores, axis=1) <= 0).all()
    for row, source_ids in enumerate(SOURCE_IDS):
        log_probs, _ = teacher_forced(model, source_ids, samples.token_ids[row])
        np.testing.assert_allclose(
            samples.log_probs[row], log_probs.sum(axis=1), rtol=1e-4
        )
        for slot in range(8):
            ids = said(samples, row, slot)
            prefix = prefixes[row][prefixes[row] > 0]
            np.testing.assert_array_equal(ids[: len(prefix)], prefix)
            assert 3 <= len(ids) <= 7
            assert ids.index(3) == len(ids) - 1
            pairs = list(zip(ids, ids[1:], strict=False))
            assert len(set(pairs)) == len(pairs)


def test_keep_likely_cuts_as_its_formula_does():
    probs = np.array([[0.1, 0.4, 0.05, 0.3, 0.15], [0.96, 0.01, 0.01, 0.01, 0.01]])
    log_probs = np.log(probs).astype("float32")

    def kept(**options):
        values, token_ids = keep_likely(ops.convert_to_tensor(log_probs), **options)
        values = ops.convert_to_numpy(values)
        token_ids = ops.convert_to_numpy(token_ids)
        assert (np.diff(values, axis=1) <= 0).all()
        keep = values > FORBIDDEN / 2
        np.testing.assert_allclose(
            values[keep], np.take_along_axis(log_probs, token_ids, 1)[keep]
        )
        return [row[k].tolist() for row, k in zip(token_ids, keep, strict=True)]

    assert kept(top_k=2)[0] == [1, 3]
    assert kept(top_k=9) == kept() and len(kept()[0]) == 5
    assert kept(top_p=0.69) == [[1, 3], [0]]
    assert kept(top_p=0.71) == [[1, 3, 4], [0]]
    assert kept(top_p=1e-6) == [[1], [0]]
    # Of the two kept, the first has 4/7.
    assert kept(top_k=2, top_p=0.5)[0] == [1]
    assert kept(top_k=2, top_p=0.6)[0] == [1, 3]


def test_the_unknown_is_never_drawn_unless_allowed():
    model = Chain()
    model.logits[:, 1] += 9  # it would say little else
    options = free(temperature=1.0, n_best=20, max_length=5)
    for unknown in ("allow", "copy", "forbid"):
        found = Decoder(model)(SOURCE, options.replace(unknown=unknown))
        assert (found.token_ids == 1).any() == (unknown != "forbid")
    # By default, in all searches.
    for changes in ({"beam": 1}, {"beam": 4, "n_best": 4}, {"temperature": 1.0}):
        found = Decoder(model)(SOURCE, DecodingOptions(max_length=6, **changes))
        assert found.lengths.all() and not (found.token_ids == 1).any()


def test_draws_belong_to_the_source_and_not_to_its_batch():
    draws = draw_uniforms(7, {"source_ids": SOURCE_IDS}, 6, 2)
    assert draws.shape == (6, 6) and draws.dtype == "float32"
    alone = draw_uniforms(7, {"source_ids": SOURCE_IDS[1:2, :2]}, 4, 3)
    np.testing.assert_array_equal(alone[:, :2], draws[:4, 2:4])
    assert len(np.unique(draws)) == draws.size

    images = np.random.default_rng(0).random((2, 4, 4, 3))
    draws = draw_uniforms(7, {"images": images}, 5, 1)
    np.testing.assert_array_equal(
        draw_uniforms(7, {"images": images[1:]}, 5, 1)[:, 0], draws[:, 1]
    )
