"""Attention of a model is measured between given words, exactly."""

import numpy as np
import pytest
from keras import ops

from keras_attention.data.report import SkipReport
from keras_attention.data.text.alignments import GoldAlignment
from keras_attention.data.text.toy import TASKS, toy_pairs
from keras_attention.data.text.translations import read_pairs
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.evaluation import alignments
from keras_attention.evaluation.alignments import (
    measure_attention,
    read_gold,
    toy_gold,
)
from keras_attention.models.encoder_decoder import EncoderDecoder
from keras_attention.tasks.translator import Translator
from tests.translators import make_recurrent_translator

PAIRS = toy_pairs("reverse", 60, max_length=9, seed=1, symbols="abcdef")
SOURCES, TARGETS = zip(*PAIRS, strict=True)
NUM_WORDS = sum(len(source.split()) for source in SOURCES)


class Pointer(EncoderDecoder):
    """Attends to where it is told: a share there, and the rest to all alike.

    Args:
        place: function of step `t` and number of source symbols `n`.
        sharpness: float. The share.
    """

    def __init__(self, place, sharpness=1.0):
        super().__init__()
        self.place = place
        self.sharpness = sharpness
        self.built = True

    def call(self, inputs, return_attention_scores=False):
        is_token = ops.cast(ops.not_equal(inputs["source_ids"], 0), "int32")  # (B, S)
        num_symbols = ops.sum(is_token, axis=1, keepdims=True) - 1
        steps = ops.cumsum(ops.ones_like(inputs["target_ids"]), axis=1) - 1  # (B, T)
        there = ops.where(
            ops.less(steps, num_symbols), self.place(steps, num_symbols), num_symbols
        )
        positions = ops.cumsum(ops.ones_like(is_token), axis=1)[:, None] - 1
        pointed = ops.cast(ops.equal(positions, there[..., None]), "float32")
        everywhere = (
            ops.cast(is_token, "float32")[:, None]
            / ops.cast(num_symbols + 1, "float32")[..., None]
        )  # (B, 1, S)
        scores = self.sharpness * pointed + (1 - self.sharpness) * everywhere
        return ops.zeros_like(scores[..., :1]) + ops.zeros(400), scores


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.train([*SOURCES, "a b c d e f"], 20, model_type="word")


def pointing(tokenizer, place, sharpness=1.0):
    return Translator(Pointer(place, sharpness), tokenizer)


def backwards(step, num_symbols):
    return num_symbols - 1 - step


def forwards(step, num_symbols):
    return step


def test_attention_that_is_right_has_no_errors(tokenizer):
    translator = pointing(tokenizer, backwards)
    measures = measure_attention(
        translator, SOURCES, TARGETS, toy_gold("reverse", SOURCES)
    )
    assert (measures.error_rate, measures.precision, measures.recall) == (0, 1, 1)
    assert measures.sentences == 60
    assert measures.entropy == measures.coverage_deviation == measures.uncovered == 0


def test_attention_of_another_task_is_right_by_chance_alone(tokenizer):
    """Backwards and forwards meet in the middle of an odd number of symbols."""
    translator = pointing(tokenizer, forwards)
    gold = toy_gold("reverse", SOURCES)
    measures = measure_attention(translator, SOURCES, TARGETS, gold)
    middles = sum(len(source.split()) % 2 for source in SOURCES)
    assert measures.precision == measures.recall == middles / NUM_WORDS
    assert measures.error_rate == pytest.approx(1 - middles / NUM_WORDS)


def test_attention_one_step_late_is_wrong(tokenizer):
    def late(step, num_symbols):
        return ops.minimum(backwards(step, num_symbols) + 1, num_symbols - 1)

    gold = toy_gold("reverse", SOURCES)
    measures = measure_attention(pointing(tokenizer, late), SOURCES, TARGETS, gold)
    assert measures.recall == len(SOURCES) / NUM_WORDS  # only the first step


def test_entropy_and_coverage_agree_with_their_formulas(tokenizer):
    sharpness = 0.9
    entropies, received = [], []
    for source in SOURCES:
        n = len(source.split())
        step = np.full(n + 1, (1 - sharpness) / (n + 1))
        step[0] += sharpness
        entropies += [-np.sum(step * np.log(step))] * n
        # All symbols but the first are forgotten; END's own step adds a little.
        received += [(1 - sharpness)] * n
        received[-n] += n * sharpness
    measures = measure_attention(
        pointing(tokenizer, lambda step, _: ops.zeros_like(step), sharpness),
        SOURCES,
        TARGETS,
        threshold=0.15,
    )
    received = np.array(received)
    assert measures.entropy == pytest.approx(np.mean(entropies), rel=1e-5)
    assert measures.uncovered == np.mean(received < 0.15)
    assert measures.coverage_deviation == pytest.approx(
        np.mean(np.abs(1 - received)), rel=1e-5
    )
    assert measures.error_rate is measures.precision is measures.recall is None
    assert "AER" not in str(measures)


def test_subwords_are_measured_as_words():
    texts = ["reading between lines", "lines of reading", "unforeseen"]
    tokenizer = Tokenizer.train(texts, 400, model_type="bpe", byte_fallback=False)
    words = [
        GoldAlignment({(i, i) for i in range(len(t.split()))}, set()) for t in texts
    ]
    assert len(tokenizer.encode(["lines unforeseeable"])[0]) > 2
    texts += ["lines unforeseeable", "of linesreading unread"]
    words += [{(0, 0), (1, 1)}, {(0, 0), (1, 1), (2, 2)}]
    translator = pointing(tokenizer, forwards)
    assert measure_attention(translator, texts, texts, words).error_rate == 0


def test_long_corpora_are_measured_in_parts(tokenizer, monkeypatch):
    translator, gold = pointing(tokenizer, forwards, 0.8), toy_gold("reverse", SOURCES)
    whole = measure_attention(translator, SOURCES, TARGETS, gold)
    monkeypatch.setattr(alignments, "PAIRS_AT_ONCE", 17)
    parts = measure_attention(translator, SOURCES, TARGETS, gold, batch_size=5)
    assert parts.as_dict() == pytest.approx(whole.as_dict(), rel=1e-5)


@pytest.mark.parametrize("task", TASKS)
def test_toy_gold_links_equal_symbols(task):
    pairs = toy_pairs(task, 20, max_length=6, symbols="abc")
    for (source, target), gold in zip(
        pairs, toy_gold(task, [source for source, _ in pairs]), strict=True
    ):
        assert gold.sure <= gold.possible
        for s, t in gold.possible:
            assert source.split()[s] == target.split()[t]
        linked = {t for _, t in gold.possible}
        assert linked == set(range(len(target.split())))


def test_either_of_two_equal_symbols_may_be_sorted_first(tokenizer):
    def stable(step, _):
        return step  # "a a b" is sorted already

    def unstable(step, _):
        return ops.where(ops.equal(step, 0), 1, ops.where(ops.equal(step, 1), 0, step))

    for place in (stable, unstable):
        measures = measure_attention(
            pointing(tokenizer, place),
            ["a a b"],
            ["a a b"],
            toy_gold("sort", ["a a b"]),
        )
        assert (measures.error_rate, measures.precision, measures.recall) == (0, 1, 1)


@pytest.mark.parametrize("attention", ["bahdanau", "luong"])
def test_real_models_can_be_measured(tokenizer, attention):
    translator = make_recurrent_translator(tokenizer, attention)
    gold = toy_gold("reverse", SOURCES)
    measures = measure_attention(translator, SOURCES, TARGETS, gold)
    assert 0 < measures.entropy < np.log(10)
    assert 0 < measures.error_rate < 1


def test_without_attention_there_is_nothing_to_measure(tokenizer):
    translator = make_recurrent_translator(tokenizer, None)
    with pytest.raises(ValueError, match="RecurrentSeq2Seq with attention=None has no"):
        measure_attention(translator, SOURCES, TARGETS)


def test_what_cannot_be_measured_is_refused(tokenizer):
    translator = pointing(tokenizer, forwards)
    with pytest.raises(ValueError, match="2 sources, 1 targets$"):
        measure_attention(translator, ["a", "b"], ["a"])
    with pytest.raises(ValueError, match="1 sources, 1 targets and 2 gold alignments"):
        measure_attention(translator, ["a"], ["a"], [set(), set()])
    with pytest.raises(ValueError, match="at least one pair"):
        measure_attention(translator, [], [])
    with pytest.raises(ValueError, match="pairs with words"):
        measure_attention(translator, [" "], ["a"])
    with pytest.raises(ValueError, match=r"gold\[0\]: the link 0-1 goes beyond the 1 "):
        measure_attention(translator, ["a"], ["a"], [{(0, 0), (0, 1)}])


def test_gold_goes_with_the_lines_that_are_used(tmp_path):
    (tmp_path / "pairs.tsv").write_text("a b\tc\nno tab\nd\te f\n")
    (tmp_path / "gold").write_text("1-0\nwhat was skipped\n0?1 0-0\n")
    report = SkipReport()
    pairs = read_pairs(tmp_path / "pairs.tsv", report=report)
    pairs, gold = read_gold(tmp_path / "gold", pairs, report)
    assert [pair.source for pair in pairs] == ["a b", "d"]
    assert gold == [({(1, 0)}, {(1, 0)}), ({(0, 0)}, {(0, 0), (0, 1)})]
    assert report.num_skipped == 1


def test_measures_are_for_people_and_for_json(tokenizer):
    gold = [GoldAlignment(set(), {(0, 0)})]
    measures = measure_attention(pointing(tokenizer, forwards), ["a"], ["a"], gold)
    assert str(measures) == (
        "AER 0.000 (precision 1.000, recall none)\n"
        "entropy 0.000 nats, coverage deviation 0.000, 0.0 % of source tokens covered "
        "less than 0.2"
    )
    assert measures.as_dict()["recall"] is None
