"""Options say what is wrong with them; limits depend on the source alone."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.checks import real_number
from keras_attention.decoding.options import MOST_STEPS, NUMBERS, WORDS, DecodingOptions


@pytest.mark.parametrize(
    "options, message",
    [
        ({"beam": 0}, "beam must be at least 1; received 0"),
        ({"n_best": 5}, "n_best=5 hypotheses cannot come out of beam=4"),
        ({"length_penalty": -1.0}, "length_penalty must be at least 0"),
        ({"coverage_penalty": -0.1}, "coverage_penalty must be at least 0"),
        ({"max_length": 0}, "max_length must be at least 1"),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram must be at least 0"),
        ({"temperature": -1.0}, "temperature must be at least 0"),
        ({"temperature": 1.0, "top_p": 0.0}, "top_p is a probability"),
        ({"temperature": 1.0, "top_p": 1.5}, "top_p must be at most 1"),
        ({"top_k": 3}, "needs temperature > 0"),
        ({"top_p": 0.5}, "needs temperature > 0"),
    ],
    ids=str,
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DecodingOptions(**options)


@pytest.mark.parametrize("value", [True, "4", None, 2.5, np.nan, [4], np.ones(1)])
@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_no_number_of_the_kind_is_refused(name, value):
    if value == 2.5 and NUMBERS[name][0] is real_number:
        value = -np.inf
    with pytest.raises(
        ValueError, match=f"{name} must be a (whole|finite) number; rec"
    ):
        DecodingOptions(**{name: value})


@pytest.mark.parametrize("name", [n for n in NUMBERS if not NUMBERS[n][-1]])
@pytest.mark.parametrize("value", [np.inf, 1e30, 10**400])
def test_what_has_an_end_does_not_go_on_for_ever(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        DecodingOptions(**{name: value})


@pytest.mark.parametrize("value", ["never", True, None, 1, ["forbid"]])
def test_what_becomes_of_unknown_words_is_one_of_three(value):
    with pytest.raises(ValueError, match="unknown must be one of forbid, allow, copy"):
        DecodingOptions(unknown=value)
    assert DecodingOptions().unknown == "forbid"


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("value", ["nowhere", None, 1, 0, ["pool"], np.True_])
def test_words_are_among_those_known(name, value):
    message = f"{name} must be one of {', '.join(WORDS[name])}; received"
    with pytest.raises(ValueError, match=message):
        DecodingOptions(**{name: value})


def test_words_for_truth_values_are_truth_values_inside():
    said = {"early_stopping": "true", "score_forced": "false", "beam_rule": "pool"}
    options = DecodingOptions(**said)
    assert options.early_stopping is True and options.score_forced is False
    assert options == options.replace(early_stopping=True, score_forced=False)
    assert options.replace(early_stopping="never").early_stopping == "never"


@pytest.mark.parametrize(
    "options, message",
    [
        ({"beam_rule": "pool", "coverage_penalty": 0.2}, 'is of beam_rule="shrink"'),
        ({"early_stopping": True}, 'early_stopping is of beam_rule="pool"'),
        ({"early_stopping": "never"}, "received early_stopping='never'"),
        ({"beam_rule": "pool", "length_penalty": -3}, "must be at least -2"),
        ({"length_penalty": -1}, 'at least 0 with beam_rule="shrink"; received -1'),
    ],
    ids=str,
)
def test_what_one_rule_of_the_beam_knows_the_other_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        DecodingOptions(**options)
    assert DecodingOptions(beam_rule="pool", length_penalty=-1.0)


def test_numbers_of_numpy_and_whole_floats_are_plain_numbers_inside():
    given = DecodingOptions(
        beam=np.int64(5), max_length=30.0, length_penalty=np.float32(0.5), n_best=2
    )
    plain = DecodingOptions(beam=5, max_length=30, length_penalty=0.5, n_best=2)
    assert given == plain and hash(given) == hash(plain)
    assert json.loads(json.dumps(dataclasses.asdict(given))) == dataclasses.asdict(
        plain
    )
    assert type(given.beam) is type(given.max_length) is int


def test_unknown_options_are_refused_by_name():
    options = DecodingOptions()
    assert options.replace(beam=2).beam == 2
    message = "unknown decoding option 'beams'; did you mean 'beam'.*n_best"
    with pytest.raises(ValueError, match=message):
        options.replace(beams=2)
    with pytest.raises(ValueError, match=rf"\[mine\]: {message}"):
        DecodingOptions.from_table({"beams": 2}, "mine")
    with pytest.raises(ValueError, match=r"\[decoding\] must be a table"):
        DecodingOptions.from_table([1])


@pytest.mark.parametrize("value", [np.inf, 1e9, 2**31 - 1, 10**400])
@pytest.mark.parametrize(
    "names",
    [
        ["max_length_ratio"],
        ["max_length_offset"],
        ["max_length_ratio", "max_length_offset"],
        ["max_length_ratio", "max_length_offset", "max_length", "min_length"],
    ],
    ids=str,
)
def test_limits_without_end_are_no_limits(names, value):
    options = DecodingOptions(**dict.fromkeys(names, value))
    longest = MOST_STEPS if "max_length" in names else options.max_length
    source_ids = np.array([[4, 5, 6], [4, 5, 0]], "int32")
    for inputs in ({"source_ids": source_ids}, {"images": np.zeros((2, 4, 4, 3))}):
        limits = ops.convert_to_numpy(options.length_limits(inputs))
        np.testing.assert_array_equal(limits, [longest] * 2)
        assert options.num_steps(inputs) == longest
    # As in a graph that does not know how long its sources are.
    assert int(options._limit(ops.convert_to_tensor(3))) == longest
    assert options == DecodingOptions.from_table(
        json.loads(json.dumps(dataclasses.asdict(options)))
    )


def test_a_source_of_nothing_has_no_ratio():
    options = DecodingOptions(max_length_ratio=np.inf, max_length_offset=7)
    inputs = {"source_ids": np.zeros((1, 0), "int32")}
    assert options.num_steps(inputs) == 7
    np.testing.assert_array_equal(options.length_limits(inputs), [7])


def test_samples_may_outnumber_the_beam():
    assert DecodingOptions(beam=1, n_best=9, temperature=1.0).samples


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=4),
    st.floats(0, 4, width=32),
    st.integers(0, 12),
    st.integers(1, 90),
)
def test_steps_suffice_for_every_row(lengths, ratio, offset, longest):
    options = DecodingOptions(
        max_length=longest, max_length_ratio=ratio, max_length_offset=offset
    )
    width = max(*lengths, 1)
    source_ids = (np.arange(width) < np.array(lengths)[:, None]).astype("int32")
    inputs = {"source_ids": source_ids}
    limits = ops.convert_to_numpy(options.length_limits(inputs))
    num_steps = options.num_steps(inputs)
    assert isinstance(num_steps, int)
    assert 1 <= limits.min() and limits.max() <= num_steps <= longest
    if width in lengths:
        assert limits.max() == num_steps
    alone = [options.length_limits({"source_ids": row[None]}) for row in source_ids]
    np.testing.assert_array_equal(np.concatenate(alone), limits)


def test_images_have_no_length_of_their_own():
    options = DecodingOptions(max_length=17)
    inputs = {"images": np.zeros((3, 8, 8, 3), "float32")}
    assert options.num_steps(inputs) == 17
    np.testing.assert_array_equal(options.length_limits(inputs), [17, 17, 17])
