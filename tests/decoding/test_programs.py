"""Programs of fixed shapes say what the graph for all shapes says."""

import logging
import types

import keras
import numpy as np
import pytest

from keras_attention.decoding.buckets import Bucket, round_up
from keras_attention.decoding.programs import COMPARED_RUNS, PAYS_AFTER, Programs
from keras_attention.decoding.search import Decoder
from tests.decoding.support import SOURCE_IDS, free
from tests.decoding.test_beam import recurrent, transformer

BEAM = free(beam=3, n_best=2, max_length=5, no_repeat_ngram=2, coverage_penalty=0.1)
on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="JAX has such programs alone"
)


@on_tensorflow
@pytest.mark.parametrize(
    "make, options",
    [
        (transformer, free(beam=1, max_length=5)),
        (transformer, BEAM),
        (recurrent, BEAM),
        pytest.param(
            transformer,
            free(beam=2, max_length=5, beam_rule="pool"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            recurrent,
            free(temperature=1.0, n_best=2, max_length=5),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["greedy", "beam", "recurrent", "pool", "sampling"],
)
def test_xla_says_what_the_graph_says(make, options):
    model, prefix_ids = make(), np.array([[4], [0], [5]], "int32")
    inputs = {"source_ids": SOURCE_IDS[:3]}
    graph = Decoder(model, False)(inputs, options, prefix_ids, True, seed=1)
    fixed = Decoder(model, True)(inputs, options, prefix_ids, True, seed=1)
    for name, expected, found in zip(graph._fields, graph, fixed, strict=True):
        assert found.shape == expected.shape, name
        np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=name)


def test_room_that_grows_changes_nothing(monkeypatch):
    from keras_attention.decoding import stepping

    model, inputs = transformer(), {"source_ids": SOURCE_IDS}
    options = free(beam=3, n_best=2, max_length=13, min_length=13)
    monkeypatch.setattr(stepping, "LEAST_CAPACITY", 100)
    expected = Decoder(model, False)(inputs, options, None, True)
    monkeypatch.setattr(stepping, "LEAST_CAPACITY", 2)
    found = Decoder(model, False)(inputs, options, None, True)
    np.testing.assert_array_equal(found.token_ids, expected.token_ids)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(
        found.attention_scores, expected.attention_scores, atol=1e-6
    )


@pytest.mark.parametrize("capacity, most", [(32, 5), (32, 96), (32, 97), (64, 4096)])
def test_room_doubles_until_little_more_is_left(capacity, most):
    from keras_attention.decoding.stepping import next_capacity

    sizes = [capacity]
    while sizes[-1] < most:
        sizes.append(next_capacity(sizes[-1], most))
    assert sizes[-1] == max(capacity, most)
    for before, after in zip(sizes, sizes[1:], strict=False):
        assert after == 2 * before or after == most <= 3 * before


def test_a_bucket_is_never_too_small_nor_half_empty():
    lengths = [round_up(length) for length in range(1, 300)]
    assert all(size >= length for length, size in enumerate(lengths, 1))
    half_empty = [n for n, size in enumerate(lengths, 1) if n > 16 and n < size * 2 / 3]
    assert not half_empty
    assert len(set(lengths)) == 10
    ids = np.ones((3, 20), "int32")
    assert Bucket.of({"source_ids": ids}, None) == Bucket(4, 24, 0)
    inputs, prefix_ids = Bucket(4, 24, 16).pad({"source_ids": ids}, ids[:, :2])
    assert inputs["source_ids"].shape == (4, 24) and prefix_ids.shape == (4, 16)
    assert inputs["source_ids"].sum() == ids.sum()


class Clocked(Programs):
    """Programs whose steps take as long as two functions say, in seconds."""

    def __init__(self, jit_compile, clock, graph=lambda: 1.0, fixed=lambda: 1.0):
        super().__init__(None, None, lambda found: self.steps, jit_compile)
        self.steps = 1

        def run(name, seconds):
            clock.now += seconds() * self.steps
            return name

        self._run = lambda: run("graph", graph)
        self._fixed = lambda: run("fixed", fixed)

    def run(self, bucket="b", steps=1):
        self.steps = steps
        return self(bucket, tuple, tuple, lambda found: found)

    def buy(self):
        while self.run() == "graph":
            pass


@pytest.fixture
def clock(monkeypatch):
    from keras_attention.decoding import programs

    clock = types.SimpleNamespace(now=0.0)
    monkeypatch.setattr(programs, "FIRST_COMPILATION", 2.0)
    monkeypatch.setattr(programs.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(programs, "_to_numpy", lambda found: found)
    monkeypatch.setattr(programs, "compiled", lambda model, function: None)
    monkeypatch.setattr(programs, "_xla_errors", lambda: (ArithmeticError,))
    return clock


def test_a_program_waits_until_it_has_paid(clock):
    programs = Clocked("auto", clock)
    # Each run takes a second.
    waits = int(PAYS_AFTER * 2)
    assert [programs.run() for _ in range(waits)] == ["graph"] * waits
    assert programs.run() == programs.run() == "fixed"
    # The first took one second to compile, so that others wait for three.
    assert [programs.run("other") for _ in range(4)] == ["graph"] * 3 + ["fixed"]


def test_what_xla_cannot_compile_is_left_to_the_graph(clock):
    def fixed():
        raise ArithmeticError("no such op")

    programs = Clocked("auto", clock, fixed=fixed)
    assert {programs.run() for _ in range(10)} == {"graph"}
    with pytest.raises(ValueError, match="jit_compile=False.*no such op"):
        Clocked(True, clock, fixed=fixed).run()


def test_a_program_slower_than_the_graph_is_not_used_again(clock, caplog):
    programs = Clocked("auto", clock, fixed=lambda: 1.5)
    programs.buy()
    with caplog.at_level(logging.INFO, "keras_attention"):
        tried = [programs.run() for _ in range(COMPARED_RUNS)]
        after = [programs.run() for _ in range(20)]
    assert tried == ["fixed"] * COMPARED_RUNS and after == ["graph"] * 20
    (message,) = caplog.messages
    assert "program for b takes 1.5 s a step, the graph 1 s" in message
    # Another bucket may do better.
    assert "fixed" in [programs.run("other") for _ in range(20)]


@pytest.mark.parametrize("seconds", [0.6, 1.0])
def test_long_outputs_do_not_make_a_program_slow(clock, seconds):
    programs = Clocked("auto", clock, fixed=lambda: seconds)
    programs.buy()
    assert {programs.run(steps=50) for _ in range(20)} == {"fixed"}


def test_one_undisturbed_run_clears_a_program(clock):
    seconds = iter([9.0, *[3.0] * (COMPARED_RUNS - 1), *[0.5] * 20])
    programs = Clocked("auto", clock, fixed=seconds.__next__)
    programs.buy()
    assert {programs.run() for _ in range(20)} == {"fixed"}


def test_one_quick_run_long_ago_condemns_no_program(clock):
    seconds = iter([0.5, *[1.0] * 20])
    programs = Clocked("auto", clock, graph=seconds.__next__, fixed=lambda: 0.8)
    programs.buy()
    assert {programs.run() for _ in range(20)} == {"fixed"}


def test_a_program_that_was_asked_for_is_kept(clock):
    programs = Clocked(True, clock, fixed=lambda: 9.0)
    assert {programs.run() for _ in range(20)} == {"fixed"}


@pytest.mark.parametrize("word", ["true", 1, None, "never"])
def test_jit_compile_is_auto_or_bool(word):
    with pytest.raises(ValueError, match='"auto", True or False; received'):
        Decoder(transformer(), word)
