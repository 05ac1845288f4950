"""The numbers of the study of regions, as CSV and as tables of Markdown."""

import csv
import io

from keras_attention.studies.bootstrap import Score, score_shares
from keras_attention.studies.by_length import exact_match
from keras_attention.studies.regions.error_analysis import ABSENT, KINDS, PLACES
from keras_attention.studies.regions.figures import (
    COMPARED,
    FORCED,
    FREE,
    SPLITS,
    groups_of,
)
from keras_attention.studies.regions.metrics import METRICS

COLUMNS = "model parameters images group metric count score low high".split()
PAIRS = 12  # of the most frequent confusions


def csv_text(results, images):
    """All numbers, a line each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        parameters = result.training["parameters"]
        for which, group, metric, score in _numbers(result, images):
            if score is not None:
                ends = [f"{value:.4f}" for value in score[:3]]
                row = [which, group, metric, score.count, *ends]
                writer.writerow([result.variant.name, parameters, *row])
    return text.getvalue()


def _numbers(result, images):
    """`(images, group, metric, score)` of one model."""
    for metric in METRICS:
        shares = result.scores[metric.name]
        for held_out, name in _splits(images):
            chosen = images.held_out == held_out
            score = score_shares(shares.among(chosen), metric.scale)
            yield name, "all", metric.name, score
        for held_out, number, chosen in groups_of(images):
            name = "held out" if held_out else "seen"
            score = score_shares(shares.among(chosen), metric.scale)
            yield name, f"things {number}", metric.name, score
    for which, pointing in (
        ("own captions", result.said),
        ("references", result.forced),
    ):
        if pointing is None:
            continue
        for field in pointing._fields:
            shares = getattr(pointing, field)
            yield "all", which, f"attention {field}", score_shares(shares, 100)
            for number in sorted(map(int, set(images.num_things))):
                chosen = images.num_things == number
                score = score_shares(shares.among(chosen), 100)
                yield "all", f"{which}, things {number}", f"attention {field}", score
    for which, errors in zip((FORCED, FREE), result.errors, strict=True):
        for position, score in enumerate(errors, 1):
            yield "all", f"word {position}", f"errors, {which}", score
    for which, errors in zip((FORCED, FREE), result.name_errors, strict=True):
        for position, score in enumerate(errors, 1):
            yield "all", f"thing {position}", f"errors, {which}", score
    for kind, counts in (result.mistake_counts or {}).items():
        yield "all", kind, "wrong names", _share(counts.wrong, counts.names)
        for place in PLACES:
            share = _share(counts.places[place], counts.wrong)
            yield "all", f"{kind}, peak {place}", "wrong names", share


def _share(part, whole):
    right = ["1"] * part + ["0"] * (whole - part)
    if not whole:
        return None
    score, low, high, *_ = exact_match(right, ["1"] * whole)
    return Score(score, low, high, whole)


def _splits(images):
    return [
        (held_out, "held out" if held_out else "seen")
        for held_out in SPLITS
        if (images.held_out == held_out).any()
    ]


def models_table(results):
    """How large the models are, and how long they were trained."""
    ours = results[0].training["parameters"]
    rows = [["model", "units", "parameters", "", "steps", "minutes"]]
    for result in results:
        training = result.training
        parameters = training["parameters"]
        rows.append(
            [
                result.variant.label,
                result.made["model"]["config"]["units"],
                f"{parameters:,}",
                f"{100 * (parameters / ours - 1):+.1f} %",
                f"{training['steps']:,}",
                training["minutes"],
            ]
        )
    return _table(rows)


def score_tables(results, images):
    """A table for each metric: groups of images, and models beside each other."""
    named = [
        (f"{name}, all", images.held_out == held_out)
        for held_out, name in _splits(images)
    ]
    named += [
        (f"{'held out' if held_out else 'seen'}, things: {number}", chosen)
        for held_out, number, chosen in groups_of(images)
    ]
    tables = []
    for metric in METRICS:
        labels = [result.variant.label for result in results]
        rows = [[metric.label, "images", *labels]]
        for name, chosen in named:
            found = [
                score_shares(result.scores[metric.name].among(chosen), metric.scale)
                for result in results
            ]
            if any(found):
                cells = [_cell(score, metric.digits) for score in found]
                rows.append([name, int(chosen.sum()), *cells])
        tables.append(_table(rows))
    return "\n".join(tables)


def attention_table(results):
    """Attention inside of boxes, beside chance."""
    rows = [
        ["model", "captions", "names", "inside the box (%)", "peak inside (%)"]
        + ["chance (%)"]
    ]
    for result in results:
        for which, pointing in (("own", result.said), ("references", result.forced)):
            if pointing is not None:
                cells = [_cell(score_shares(shares, 100)) for shares in pointing]
                names = f"{int(pointing.inside.denominators.sum()):,}"
                rows.append([result.variant.label, which, names, *cells])
    return _table(rows)


def places_table(results):
    """What stood where attention was when a wrong name was said."""
    rows = [
        ["model", "wrong names", "number", *(f"peak on {w}" for w in PLACES.values())]
    ]
    for result in results:
        for kind, counts in (result.mistake_counts or {}).items():
            cells = [
                f"{100 * counts.share(place):.0f} % (chance "
                f"{100 * counts.chances[place]:.0f} %)"
                if counts.wrong
                else ""
                for place in PLACES
            ]
            number = f"{counts.wrong} of {counts.names}"
            rows.append([result.variant.label, KINDS[kind], number, *cells])
    return _table(rows)


def pairs_text(results):
    """What was most often taken for something else."""
    pairs = results[0].mistake_counts[ABSENT].pairs[:PAIRS]
    if not pairs:
        return ""
    told = ", ".join(f"{seen} as {said} ({n})" for (said, seen), n in pairs)
    return f"What {results[0].variant.label} took for something else: {told}.\n"


def wrong_names_table(results):
    """What is wrong with the things named, by the words before."""
    rows = [["model", "words before", "things", "not there", "said before", "left out"]]
    for result in results:
        for field, words in (("forced", "right"), ("free", "its own")):
            wrong = result.wrong_names[field]
            shares = (
                f"{100 * n / max(wrong.places, 1):.1f} %"
                for n in (wrong.absent, wrong.repeated, wrong.omitted)
            )
            rows.append([result.variant.label, words, wrong.places, *shares])
    return _table(rows)


def positions_table(results, place, field):
    """Errors by position, of the models compared."""
    compared = [result for result in results if result.variant in COMPARED]
    header = [place]
    for result in compared:
        header += [f"{result.variant.label}: {FORCED}", FREE]
    rows = [header]
    for t in range(max(len(getattr(result, field)[0]) for result in compared)):
        row = [t + 1]
        for result in compared:
            for errors in getattr(result, field):
                row.append(_cell(errors[t] if t < len(errors) else None))
        rows.append(row)
    return _table(rows)


def _cell(score, digits=1):
    return "" if score is None else score.text(digits)


def _table(rows):
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]]) + "\n"
