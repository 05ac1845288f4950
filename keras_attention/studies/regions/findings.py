"""What the numbers of the study of regions say, in sentences, whoever won."""

import numpy as np

from keras_attention.studies.bootstrap import score_difference, score_shares
from keras_attention.studies.regions.error_analysis import (
    ABSENT,
    NAMED,
    NOTHING,
    PLACES,
    REPEATED,
    SAME,
    UNNAMED,
)
from keras_attention.studies.regions.figures import SPLITS, groups_of
from keras_attention.studies.regions.metrics import METRICS
from keras_attention.studies.regions.variants import POOLED, SAMPLING, SOFT, STOCHASTIC

FEW = 20  # mistakes: of fewer, nothing is said


def find(results, variant):
    """The result of a variant."""
    return next(result for result in results if result.variant == variant)


def against_pooled(results, images):
    """Soft attention against the better pooled model: a sentence for each metric."""
    ours = find(results, SOFT)
    rivals = [result for result in results if not result.variant.attends]
    parts = []
    for held_out, title in SPLITS.items():
        chosen = images.held_out == held_out
        if not chosen.any():
            continue
        told, won = [], []
        for metric in METRICS:
            compared = _best(metric, rivals, chosen)
            mine = score_shares(ours.scores[metric.name].among(chosen), metric.scale)
            if compared is None or mine is None:
                continue
            best, theirs = compared
            gap = score_difference(
                ours.scores[metric.name].among(chosen),
                best.scores[metric.name].among(chosen),
                metric.scale,
            )
            won.append(_outcome(gap))
            told.append(
                f"{metric.label} {mine.score:.{metric.digits}f} against "
                f"{theirs.score:.{metric.digits}f} of the {best.variant.label} "
                f"({gap.signed(metric.digits)})"
            )
        outcome = won[0] if len(set(won)) == 1 else "was not better in everything"
        where = "on images with " + title
        parts.append(f"{where[0].upper()}{where[1:]}, attention {outcome}: ")
        parts[-1] += "; ".join(told) + "."
    parts.append(
        "In brackets differences with their 95 % intervals, both models resampled on "
        "the same images."
    )
    return " ".join(parts)


def _best(metric, rivals, chosen):
    scored = [
        (score, rival)
        for rival in rivals
        for score in [score_shares(rival.scores[metric.name].among(chosen))]
        if score is not None
    ]
    if not scored:
        return None
    _, best = max(scored, key=lambda pair: pair[0].score)
    return best, score_shares(best.scores[metric.name].among(chosen), metric.scale)


def _outcome(gap):
    if gap.low > 0:
        return "won"
    if gap.high < 0:
        return "lost"
    return "did not win clearly" if gap.score > 0 else "did not win"


def by_number_of_things(results, images):
    """Whether attention brings more where there is more to see."""
    ours = find(results, SOFT)
    parts = []
    for held_out, title in SPLITS.items():
        groups = [each for each in groups_of(images) if each[0] == held_out]
        if len(groups) < 2:
            continue
        (_, fewest, few), (_, most, many) = groups[0], groups[-1]
        (name,) = (metric for metric in METRICS if metric.name == "object_f1")
        rivals = [result for result in results if not result.variant.attends]
        compared = _best(name, rivals, images.held_out == held_out)
        if compared is None:
            continue
        best, _ = compared
        gaps = [
            score_difference(
                ours.scores[name.name].among(chosen),
                best.scores[name.name].among(chosen),
                100,
            )
            for chosen in (few, many)
        ]
        if None in gaps:
            continue
        more = "more" if gaps[1].low > gaps[0].high else "no more, beyond chance,"
        if gaps[1].high < gaps[0].low:
            more = "less"
        parts.append(
            f"With {title}, object F1 of soft attention minus that of the "
            f"{best.variant.label} is {gaps[0].signed()} where there "
            f"{_things(fewest)}, and {gaps[1].signed()} where there "
            f"{_things(most)}: attention brought {more} where there is more to see."
        )
    return " ".join(parts)


def _things(number):
    return "is one thing" if number == 1 else f"are {number} things"


def where_it_attends(results):
    """Attention in boxes, beside chance and between the models that attend."""
    ours = find(results, SOFT)
    parts = []
    inside, hits, chance = (score_shares(shares, 100) for shares in ours.said)
    if inside is None:
        return "Soft attention named nothing that is there."
    apart = inside.low > chance.high and hits.low > chance.high
    parts.append(
        f"While soft attention names a thing, {inside.text()} % of it lies in the "
        f"thing's box, and its peak in {hits.text()} % of names; by chance "
        f"{chance.score:.1f} %. That is {'' if apart else 'not '}clearly more than "
        "chance."
    )
    for variant, words in (
        (STOCHASTIC, "The doubly stochastic penalty"),
        (SAMPLING, "Scheduled sampling"),
    ):
        other = find(results, variant)
        gaps = [
            score_difference(theirs, mine, 100)
            for theirs, mine in zip(other.forced[:2], ours.forced[:2], strict=True)
        ]
        if None in gaps:
            continue
        verbs = [
            "raised" if gap.low > 0 else "lowered" if gap.high < 0 else "left unchanged"
            for gap in gaps
        ]
        parts.append(
            f"{words} {verbs[0]} the attention inside the box ({gaps[0].signed()} "
            f"points) and {verbs[1]} the share of peaks inside ({gaps[1].signed()}), "
            "while both models say the same references."
        )
    return " ".join(parts)


def why_the_wrong_word(results):
    """What stood where attention was when a wrong name was said."""
    counts = find(results, SOFT).mistake_counts
    names = counts[ABSENT].names
    if not any(each.wrong for each in counts.values()):
        return "Soft attention named nothing that is not there, and nothing twice."
    text = (
        f"Of {names:,} names that soft attention said, {_counted(counts[ABSENT])} are "
        f"of things that are not there, and {_counted(counts[REPEATED])} had been said "
        "before."
    )
    for kind, words in (
        (ABSENT, "While it named what is not there"),
        (REPEATED, "While it said a name again"),
    ):
        if counts[kind].wrong >= FEW:
            text += f" {words}, its peak lay {_where(counts[kind])}."
            text += f" {REASONS[_reason(counts[kind])]}"
        elif counts[kind].wrong:
            text += f" {words} is too rare to say why."
    return text


REASONS = {
    (UNNAMED,): "Mostly it attended to the right thing and took it for something "
    "else: it recognised badly rather than attended badly.",
    (SAME,): "Mostly it had not moved on from what it had named.",
    (NAMED,): "Mostly it attended to another thing, which has its name elsewhere: it "
    "attended badly.",
    (NOTHING,): "Mostly it attended to none of the things.",
    None: "No single reason accounts for most of them.",
}


def _reason(counts):
    """The place of more than half of the peaks, if chance does not put them there."""
    for place in counts.places:
        if counts.share(place) > max(0.5, counts.chances[place]):
            return (place,)
    return None


def _counted(counts):
    return f"{counts.wrong:,} ({100 * counts.wrong / counts.names:.1f} %)"


def _where(counts):
    told = [
        f"on {words} in {100 * counts.share(place):.0f} % (by chance "
        f"{100 * counts.chances[place]:.0f} %)"
        for place, words in PLACES.items()
        if counts.chances[place] or counts.places[place]
    ]
    return ", ".join(told)


def how_errors_grow(results):
    """Errors with the right words before, and with the model's own."""
    paragraphs = []
    for field, what, place in (
        ("errors", "words", "word"),
        ("name_errors", "things named", "thing"),
    ):
        parts, costs = [], {}
        for variant in (SOFT, POOLED, SAMPLING):
            forced, free = getattr(find(results, variant), field)
            if not forced:
                continue
            a, b = mean_error(forced), mean_error(free)
            last = free[-1].score - forced[-1].score
            parts.append(
                f"{variant.label} {a:.1f} % and {b:.1f} % ({b - a:+.1f}; at {place} "
                f"{len(forced)}, {last:+.1f})"
            )
            costs[variant.name] = round(b - a, 1)
        if len(costs) < 3:
            continue
        less = costs[SAMPLING.name] < costs[SOFT.name]
        paragraphs.append(
            f"Wrong {what}, with the right words before and with its own: "
            f"{'; '.join(parts)}. With scheduled sampling a model's own words cost it "
            f"{'less' if less else 'no less'} than without."
        )
    told = [
        f"{each.variant.label} {_kinds(each.wrong_names['free'])}"
        for each in (find(results, variant) for variant in (SOFT, POOLED, SAMPLING))
    ]
    paragraphs.append(
        "What is wrong with the things named after a model's own words: "
        f"{'; '.join(told)}."
    )
    return " ".join(paragraphs)


def _kinds(wrong):
    shares = (100 * n / max(wrong.places, 1) for n in wrong[1:])
    omitted, repeated, absent = (f"{share:.1f} %" for share in shares)
    return f"{absent} not there, {repeated} said before, {omitted} left out"


def mean_error(errors):
    """Over all positions, each as often as it was measured."""
    weights = [error.count for error in errors]
    return float(np.average([error.score for error in errors], weights=weights))
