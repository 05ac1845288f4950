"""How good a captioner is: words, things, relations, and attention."""

from keras_attention.data.splits import sample
from keras_attention.evaluation.captions import score_captions
from keras_attention.evaluation.pointing import measure_pointing
from keras_attention.evaluation.scenes import (
    read_statements,
    score_by_number,
    score_scenes,
)


def evaluate_captions(
    captioner, split, count=0, attention=True, console=None, **options
):
    """Captions a split and scores what was said.

    Args:
        captioner: `Captioner`.
        split: `CaptionCorpus`.
        count: int. Images, chosen by hash; 0 is all.
        attention: bool. Whether to compare attention with boxes, where both are known.
        console: `rich.console.Console`, optional, for progress.
        **options: of `Captioner.caption_inputs`, as `beam`.

    Returns:
        dict of scores, for JSON; see `score_said`.
    """
    places = sample(split.names, count)
    truths = [split.truths[i] for i in places]
    attends = attention and captioner.model.attends and _are_scenes(truths)
    captions = caption_split(
        captioner, split, places, console, return_attention=attends, **options
    )
    return score_said(
        captions,
        [split.references[i] for i in places],
        truths,
        captioner.language,
        captioner.model.image_size,
    )


def caption_split(
    captioner, split, places=None, console=None, batch_size=64, **options
):
    """`Caption`s of a split, with a progress bar where a terminal is.

    Args:
        places: list of int. The numbers of the images; all by default.
        batch_size: int. Images in one go; no more are in memory.
        others: as of `evaluate_captions`.
    """
    from rich.progress import Progress

    names = split.names
    places = range(len(names)) if places is None else places
    captions = []
    with Progress(
        console=console,
        transient=True,
        disable=console is None or not console.is_terminal,
    ) as bar:
        task = bar.add_task("captioning", total=len(places))
        for start in range(0, len(places), batch_size):
            rows = list(places[start : start + batch_size])
            captions += captioner.caption_inputs(
                split.inputs(rows),
                names=[names[i] for i in rows],
                batch_size=batch_size,
                **options,
            )
            bar.update(task, completed=len(captions))
    return captions


def score_said(captions, references, truths, language, image_size, meteor=False):
    """Scores captions.

    Args:
        captions: list of `Caption`.
        references: list of list of str.
        truths: of each image what is known of it, or None; of scenes, all is.
        language: str. ISO code of the captions.
        image_size: int. The side of the square in which boxes are measured.
        meteor: bool. Whether to compute METEOR too; see `score_captions`.

    Returns:
        dict: those of `CaptionScores`; of scenes also those of `SceneScores`,
        `by_things` with some of them for each number of things, and `attention`
        (`Pointing`) where captions have it. Where some scenes are of combinations that
        were held out, `held_out` has the same of these alone, and the rest is of the
        others.
    """
    rows = list(zip(captions, references, truths, strict=True))
    held_out = [row for row in rows if (row[2] or {}).get("held_out")]
    others = [row for row in rows if not (row[2] or {}).get("held_out")]
    scores = _scored(others or held_out, language, image_size, meteor)
    if held_out and others:
        scores["held_out"] = _scored(held_out, language, image_size, meteor)
    return scores


def _scored(rows, language, image_size, meteor):
    captions, references, truths = (list(column) for column in zip(*rows, strict=True))
    texts = [caption.text for caption in captions]
    worded = score_captions(texts, references, meteor)
    scores = {"pictures": len(rows), **worded.as_dict()}
    if not _are_scenes(truths):
        return scores
    statements = read_statements(texts, language)
    scores |= score_scenes(statements, truths).as_dict()
    scores["by_things"] = _by_things(statements, truths)
    if captions[0].attention is not None:
        mentions = [statement.mentions for statement in statements]
        pointing = measure_pointing(captions, truths, mentions, image_size)
        scores["attention"] = pointing.as_dict()
    return scores


def _by_things(statements, truths):
    """The scores that fall as scenes get fuller, for each number of things."""
    return {
        str(number): {
            "pictures": scores.captions,
            "object_f1": scores.object_f1,
            "true_captions": scores.true_captions,
        }
        for number, scores in score_by_number(statements, truths).items()
    }


def _are_scenes(truths):
    return bool(truths) and all(truth and "objects" in truth for truth in truths)


def captions_line(scores):
    """Scores of `score_said` in one line, for people."""
    parts = [
        f"CIDEr-D {scores['cider']:.3f}",
        f"BLEU-4 {scores['bleu4']:.1f}",
        f"ROUGE-L {scores['rouge_l']:.1f}",
    ]
    if "meteor" in scores:
        parts.append(f"METEOR {scores['meteor']:.1f}")
    if "object_f1" in scores:
        parts += [
            f"object F1 {scores['object_f1']:.1f} %",
            f"relations {scores['relation_accuracy']:.1f} %",
        ]
    if "attention" in scores:
        pointing = scores["attention"]
        parts.append(
            f"attention in the box {100 * pointing['correctness']:.0f} % (chance "
            f"{100 * pointing['chance']:.0f} %)"
        )
    return "  ".join(parts)
