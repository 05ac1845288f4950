"""The report says what the numbers say, whoever won."""

import csv

import pytest

from keras_attention.studies.bottleneck.report import (
    LengthResult,
    findings,
    write_report,
)
from keras_attention.studies.bottleneck.variants import (
    ATTENTION,
    BLIND,
    FORWARD,
    REVERSED,
)
from keras_attention.studies.by_length import LengthScore

MADE = {
    "package_version": "0.1",
    "keras_version": "3.15",
    "model": {"config": {"units": 64}},
    "training": {
        "parameters": 1000,
        "steps": 20,
        "minutes": 0.1,
        "backend": "tensorflow",
    },
}


def result(variant, short, long, metric="BLEU", half=1.0):
    def scored(shortest, longest, score):
        mean = (shortest + longest) / 2
        ends = score - half, score + half
        return LengthScore(shortest, longest, mean, 100, score, *ends, "nrefs:1|tok")

    overall = scored(1, 60, (short + long) / 2)
    buckets = [scored(1, 20, short), scored(21, 60, long)]
    run = f"bible-{variant.name}"
    return LengthResult("bible", variant, run, metric, MADE, overall, buckets)


RIVALS = [result(BLIND, 12, 4), result(FORWARD, 9, 3), result(REVERSED, 11, 3)]


def test_a_victory_is_told_with_its_size():
    text = findings("bible", [result(ATTENTION, 20, 18), *RIVALS])
    assert "On bible, attention won: BLEU 19.0 over all, against 8.0" in text
    assert '("without, encoder in both directions")' in text
    assert "intervals do not overlap" in text
    assert "8.0 ahead where sources have 1-20 words, and 14.0 ahead" in text
    assert "it brought more on the longest than on the shortest" in text
    assert text.endswith("Reversing the source, without attention, brought +1.0.")


@pytest.mark.parametrize(
    ("short", "long", "words"),
    [
        (10, 2, ["did not win", "2.0 behind", "brought no more"]),
        (12, 4, ["did not win", "level", "intervals overlap"]),
        (
            15,
            4.5,
            [
                "was ahead, but not clearly: ",
                "intervals overlap",
                "3.0 ahead",
                "0.5 ahead",
                "brought no more",
            ],
        ),
        (9, 9, ["was ahead", "3.0 behind", "5.0 ahead", "brought more"]),
    ],
)
def test_a_defeat_is_told_as_plainly(short, long, words):
    text = findings("bible", [result(ATTENTION, short, long), *RIVALS])
    assert not [word for word in words if word not in text], text


def test_a_bucket_of_one_length_is_called_so():
    ours, rival = (
        result(variant, score, score, "exact match")
        for variant, score in [(ATTENTION, 99), (FORWARD, 40)]
    )
    rest = [each.buckets[0]._replace(longest=1) for each in (ours, rival)]
    ours, rival = (
        each._replace(buckets=[bucket, each.buckets[1]])
        for each, bucket in zip((ours, rival), rest, strict=True)
    )
    assert "where sources have 1 symbols" in findings("reverse", [ours, rival])


def test_all_that_was_measured_is_written(tmp_path):
    results = {
        "reverse": [
            result(variant, score, score, "exact match")
            for variant, score in [(ATTENTION, 99), (FORWARD, 40), (REVERSED, 60)]
        ],
        "bible": [result(ATTENTION, 20, 18), *RIVALS],
    }
    report = write_report(results, tmp_path / "out", "keras-attention study …")
    names = {path.name for path in report.parent.iterdir()}
    assert names == {"report.md", "bottleneck.csv", "bottleneck.png"}
    text = report.read_text(encoding="utf-8")
    assert "    keras-attention study …" in text
    assert "99.0 % exactly right over all" in text
    assert "train runs/bible-none/recipe.toml" in text
    assert "| 1-20 | 100 | 20.0 (19.0 to 21.0) | 12.0" in text
    assert "keras-attention-models 0.1, Keras 3.15 on tensorflow" in text
    assert "nrefs:1|tok" in text

    with (report.parent / "bottleneck.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 7
    assert rows[0]["bucket"] == "all"
    assert rows[-1] == {
        "dataset": "bible",
        "model": "none-reversed",
        "parameters": "1000",
        "bucket": "21-60",
        "sentences": "100",
        "metric": "BLEU",
        "score": "3.00",
        "low": "2.00",
        "high": "4.00",
    }
