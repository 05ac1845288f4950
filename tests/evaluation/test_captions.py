"""Caption metrics agree with the papers' examples and with the COCO toolkit."""

import random

import pytest

from keras_attention.evaluation import captions
from keras_attention.evaluation.captions import (
    bleu,
    cider_d,
    rouge_l,
    score_captions,
    tokenize_caption,
)


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
    assert kill == pytest.approx(3 / 4)
    assert killed_by == pytest.approx(2 / 4)


def test_rouge_l_is_an_f_score_that_prefers_recall():
    short = rouge_l(words("police killed"), [GUNMAN])
    precision, recall, beta = 1.0, 0.5, 1.2
    expected = (1 + beta**2) * precision * recall / (recall + beta**2 * precision)
    assert short == pytest.approx(expected)
    assert rouge_l([[]], [GUNMAN]) == rouge_l(words("cats"), [GUNMAN]) == 0


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


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A man's hat isn't red.", "a man 's hat is n't red"),
        ("Two dogs, running -- fast!", "two dogs running fast"),
        ("a well-lit room (3.5 m)", "a well-lit room 3.5 m"),
        ("they’re here", "they 're here"),
        ("Ein Löwe über Bäumen", "ein löwe über bäumen"),
        ("两只狗，左边。", "两 只 狗 左 边"),
        ("", ""),
    ],
)
def test_captions_are_tokenised_as_the_toolkit_does(text, tokens):
    assert tokenize_caption(text) == tokens.split()


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
        (["a"], ["a dog"], "a list of captions for each picture; received 'a dog'"),
        (["a"], [[]], r"received \[\] for picture 0"),
    ],
)
def test_what_cannot_be_scored_is_refused(hypotheses, references, message):
    with pytest.raises(ValueError, match=message):
        score_captions(hypotheses, references)


def test_meteor_says_what_it_lacks(monkeypatch):
    monkeypatch.setattr(captions, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"keras-attention-models\[coco\]"):
        score_captions(["a dog"], [["a dog"]], meteor=True)
    monkeypatch.setattr(captions, "find_spec", lambda name: True)
    monkeypatch.setattr(captions.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="no java on PATH"):
        score_captions(["a dog"], [["a dog"]], meteor=True)
