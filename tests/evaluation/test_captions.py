"""Caption metrics agree with the papers' examples and with the COCO toolkit."""

import random

import pytest

from keras_attention.evaluation.captions import (
    bleu,
    cider_d,
    cider_d_of_each,
    rouge_l,
    score_captions,
)
from tests.evaluation.published import PUBLISHED


def words(*texts):
    return [text.split() for text in texts]


# Papineni et al., 2002, sections 2.1 and 2.1.1.
CAT_REFERENCES = words("the cat is on the mat", "there is a cat on the mat")
PARTY = words(
    "it is a guide to action that ensures that the military will forever heed party "
    "commands",
    "it is the guiding principle which guarantees the military forces always being "
    "under the command of the party",
    "it is the practical guide for the army always to heed the directions of the party",
)
CANDIDATE_1 = (
    "it is a guide to action which ensures that the military always obeys the commands "
    "of the party"
)
CANDIDATE_2 = (
    "it is to insure the troops forever hearing the activity guidebook that party "
    "direct"
)


@pytest.mark.parametrize(
    ("candidate", "references", "unigrams", "bigrams"),
    [
        ("the the the the the the the", CAT_REFERENCES, 2 / 7, 0),
        (CANDIDATE_1, PARTY, 17 / 18, 10 / 17),
        (CANDIDATE_2, PARTY, 8 / 14, 1 / 13),
    ],
)
def test_bleu_has_the_modified_precisions_of_its_paper(
    candidate, references, unigrams, bigrams
):
    scores = bleu(words(candidate), [references])
    # As long as a reference, or nearly: what of the penalty there is, is taken out.
    near = min(references, key=lambda one: abs(len(one) - len(candidate.split())))
    brevity = min(1, 2.718281828 ** (1 - len(near) / len(candidate.split())))
    assert scores[0] / brevity == pytest.approx(unigrams, rel=1e-6)
    assert scores[1] / brevity == pytest.approx((unigrams * bigrams) ** 0.5, abs=1e-4)


def test_bleu_punishes_what_is_too_short():
    full = bleu(words("a dog runs fast"), [words("a dog runs fast")])
    half = bleu(words("a dog"), [words("a dog runs fast")])
    assert full[3] == pytest.approx(1, rel=1e-6)
    assert half[0] == pytest.approx(2.718281828**-1, rel=1e-6)


# Lin, 2004, section 3.1: "police killed the gunman".
GUNMAN = words("police killed the gunman")


def test_rouge_l_prefers_the_right_order():
    kill = rouge_l(words("police kill the gunman"), [GUNMAN])
    killed_by = rouge_l(words("the gunman kill police"), [GUNMAN])
    divided = rouge_l(words("the gunman police killed"), [GUNMAN])
    assert kill == pytest.approx(3 / 4)
    assert killed_by == divided == pytest.approx(2 / 4)


def test_rouge_l_is_an_f_score_that_prefers_recall():
    short = rouge_l(words("police killed"), [GUNMAN])
    precision, recall, beta = 1.0, 0.5, 1.2
    expected = (1 + beta**2) * precision * recall / (recall + beta**2 * precision)
    assert short == pytest.approx(expected)
    assert rouge_l([[]], [GUNMAN]) == rouge_l(words("cats"), [GUNMAN]) == 0


def test_the_nearest_reference_decides_the_penalty():
    references = words("a b", "a b c d e f")
    (score, *_) = bleu(words("a b c"), [references])
    assert score == pytest.approx(1, rel=1e-6)  # 2 is nearer than 6.
    (tied, *_) = bleu(words("a b c d"), [references])
    assert tied == pytest.approx(1, rel=1e-6)  # Of two as near, the shorter one.


def test_cider_is_ten_for_what_everybody_says():
    references = [words("a red dog runs away"), words("two big cats sleep there")]
    said = [one[0] for one in references]
    assert cider_d(said, references) == pytest.approx(10)
    assert cider_d(said[::-1], references) == pytest.approx(0)


def test_cider_weighs_rare_words_more():
    references = [words(f"a dog sees a {thing} there") for thing in ("cat", "bus")]
    common = cider_d(words("a dog sees a there", "a dog sees a there"), references)
    rare = cider_d(words("cat", "bus"), references)
    assert rare > common


def test_cider_forgives_a_repeated_word_no_more_than_a_missing_one():
    references = [words("a red dog runs away"), words("two big cats sleep there")]
    other = references[1][0]
    once = cider_d_of_each([references[0][0], other], references)[0]
    repeated = cider_d_of_each([words("red dog dog dog dog")[0], other], references)[0]
    assert repeated < once / 2


def test_cider_of_images_is_that_of_all_taken_apart():
    hypotheses, references = random_captions(7, 20)
    hypotheses = words(*hypotheses)
    references = [words(*texts) for texts in references]
    each = cider_d_of_each(hypotheses, references)
    assert sum(each) / len(each) == pytest.approx(cider_d(hypotheses, references))


@pytest.mark.parametrize("example", PUBLISHED, ids=lambda one: one["hypotheses"][0])
def test_has_the_scores_that_others_published(example):
    scores = score_captions(example["hypotheses"], example["references"])
    for name, value in example["scores"].items():
        if name != "meteor":
            scale = 1 if name == "cider" else 100
            assert getattr(scores, name) / scale == pytest.approx(value, abs=1e-6)


def random_captions(seed, count):
    rng = random.Random(seed)
    vocabulary = "a dog cat red ball on the left of two trees big".split()

    def caption():
        return " ".join(rng.choices(vocabulary, k=rng.randint(1, 12)))

    references = [[caption() for _ in range(rng.randint(1, 5))] for _ in range(count)]
    return [caption() for _ in range(count)], references


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_coco_toolkit(seed):
    pytest.importorskip("pycocoevalcap")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    hypotheses, references = random_captions(seed, 40)
    scores = score_captions(hypotheses, references)
    right = dict(enumerate(references))
    said = {i: [text] for i, text in enumerate(hypotheses)}
    theirs, _ = Bleu(4).compute_score(right, said, verbose=0)
    ours = [scores.bleu1, scores.bleu2, scores.bleu3, scores.bleu4]
    assert [value / 100 for value in ours] == pytest.approx(theirs, rel=1e-9)
    theirs, _ = Cider().compute_score(right, said)
    assert scores.cider == pytest.approx(theirs, rel=1e-9)
    theirs, _ = Rouge().compute_score(right, said)
    assert scores.rouge_l / 100 == pytest.approx(theirs, rel=1e-9)


def test_scores_are_printed_and_told_as_data():
    scores = score_captions(["a dog", "a cat"], [["a dog"], ["two cats", "a cat"]])
    assert str(scores).startswith("CIDEr-D ")
    assert scores.as_dict()["bleu1"] == pytest.approx(100)
    assert "meteor" not in scores.as_dict()


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        (["a"], [], "received 1 captions, and references of 0"),
        ([], [], "received 0 captions"),
        (["a"], ["a dog"], "a list of captions for each image; received 'a dog'"),
        (["a"], [[]], r"received \[\] for image 0"),
    ],
)
def test_what_cannot_be_scored_is_refused(hypotheses, references, message):
    with pytest.raises(ValueError, match=message):
        score_captions(hypotheses, references)
