"""Outputs contain what they must, the best of all that do, and no word they may not."""

import numpy as np
import pytest

from keras_attention.decoding.lexical import LexicalConstraints
from keras_attention.decoding.search import Decoder
from tests.decoding.support import (
    SOURCE_IDS,
    Chain,
    assert_rows_alone,
    brute_force,
    free,
    said,
    teacher_forced,
)

# What the tokens of a tiny vocabulary spell; the first four are special.
SPELLING = ("", "", "", "", " ", "a", " ab", "b")


def spelled(texts):
    """Characters as `LexicalConstraints` has them, `(V, M)`."""
    width = max(map(len, texts))
    rows = [[2 * ord(c) + c.isalnum() for c in text] for text in texts]
    return np.array([row + [0] * (width - len(row)) for row in rows], "int32")


def filled(rows, width, length):
    array = np.zeros((len(rows), width, length), "int32")
    for row, one in enumerate(rows):
        for place, ids in enumerate(one):
            array[row, place, : len(ids)] = ids
    return array


def lexical(constraints=None, avoid=None, alternatives=None):
    """Of lists of ids, or of words, for each source."""
    made = LexicalConstraints(spelled(SPELLING))
    if constraints:
        both = constraints + (alternatives or [])
        size = max(map(len, both)), max(len(ids) for one in both for ids in one)
        made = made._replace(constraints=filled(constraints, *size))
        if alternatives:
            made = made._replace(alternatives=filled(alternatives, *size))
    if avoid:
        words = [word for one in avoid for word in one]
        which = [[word in one for word in words] for one in avoid]
        made = made._replace(avoid=spelled(words), avoid_in=np.array(which))
    return made


def text_of(ids):
    return "".join(SPELLING[i] for i in ids)


def contains(ids, *ways):
    """Whether a sequence is there, with the end of a word after it, the first time."""
    ends = [
        i + len(wanted)
        for wanted in ways
        for i in range(len(ids))
        if wanted and ids[i : i + len(wanted)] == tuple(wanted)
    ]
    return bool(ends) and not text_of(ids[min(ends) :])[:1].isalnum()


def has_word(ids, word):
    return f" {word} " in f" {text_of(ids)} "


CONSTRAINTS = [
    [[7, 7]],
    [[6], [5, 5]],
    [[5, 7, 5]],
]
# A longer one; another, and none; a shorter one.
ALTERNATIVES = [[[4, 7, 5]], [[4, 4], []], [[6]]]


@pytest.mark.parametrize(
    "changes, alternatives",
    [
        ({"length_penalty": 0.0}, None),
        ({"length_penalty": 1.5}, None),
        ({"length_penalty": -0.7, "beam_rule": "pool"}, None),
        ({"min_length": 5}, None),
        ({"force_end": False}, None),
        ({"length_penalty": 0.0}, ALTERNATIVES),
    ],
    ids=str,
)
def test_a_wide_beam_finds_the_best_that_contains_all(changes, alternatives):
    options = free(
        **{"beam": 345, "n_best": 3, "max_length": 5, "unknown": "forbid", **changes}
    )
    model = Chain(8, seed=2)
    hypotheses = Decoder(model)(
        {"source_ids": SOURCE_IDS},
        options,
        lexical=lexical(CONSTRAINTS, alternatives=alternatives),
    )
    # What must contain something is made to end.
    plain = options.replace(beam_rule="shrink", length_penalty=0.0, force_end=True)
    for row, source_ids in enumerate(SOURCE_IDS):
        every = brute_force(model, source_ids, plain)
        others = (alternatives or [[()] * 2] * 3)[row]
        ways = list(zip(CONSTRAINTS[row], others, strict=False))
        found = []
        for _, log_prob, ids in every:
            if all(contains(ids, *both) for both in ways):
                alpha = options.length_penalty
                normaliser = (
                    len(ids) ** alpha
                    if options.beam_rule == "pool"
                    else ((5 + len(ids)) / 6) ** alpha
                )
                found.append((log_prob / normaliser, ids))
        found.sort(key=lambda pair: -pair[0])
        assert len(found) > 3
        for slot in range(3):
            assert said(hypotheses, row, slot) == found[slot][1]
            np.testing.assert_allclose(
                hypotheses.scores[row, slot], found[slot][0], rtol=1e-4
            )


@pytest.mark.parametrize(
    "changes",
    [
        {"beam": 1},
        {"beam": 4},
        {"beam": 4, "beam_rule": "pool"},
        {"temperature": 2.0, "n_best": 20},
    ],
    ids=str,
)
def test_no_way_to_write_a_word_is_left(changes):
    avoid = [["ab"], ["a", "b"], ["ab a"]]
    options = free(**{"max_length": 9, "unknown": "forbid", "n_best": 1, **changes})
    model = Chain(8, seed=2)
    inputs = {"source_ids": np.repeat(SOURCE_IDS[:1], 3, axis=0)}
    decoder = Decoder(model)
    free_to_say = decoder(inputs, options)
    hypotheses = decoder(inputs, options, lexical=lexical(avoid=avoid))
    for row, words in enumerate(avoid):
        for slot in range(options.n_best):
            ids = said(hypotheses, row, slot)
            assert not any(has_word(ids, word) for word in words), text_of(ids)
    if options.samples:  # elsewhere it would not have come by chance
        every = [said(free_to_say, 0, slot) for slot in range(20)]
        assert any(has_word(ids, "ab") for ids in every)


def test_a_batch_gives_what_its_rows_give_alone():
    model, constraints = Chain(8, seed=2), [[[7, 7]], [[6], [5, 5]], [[5, 7, 5], [6]]]
    avoid = [["b"], [], ["ab ab"]]
    options = free(
        beam=3, n_best=2, max_length_ratio=2.0, max_length_offset=4, max_length=12
    )
    decoder = Decoder(model)

    def run(source_ids, rows=slice(None)):
        must = lexical(constraints, avoid)
        must = must._replace(
            constraints=must.constraints[rows], avoid_in=must.avoid_in[rows]
        )
        inputs = {"source_ids": source_ids}
        return decoder(inputs, options, None, True, lexical=must)

    batch = run(SOURCE_IDS)
    assert_rows_alone(lambda ids, row: run(ids, slice(row, row + 1)), batch, SOURCE_IDS)
    for row, source_ids in enumerate(SOURCE_IDS):
        log_probs, scores = teacher_forced(model, source_ids, batch.token_ids[row])
        np.testing.assert_allclose(
            batch.log_probs[row], log_probs.sum(axis=1), rtol=1e-4
        )
        np.testing.assert_allclose(
            batch.attention_scores[row], scores, rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("force_end", [True, False])
def test_who_cannot_meet_all_ends_at_the_limit_and_comes_last(force_end):
    """No token twice: the first constraint is forbidden, the second is not."""
    options = free(
        beam=4, n_best=4, max_length=6, no_repeat_ngram=1, force_end=force_end
    )
    decoder = Decoder(Chain(8, seed=2))
    inputs = {"source_ids": SOURCE_IDS[:1]}
    never = decoder(inputs, options, lexical=lexical([[[7, 7]]]))
    assert len(said(never, 0)) > 1
    assert (np.diff(never.scores, axis=1) <= 0).all()
    some = decoder(inputs, options.replace(max_length=3), lexical=lexical([[[6, 7]]]))
    assert said(some, 0) == (6, 7, 3)
    assert all(not contains(said(some, 0, slot), (6, 7)) for slot in (1, 2, 3))


@pytest.mark.parametrize(
    "options, message",
    [
        (free(temperature=1.0), "a search, and sampling is none; received temperature"),
        (free(coverage_penalty=0.1), "without a coverage penalty; received"),
    ],
    ids=["sampling", "coverage"],
)
def test_constraints_need_a_search_by_log_probabilities(options, message):
    with pytest.raises(ValueError, match=message):
        Decoder(Chain(8))(
            {"source_ids": SOURCE_IDS}, options, lexical=lexical(CONSTRAINTS)
        )
