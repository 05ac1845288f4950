"""Options say what is wrong with them; limits depend on the source alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from keras_attention.decoding.options import DecodingOptions


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
        ({"temperature": 1.0, "top_p": 1.5}, "top_p is a probability"),
        ({"top_k": 3}, "needs temperature > 0"),
        ({"top_p": 0.5}, "needs temperature > 0"),
    ],
    ids=str,
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DecodingOptions(**options)


def test_unknown_options_are_refused_by_name():
    options = DecodingOptions()
    assert options.replace(beam=2).beam == 2
    with pytest.raises(ValueError, match="unknown decoding option 'beams'.*n_best"):
        options.replace(beams=2)


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


def test_pictures_have_no_length_of_their_own():
    options = DecodingOptions(max_length=17)
    inputs = {"images": np.zeros((3, 8, 8, 3), "float32")}
    assert options.num_steps(inputs) == 17
    np.testing.assert_array_equal(options.length_limits(inputs), [17, 17, 17])
