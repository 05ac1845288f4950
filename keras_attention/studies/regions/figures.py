"""The curves of the study of regions."""

from keras_attention.plotting.curves import Curve, Panel, plot_curves
from keras_attention.studies.bootstrap import score_shares
from keras_attention.studies.regions.metrics import METRICS
from keras_attention.studies.regions.variants import POOLED, SAMPLING, SOFT

LEAST = 20  # images of a point
SPLITS = {False: "combinations seen in training", True: "combinations held out"}
THINGS = "things in the image"
FORCED, FREE = "the right words before", "the model's own words before"
COMPARED = (SOFT, POOLED, SAMPLING)  # of errors by position


def groups_of(images):
    """`(held out, number of things, which images)` of all groups large enough."""
    groups = []
    for held_out in SPLITS:
        for number in sorted(set(images.num_things)):
            chosen = (images.held_out == held_out) & (images.num_things == number)
            if chosen.sum() >= min(LEAST, len(chosen) / 8):
                groups.append((held_out, int(number), chosen))
    return groups


def draw_scores(results, images, path):
    """A row for each metric; held-out combinations on the right."""
    groups = groups_of(images)
    panels = []
    for metric in METRICS:
        for held_out, title in SPLITS.items():
            curves = [
                _curve(
                    result.variant.label,
                    [
                        (
                            number,
                            score_shares(
                                result.scores[metric.name].among(chosen), metric.scale
                            ),
                        )
                        for held, number, chosen in groups
                        if held == held_out
                    ],
                )
                for result in results
            ]
            if any(curve.x for curve in curves):
                top = 100.0 if metric.scale == 100 else None
                panels.append(Panel(title, THINGS, metric.label, curves, top))
    return plot_curves(_same_tops(panels), path=path)


def draw_attention(results, images, path):
    """Attention inside of boxes, and its peak; chance beside them."""
    attending = [result for result in results if result.said is not None]
    panels = []
    for said, words in (("said", "own captions"), ("forced", "references")):
        for field, label in (
            ("inside", "attention inside the box (%)"),
            ("hits", "peak inside the box (%)"),
        ):
            rows = [
                (each.variant.label, getattr(getattr(each, said), field))
                for each in attending
            ]
            rows.append(("chance", getattr(attending[0], said).chance))
            curves = [
                _curve(
                    name,
                    [
                        (
                            number,
                            score_shares(
                                shares.among(images.num_things == number), 100
                            ),
                        )
                        for number in sorted(map(int, set(images.num_things)))
                    ],
                )
                for name, shares in rows
            ]
            panels.append(Panel(words, THINGS, label, curves, 100.0))
    return plot_curves(panels, path=path)


def draw_positions(results, path):
    """Errors at each word and at each thing named, a row for each model; below, what
    own errors cost."""
    compared = [result for result in results if result.variant in COMPARED]
    columns = []
    for field, x_label, y_label in (
        ("errors", "word of the caption", "words wrong (%)"),
        ("name_errors", "thing named", "things wrong (%)"),
    ):
        panels, costs = [], []
        for result in compared:
            forced, free = getattr(result, field)
            positions = list(range(1, len(forced) + 1))
            curves = [
                _curve(name, list(zip(positions, errors, strict=True)))
                for name, errors in ((FORCED, forced), (FREE, free))
            ]
            panels.append(Panel(result.variant.label, x_label, y_label, curves))
            gaps = [b.score - a.score for a, b in zip(forced, free, strict=True)]
            costs.append(Curve(result.variant.label, positions, gaps, gaps, gaps))
        highs = [h for panel in panels for curve in panel.curves for h in curve.high]
        panels = [panel._replace(top=max(highs, default=None)) for panel in panels]
        cost = "what a model's own words cost it"
        columns.append([*panels, Panel(cost, x_label, "points", costs)])
    rows = zip(*columns, strict=True)
    return plot_curves([panel for row in rows for panel in row], path=path)


def _curve(label, points):
    points = [(x, score) for x, score in points if score is not None]
    return Curve(
        label,
        [x for x, _ in points],
        [score.score for _, score in points],
        [score.low for _, score in points],
        [score.high for _, score in points],
    )


def _same_tops(panels):
    """Panels of one metric share their axis."""
    tops = {}
    for panel in panels:
        highs = [high for curve in panel.curves for high in curve.high]
        tops[panel.y_label] = max([tops.get(panel.y_label, 0.0), *highs])
    return [
        panel._replace(top=panel.top or tops[panel.y_label] or None) for panel in panels
    ]
