"""Forced decoding gives to an output what a search that found it gave."""

import numpy as np
import pytest

from keras_attention.decoding.scoring import ForcedDecoder
from keras_attention.decoding.search import Decoder
from keras_attention.models.recurrent import PRESETS, RecurrentSeq2Seq
from tests.decoding.support import SOURCE_IDS, free
from tests.decoding.test_beam import transformer

INPUTS = {"source_ids": SOURCE_IDS}
OPTIONS = free(beam=3, max_length=6, length_penalty=0.7, coverage_penalty=0.2)


def recurrent(attention):
    model = RecurrentSeq2Seq(9, 9, attention=attention, **PRESETS["tiny"])
    model.build()
    model.built = True
    return model


MODELS = {
    "transformer": transformer,
    "bahdanau": lambda: recurrent("bahdanau"),
    "luong": lambda: recurrent("luong"),
    "none": lambda: recurrent(None),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_it_gives_what_the_search_gave(make):
    model = make()
    found = Decoder(model)(INPUTS, OPTIONS, None, True)
    forced = ForcedDecoder(model)(INPUTS, found.token_ids[:, 0], OPTIONS)
    ended = (found.token_ids[:, 0] == 3).any(axis=1)
    assert ended.any()
    assert isinstance(forced.attention_scores, tuple) != model.attends
    for name, values in zip(found._fields, forced, strict=True):
        if isinstance(values, tuple):
            continue
        np.testing.assert_allclose(
            values[ended], getattr(found, name)[ended, :1], rtol=1e-4, atol=1e-5
        )


def test_padding_changes_nothing():
    decoder = ForcedDecoder(transformer())
    token_ids = np.array([[5, 4, 3], [4, 3, 0], [5, 5, 3]], "int32")
    plain = decoder(INPUTS, token_ids, OPTIONS)
    more = [(0, 0), (0, 2)]
    padded = decoder(
        {"source_ids": np.pad(SOURCE_IDS, more)}, np.pad(token_ids, more), OPTIONS
    )
    np.testing.assert_allclose(padded.log_probs, plain.log_probs, rtol=1e-4)
    np.testing.assert_allclose(padded.scores, plain.scores, rtol=1e-4)
    np.testing.assert_array_equal(padded.lengths, plain.lengths)
    attention_scores = padded.attention_scores
    np.testing.assert_allclose(
        attention_scores[..., :3, :4], plain.attention_scores, atol=1e-5
    )
    assert not attention_scores[..., 3:, :].any()
    assert not attention_scores[..., 4:].any()
