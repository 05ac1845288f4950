"""The study "why attention" on paper: a figure, its numbers, and what they say."""

import csv
import io
from pathlib import Path
from typing import Any, NamedTuple

from keras_attention.files import write_whole
from keras_attention.plotting.curves import Curve, Panel, plot_curves
from keras_attention.studies.bottleneck.variants import Variant
from keras_attention.studies.by_length import LengthScore
from keras_attention.studies.provenance import made_by

COLUMNS = ("dataset model parameters bucket sentences metric score low high").split()

INTRODUCTION = """\
What does attention bring, and does it bring more where sentences are long? The models
of a data set have the same data, tokenizer, order of batches, steps, embeddings and
seed, and numbers of parameters within 5 % of each other: those without attention have
wider states instead. The last one reads the source from its end (Sutskever et al.,
2014). After [Bahdanau et al., 2015](https://arxiv.org/abs/1409.0473), figure 2, and
[Luong et al., 2015](https://arxiv.org/abs/1508.04025), figure 6.
"""


class LengthResult(NamedTuple):
    """One model on one data set, measured."""

    dataset: str
    variant: Variant
    run: str
    """Its folder's name."""
    metric: str
    """"exact match" or "BLEU"."""
    made: dict[str, Any]
    """The bundle's config: how it was made."""
    overall: LengthScore
    buckets: list[LengthScore]

    @property
    def training(self):
        return self.made["training"]


def write_report(results, folder, command=""):
    """Writes bottleneck.png, bottleneck.csv and report.md.

    Args:
        results: dict of a list of `LengthResult` for each data set, attention first.
        folder: path.
        command: str. What was typed.

    Returns:
        Path of the report.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    draw(results, folder / "bottleneck.png")
    write_whole(folder / "bottleneck.csv", csv_text(results))
    write_whole(folder / "report.md", report_text(results, command))
    return folder / "report.md"


def draw(results, path):
    """A panel for each data set, a curve for each model."""
    return plot_curves(
        [_panel(dataset, found) for dataset, found in results.items()], path=path
    )


def _panel(dataset, results):
    exact = results[0].metric == "exact match"
    curves = [
        Curve(
            result.variant.label,
            [bucket.mean_length for bucket in result.buckets],
            [bucket.score for bucket in result.buckets],
            [bucket.low for bucket in result.buckets],
            [bucket.high for bucket in result.buckets],
        )
        for result in results
    ]
    top = 100.0 if exact else None
    return Panel(
        dataset, f"source length ({_unit(results)})", _metric(results), curves, top
    )


def _metric(results):
    return {"exact match": "exact match (%)"}.get(results[0].metric, results[0].metric)


def _unit(results):
    return "symbols" if results[0].metric == "exact match" else "words"


def csv_text(results):
    """All scores, a line each; the bucket "all" is all sentences."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in (result for found in results.values() for result in found):
        named = [("all", result.overall)]
        named += [(_bucket(bucket), bucket) for bucket in result.buckets]
        for name, score in named:
            writer.writerow(
                [
                    result.dataset,
                    result.variant.name,
                    result.training["parameters"],
                    name,
                    score.sentences,
                    result.metric,
                    *(f"{value:.2f}" for value in (score.score, score.low, score.high)),
                ]
            )
    return text.getvalue()


def _bucket(score):
    ends = dict.fromkeys((score.shortest, score.longest))
    return "-".join(map(str, ends))


def report_text(results, command=""):
    """The report, in Markdown."""
    parts = ["# Bottleneck: quality by source length\n", INTRODUCTION]
    parts += ["![Scores by source length](bottleneck.png)\n"]
    for dataset, found in results.items():
        parts += [f"## {dataset}\n", findings(dataset, found) + "\n"]
        parts += [_models(found), _buckets(found)]
    made = [result for found in results.values() for result in found]
    parts.append(made_by(made, command))
    return "\n".join(parts)


def findings(dataset, results):
    """A paragraph that says whether attention won, by how much, and where.

    Args:
        dataset: str.
        results: list of `LengthResult`, attention first.

    Returns:
        str.
    """
    ours, *rivals = results
    best = max(rivals, key=lambda result: result.overall.score)
    a, b = ours.overall, best.overall
    apart = a.low > b.high or b.low > a.high
    outcome = "did not win"
    if round(a.score, 1) > round(b.score, 1):
        outcome = "won" if apart else "was ahead, but not clearly"
    intervals = f"their 95 % intervals {'do not ' if apart else ''}overlap"
    text = (
        f"On {dataset}, attention {outcome}: "
        f"{_measured(ours.metric, a)}, against {b.score:.1f} of the best model without "
        f'("{best.variant.label}"); {intervals}. '
    )
    if len(ours.buckets) > 1:
        short, long = (ours.buckets[i].score - best.buckets[i].score for i in (0, -1))
        unit = _unit(results)
        text += (
            f"Against that one, attention was {_gap(short)} where sources have "
            f"{_bucket(ours.buckets[0])} {unit}, and {_gap(long)} where they have "
            f"{_bucket(ours.buckets[-1])}: "
        )
        more = "more" if round(long, 1) > round(short, 1) else "no more"
        text += f"it brought {more} on the longest than on the shortest. "
    by_name = {result.variant.name: result.overall.score for result in rivals}
    if {"none-forward", "none-reversed"} <= set(by_name):
        gain = by_name["none-reversed"] - by_name["none-forward"]
        text += f"Reversing the source, without attention, brought {gain:+.1f}."
    return text.rstrip()


def _measured(metric, score):
    if metric == "exact match":
        return f"{score.score:.1f} % exactly right over all"
    return f"{metric} {score.score:.1f} over all"


def _gap(gap):
    if not round(gap, 1):
        return "level"
    return f"{abs(gap):.1f} {'ahead' if gap > 0 else 'behind'}"


def _models(results):
    ours = results[0].training["parameters"]
    lines = [
        "| model | units | parameters | | steps | minutes "
        f"| {_metric(results)} | 95 % interval |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        training, score = result.training, result.overall
        units = result.made["model"]["config"]["units"]
        parameters = training["parameters"]
        lines.append(
            f"| {result.variant.label} | {units} | {parameters:,} "
            f"| {100 * (parameters / ours - 1):+.1f} % | {training['steps']:,} "
            f"| {training['minutes']} | {score.score:.1f} "
            f"| {score.low:.1f} to {score.high:.1f} |"
        )
    sentences = results[0].overall.sentences
    lines += [
        "",
        f"{sentences} sentences of the test split: `{results[0].overall.signature}`",
    ]
    return "\n".join(lines) + "\n"


def _buckets(results):
    unit = _unit(results)
    labels = " | ".join(result.variant.label for result in results)
    lines = [
        f"| {unit} | sentences | {labels} |",
        "|---" * (2 + len(results)) + "|",
    ]
    for row in zip(*(result.buckets for result in results), strict=True):
        cells = [f"{s.score:.1f} ({s.low:.1f} to {s.high:.1f})" for s in row]
        lines.append(
            f"| {_bucket(row[0])} | {row[0].sentences} | {' | '.join(cells)} |"
        )
    return "\n".join(lines) + "\n"
