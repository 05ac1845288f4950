"""The report says what was measured, whoever won."""

import csv

import pytest

from keras_attention.evaluation.captioning import score_said
from keras_attention.studies.bootstrap import score_shares
from keras_attention.studies.regions.error_analysis import ABSENT, NOTHING, UNNAMED
from keras_attention.studies.regions.findings import (
    against_pooled,
    by_number_of_things,
    how_errors_grow,
    where_it_attends,
    why_the_wrong_word,
)
from keras_attention.studies.regions.gallery import choose
from keras_attention.studies.regions.metrics import METRICS
from keras_attention.studies.regions.name_errors import NamesSaid
from keras_attention.studies.regions.position_errors import WordsSaid
from keras_attention.studies.regions.report import write_report
from keras_attention.studies.regions.variants import (
    POOLED,
    SAMPLING,
    SOFT,
    STOCHASTIC,
    VARIANTS,
)
from tests.studies.regions.support import all_measured, measured, studied_scenes


@pytest.fixture(scope="module")
def images():
    return studied_scenes(count=80)


@pytest.fixture(scope="module")
def results(images):
    return all_measured(images)


def replaced(results, *others):
    by_variant = {other.variant.name: other for other in others}
    return [by_variant.get(result.variant.name, result) for result in results]


def test_the_scores_are_those_of_evaluation(images, results):
    ours = results[0]
    expected = score_said(
        ours.captions,
        images.references,
        # As one split: what is held out has a score of its own there.
        [{**truth, "held_out": False} for truth in images.truths],
        "en",
        images.image_size,
    )
    found = {
        metric.name: score_shares(ours.scores[metric.name], metric.scale).score
        for metric in METRICS
    }
    assert found["cider"] == pytest.approx(expected["cider"])
    assert found["object_f1"] == pytest.approx(expected["object_f1"])
    assert found["relations"] == pytest.approx(expected["relation_accuracy"])
    looked = expected["attention"]
    inside, hits, chance = (score_shares(shares).score for shares in ours.said)
    assert inside == pytest.approx(looked["correctness"])
    assert hits == pytest.approx(looked["pointing"])
    assert chance == pytest.approx(looked["chance"])
    assert ours.mistake_counts[ABSENT].wrong == looked["absent"]


def test_a_victory_is_told_with_its_size(images, results):
    text = against_pooled(results, images)
    assert "On images with combinations seen in training, attention won: CIDE" in text
    assert "On images with combinations held out, attention won" in text
    assert "of the pooled vector, pre-inject (+" in text


def test_a_defeat_is_told_as_plainly(images, results):
    lost = [measured(images, SOFT, 0.3), measured(images, POOLED, 0.9)]
    text = against_pooled(replaced(results, *lost), images)
    assert text.count("attention lost: CIDEr-D") == 2
    level = [measured(images, v, 0.5) for v in VARIANTS]
    text = against_pooled(level, images)
    assert text.count("attention did not win: ") == 2
    assert "brought no more, beyond chance" in by_number_of_things(level, images)


def test_attention_is_told_beside_chance(images, results):
    text = where_it_attends(results)
    assert "That is clearly more than chance" in text
    assert "penalty left unchanged the attention inside the box (+0.0" in text
    elsewhere = measured(images, SOFT, 0.9, attend=lambda *_: [[0, 0, 64, 64]])
    text = where_it_attends(replaced(results, elsewhere))
    assert "That is not clearly more than chance" in text
    assert "The doubly stochastic penalty raised the attention" in text
    assert "sampling raised the attention inside the box (+" in text
    blurred = measured(images, STOCHASTIC, 0.9, attend=lambda *_: [[0, 0, 64, 64]])
    text = where_it_attends(replaced(results, blurred))
    assert "The doubly stochastic penalty lowered the attention" in text


def test_the_reason_of_wrong_words_is_told(images):
    many = measured(images, SOFT, 0.3)
    text = why_the_wrong_word([many])
    assert "Mostly it attended to the right thing and took it for something" in text
    assert "0 (0.0 %) had been said before" in text
    past = measured(images, SOFT, 0.3, attend=lambda *_: [[0, 0, 2, 2]])
    assert "Mostly it attended to none of the things" in why_the_wrong_word([past])
    few = measured(images, SOFT, 0.97)
    assert "named what is not there is too rare to say why" in why_the_wrong_word([few])
    none = measured(images, SOFT, 1.1)
    assert "not there, and nothing twice" in why_the_wrong_word([none])


def test_what_is_said_again_is_told(images):
    stuttering = images._replace(
        references=[
            [*texts[:-1], f"{texts[-1]} and {texts[-1]}"] for texts in images.references
        ]
    )
    text = why_the_wrong_word([measured(stuttering, SOFT, 1.1)])
    assert "While it said a name again, its peak lay on the thing that is ca" in text
    assert text.endswith("Mostly it had not moved on from what it had named.")
    assert "a thing that is not there" not in text


def test_the_cost_of_own_words_is_told(images, results):
    right = [5, 6, 3]
    words = [WordsSaid(right, right, right)] * len(images.truths)
    names = [NamesSaid(["dog"], ["lion"], [True], [False])] * len(images.truths)
    sampling = measured(images, SAMPLING, 0.9, words=words, names=names)
    text = how_errors_grow(replaced(results, sampling))
    assert "soft attention 0.0 % and 33.3 % (+33.3; at word 3, +0.0)" in text
    assert "soft, scheduled sampling 0.0 % and 0.0 % (+0.0; at word 3" in text
    assert "own words cost it less than without. Wrong things" in text
    assert "scheduled sampling 0.0 % and 100.0 % (+100.0; at thing 1, +100.0)" in text
    assert "own words cost it no less than without. What is wrong" in text
    assert "sampling 100.0 % not there, 0.0 % said before, 0.0 % left out." in text


def test_the_gallery_shows_each_kind_once_an_image(images):
    one = measured(images, SOFT, 0.3).mistakes
    two = measured(images, SOFT, 0.3, attend=lambda *_: [[0, 0, 2, 2]]).mistakes
    mixed = [*one[: len(one) // 2], *two[len(two) // 2 :]]
    chosen = choose(mixed)
    assert len(chosen) == len({each.image for each in chosen}) == 12
    assert {UNNAMED, NOTHING} <= {each.place for each in chosen}
    assert choose(mixed[:1]) == mixed[:1]
    assert choose([]) == []


def test_all_that_was_measured_is_written(images, results, tmp_path):
    report = write_report(results, images, tmp_path / "out", "keras-attention study …")
    names = {path.name for path in report.parent.iterdir()}
    drawn = {f"{name}.png" for name in ("regions", "attention", "positions", "gallery")}
    assert names == {"report.md", "regions.csv", *drawn}
    text = report.read_text(encoding="utf-8")
    assert all(f"({name})" in text for name in drawn)
    assert "    keras-attention study …" in text
    assert "train runs/pooled-every/recipe.toml" in text
    assert "keras-attention-models 0.1, Keras 3.15 on tensorflow" in text
    for result in results:
        assert f"| {result.variant.label} | 64 | 1,000 | +0.0 %" in text

    with (report.parent / "regions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == {variant.name for variant in VARIANTS}
    (row,) = [
        row
        for row in rows
        if (row["model"], row["images"], row["group"], row["metric"])
        == ("soft", "held out", "all", "object_f1")
    ]
    assert int(row["count"]) == images.held_out.sum()
    assert float(row["low"]) <= float(row["score"]) <= float(row["high"])
    assert any(row["metric"] == "attention inside" for row in rows)
    assert not any(
        row["metric"].startswith("attention")
        for row in rows
        if "pooled" in row["model"]
    )
