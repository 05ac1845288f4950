"""A sample stands for all: chosen by hash, nested, and blind to order."""

import random

import pytest

from keras_attention.data.splits import check_shares, sample, say_sample

NAMES = [f"sentence {i}" for i in range(500)]


def names(places, of=NAMES):
    return [of[i] for i in places]


def test_a_sample_is_the_same_whatever_the_order():
    shuffled = random.Random(0).sample(NAMES, len(NAMES))
    chosen = names(sample(shuffled, 40), shuffled)
    assert sorted(chosen) == sorted(names(sample(NAMES, 40)))
    assert len(set(chosen)) == 40


def test_a_sample_is_part_of_a_larger_one():
    assert set(sample(NAMES, 40)) < set(sample(NAMES, 41)) < set(sample(NAMES, 400))


def test_a_sample_comes_from_everywhere_and_keeps_the_order():
    places = sample(NAMES, 100)
    assert places == sorted(places)
    # In each quarter, a quarter of them, give or take what chance gives or takes.
    quarters = [sum(125 * q <= i < 125 * (q + 1) for i in places) for q in range(4)]
    assert all(12 <= count <= 38 for count in quarters)


def test_a_sample_does_not_follow_the_hash_that_made_the_split():
    from keras_attention.data.splits import split_of

    test = [name for name in map(str, range(4000)) if split_of(name, 0, 0.2) == "test"]
    nearer = sum(split_of(test[i], 0, 0.1) == "test" for i in sample(test, 200))
    assert 70 <= nearer <= 130


@pytest.mark.parametrize("count", [0, 500, 501])
def test_no_count_or_a_large_one_is_all(count):
    assert sample(NAMES, count) == list(range(500))
    assert say_sample(count, 500, "images") == "500 images"


def test_the_size_of_a_sample_is_said_with_that_of_all():
    assert say_sample(200, 1813, "x") == "200 of 1,813 x, chosen by hash"


def test_repeated_names_count_each():
    assert len(sample(["a"] * 10, 4)) == 4


@pytest.mark.parametrize(
    "shares", [(-0.1, 0), (0.5, 0.5), (float("nan"), 0), (0, float("nan"))]
)
def test_shares_that_leave_nothing_to_train_on_are_refused(shares):
    with pytest.raises(ValueError, match="leave something to train on; received"):
        check_shares(*shares)
