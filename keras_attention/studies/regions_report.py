"""The study of regions on paper: pictures, their numbers, and what they say."""

import csv
import io
from pathlib import Path

from keras_attention.files import write_whole
from keras_attention.studies.made import made_by
from keras_attention.studies.mistakes import PLACES
from keras_attention.studies.region_figures import (
    COMPARED,
    FORCED,
    FREE,
    SPLITS,
    draw_looks,
    draw_positions,
    draw_scores,
    groups_of,
)
from keras_attention.studies.region_gallery import draw_gallery
from keras_attention.studies.region_measures import METRICS
from keras_attention.studies.region_verdicts import (
    against_pooled,
    by_number_of_things,
    how_errors_grow,
    where_it_looks,
    why_the_wrong_word,
)
from keras_attention.studies.shares import score_shares

COLUMNS = "model parameters pictures group metric count score low high".split()
PAIRS = 12  # of the most frequent confusions

ASKED = """\
Does a captioner say more, and more truly, if it can look at parts of the picture while
it speaks? Does it look at what it names? The models have the same pictures, captions,
tokenizer, order of batches, steps and seed, and numbers of parameters within 5 % of
each other: those without attention have wider states instead. After
[Xu et al., 2015](https://arxiv.org/abs/1502.03044),
[Vinyals et al., 2015](https://arxiv.org/abs/1411.4555) and, for scheduled sampling,
[Bengio et al., 2015](https://arxiv.org/abs/1506.03099). Intervals are of 95 %, by 1,000
resamples of the pictures.
"""

LOOKED = """\
Of each name that a caption says of a thing in the picture: the share of attention
inside of that thing's box (attention correctness), and whether the peak lies inside
(pointing game). Chance is the box's share of the picture. Models say different
captions; compared with each other, they are made to say the same references.
"""

WRONG = """\
A name is wrong if no thing of that name is in the picture. Its attention is the mean
over its tokens, and the peak the middle of the cell looked at most. What stood there?
"""

SHOWN = """\
Some of them, of each kind in proportion: a right caption, what was said, and the
picture in the light of the attention of the wrong name, with all things' boxes.
"""

POSITIONS = """\
**Words.** Of each picture's references the one is taken that agrees with the greedy
caption at most positions. At each position its word is compared twice: with what the
model finds most probable after the *reference's* words up to there, and with the greedy
caption's word, which follows *its own*. A scene has many true captions, so that a share
of errors is there whatever the model knows; and a word too many or too few moves all
that follow.

**Things** may be said in any order, and nothing moves. The picture's first reference is
given up to where it names its k-th thing, and the model goes on greedily; what it names
next is compared with the k-th thing that its greedy caption names. A name is right if
such a thing is in the picture and has not been named before.

At the first position both are the same by definition; what lies between them later is
what a model's own errors cost it.
"""


def write_report(results, pictures, folder, command=""):
    """Writes all pictures, regions.csv and report.md.

    Args:
        results: list of `Result`, that of soft attention first.
        pictures: `Pictures`.
        folder: path.
        command: str. What was typed.

    Returns:
        Path of the report.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    draw_scores(results, pictures, folder / "regions.png")
    draw_looks(results, pictures, folder / "looks.png")
    draw_positions(results, folder / "positions.png")
    write_whole(folder / "regions.csv", csv_text(results, pictures))
    gallery = draw_gallery(results[0], pictures, folder / "gallery.png")
    text = report_text(results, pictures, command, gallery)
    write_whole(folder / "report.md", text)
    return folder / "report.md"


def verdicts(results, pictures):
    """Paragraphs that say what came out."""
    found = [
        against_pooled(results, pictures),
        by_number_of_things(results, pictures),
        where_it_looks(results),
        why_the_wrong_word(results),
        how_errors_grow(results),
    ]
    return [paragraph for paragraph in found if paragraph]


def csv_text(results, pictures):
    """All numbers, a line each."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        parameters = result.training["parameters"]
        for which, group, metric, score in _numbers(result, pictures):
            if score is not None:
                ends = [f"{value:.4f}" for value in score[:3]]
                row = [which, group, metric, score.count, *ends]
                writer.writerow([result.variant.name, parameters, *row])
    return text.getvalue()


def _numbers(result, pictures):
    """`(pictures, group, metric, score)` of one model."""
    for metric in METRICS:
        shares = result.scores[metric.name]
        for held_out, name in _splits(pictures):
            chosen = pictures.held_out == held_out
            score = score_shares(shares.among(chosen), metric.scale)
            yield name, "all", metric.name, score
        for held_out, number, chosen in groups_of(pictures):
            name = "held out" if held_out else "seen"
            score = score_shares(shares.among(chosen), metric.scale)
            yield name, f"things {number}", metric.name, score
    for which, looks in (("own captions", result.said), ("references", result.forced)):
        if looks is None:
            continue
        for field in looks._fields:
            shares = getattr(looks, field)
            yield "all", which, f"attention {field}", score_shares(shares, 100)
            for number in sorted(map(int, set(pictures.num_things))):
                chosen = pictures.num_things == number
                score = score_shares(shares.among(chosen), 100)
                yield "all", f"{which}, things {number}", f"attention {field}", score
    for which, errors in zip((FORCED, FREE), result.errors, strict=True):
        for position, score in enumerate(errors, 1):
            yield "all", f"word {position}", f"errors, {which}", score
    for which, errors in zip((FORCED, FREE), result.name_errors, strict=True):
        for position, score in enumerate(errors, 1):
            yield "all", f"thing {position}", f"errors, {which}", score


def _splits(pictures):
    return [
        (held_out, "held out" if held_out else "seen")
        for held_out in SPLITS
        if (pictures.held_out == held_out).any()
    ]


def report_text(results, pictures, command="", gallery=False):
    """The report, in Markdown."""
    parts = ["# Look where you speak\n", ASKED]
    parts += ["## A pooled vector against attention\n"]
    parts += [against_pooled(results, pictures) + "\n"]
    parts += [by_number_of_things(results, pictures) + "\n"]
    parts += ["![Scores by number of things](regions.png)\n"]
    parts += [_models(results), _scores(results, pictures)]
    parts += ["## Where it looks\n", LOOKED, where_it_looks(results) + "\n"]
    parts += ["![Attention inside of boxes](looks.png)\n", _looks(results)]
    parts += ["## Why was the wrong word said?\n", WRONG]
    parts += [why_the_wrong_word(results) + "\n"]
    if gallery:
        parts += ["![Wrong words and where was looked](gallery.png)\n", SHOWN]
    parts += [_places(results), _pairs(results)]
    parts += ["## Errors by position\n", POSITIONS, how_errors_grow(results) + "\n"]
    parts += ["![Errors by position](positions.png)\n"]
    parts += [_positions(results, "word", "errors")]
    parts += [_positions(results, "thing named", "name_errors")]
    parts.append(made_by(results, command))
    return "\n".join(parts)


def _models(results):
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


def _scores(results, pictures):
    """A table for each metric: groups of pictures, and models beside each other."""
    named = [
        (f"{name}, all", pictures.held_out == held_out)
        for held_out, name in _splits(pictures)
    ]
    named += [
        (f"{'held out' if held_out else 'seen'}, things: {number}", chosen)
        for held_out, number, chosen in groups_of(pictures)
    ]
    tables = []
    for metric in METRICS:
        labels = [result.variant.label for result in results]
        rows = [[metric.label, "pictures", *labels]]
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


def _looks(results):
    rows = [
        ["model", "captions", "names", "inside the box (%)", "peak inside (%)"]
        + ["chance (%)"]
    ]
    for result in results:
        for which, looks in (("own", result.said), ("references", result.forced)):
            if looks is not None:
                cells = [_cell(score_shares(shares, 100)) for shares in looks]
                names = f"{int(looks.inside.denominators.sum()):,}"
                rows.append([result.variant.label, which, names, *cells])
    return _table(rows)


def _places(results):
    rows = [["model", "names", "wrong", *(f"peak on {w}" for w in PLACES.values())]]
    for result in results:
        counts = result.mistake_counts
        if counts is None:
            continue
        cells = [
            f"{counts.places[place]} ({100 * counts.places[place] / counts.wrong:.0f} "
            f"%; chance {100 * counts.chances[place]:.0f} %)"
            if counts.wrong
            else "0"
            for place in PLACES
        ]
        rows.append([result.variant.label, counts.names, counts.wrong, *cells])
    return _table(rows)


def _pairs(results):
    pairs = results[0].mistake_counts.pairs[:PAIRS]
    if not pairs:
        return ""
    told = ", ".join(f"{seen} as {said} ({n})" for (said, seen), n in pairs)
    return f"What {results[0].variant.label} took for something else: {told}.\n"


def _positions(results, place, field):
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
