"""The toy tasks do what they are called, and say where attention should look."""

import pytest

from keras_attention.data.text.toy import TASKS, toy_alignment, toy_pairs
from keras_attention.data.tokenizer import Tokenizer

FORMULAS = {"copy": list, "reverse": lambda s: s[::-1], "sort": sorted}


@pytest.mark.parametrize("task", TASKS)
def test_each_target_follows_its_formula(task):
    for source, target in toy_pairs(task, 200, max_length=9):
        assert target.split() == FORMULAS[task](source.split())


@pytest.mark.parametrize("task", TASKS)
def test_the_alignment_rebuilds_the_target(task):
    for source, target in toy_pairs(task, 200, max_length=9, symbols="abc"):
        alignment = toy_alignment(task, source)
        assert [source.split()[i] for i in alignment] == target.split()
        assert sorted(alignment) == list(range(len(alignment)))


def test_ties_in_sort_keep_the_order_of_the_source():
    assert toy_alignment("sort", "b a b a") == [1, 3, 0, 2]


def test_sources_differ_and_depend_on_the_seed_alone():
    pairs = toy_pairs("copy", 500, max_length=6, seed=3)
    assert len({source for source, _ in pairs}) == 500
    assert pairs == toy_pairs("copy", 500, max_length=6, seed=3)
    assert pairs != toy_pairs("copy", 500, max_length=6, seed=4)


def test_lengths_fill_the_range():
    pairs = toy_pairs("copy", 500, max_length=6, min_length=3)
    assert {len(source.split()) for source, _ in pairs} == {3, 4, 5, 6}


def test_every_source_can_be_asked_for_but_not_one_more():
    pairs = toy_pairs("copy", 2 + 4 + 8, max_length=3, symbols="ab")
    assert len(set(pairs)) == 14
    with pytest.raises(ValueError, match="only 14 different"):
        toy_pairs("copy", 15, max_length=3, symbols="ab")


def test_a_word_tokenizer_gives_one_id_per_symbol():
    pairs = toy_pairs("sort", 100, max_length=8)
    tokenizer = Tokenizer.train([s for s, _ in pairs], 40, model_type="word")
    assert tokenizer.vocabulary_size == 4 + 26
    for (source, target), ids in zip(
        pairs, tokenizer.encode([s for s, _ in pairs]), strict=True
    ):
        assert [ids[i] for i in toy_alignment("sort", source)] == (
            tokenizer.encode([target])[0]
        )


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="one of copy, reverse, sort"):
        toy_pairs("shuffle", 1, 1)
    with pytest.raises(ValueError, match="min_length=5, max_length=2"):
        toy_pairs("copy", 1, max_length=2, min_length=5)
    with pytest.raises(ValueError, match="different characters"):
        toy_pairs("copy", 1, max_length=2, symbols="aa")
