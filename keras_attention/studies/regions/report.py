"""The study of regions on paper: figures, their numbers, and what they say."""

from pathlib import Path

from keras_attention.files import write_whole
from keras_attention.studies.provenance import made_by
from keras_attention.studies.regions.figures import (
    draw_attention,
    draw_positions,
    draw_scores,
)
from keras_attention.studies.regions.findings import (
    against_pooled,
    by_number_of_things,
    how_errors_grow,
    where_it_attends,
    why_the_wrong_word,
)
from keras_attention.studies.regions.gallery import draw_gallery
from keras_attention.studies.regions.tables import (
    attention_table,
    csv_text,
    models_table,
    pairs_text,
    places_table,
    positions_table,
    score_tables,
    wrong_names_table,
)

INTRODUCTION = """\
Does a captioner say more, and more truly, if it can attend to regions of the image as
it writes? Does it attend to what it names? The models have the same images, captions,
tokenizer, order of batches, steps and seed, and numbers of parameters within 5 % of
each other: those without attention have wider states instead. After
[Xu et al., 2015](https://arxiv.org/abs/1502.03044),
[Vinyals et al., 2015](https://arxiv.org/abs/1411.4555) and, for scheduled sampling,
[Bengio et al., 2015](https://arxiv.org/abs/1506.03099). Intervals are of 95 %, by 1,000
resamples of the images.
"""

ATTENDED = """\
Of each name that a caption says of a thing in the image: the share of attention
inside of that thing's box (attention correctness), and whether the peak lies inside
(pointing game). Chance is the box's share of the image. Models say different
captions; compared with each other, they are made to say the same references.
"""

WRONG = """\
A name is wrong if no thing of that name is in the image, or if the caption has said
it before (of several things of one kind, captions say how many). Its attention is the
mean over its tokens, and the peak the middle of the cell with the most attention. What
stood there?
"""

SHOWN = """\
Some of them, of each kind in proportion: a right caption, what was said, and the
image in the light of the attention of the wrong name, with all things' boxes.
"""

POSITIONS = """\
**Words.** Of each image's references the one is taken that agrees with the greedy
caption at most positions. At each position its word is compared twice: with what the
model finds most probable after the *reference's* words up to there, and with the greedy
caption's word, which follows *its own*. A scene has many true captions, so that a share
of errors is there whatever the model knows; and a word too many or too few moves all
that follow.

**Things** may be said in any order, and nothing moves. The image's first reference is
given up to where it names its k-th thing, and the model goes on greedily; what it names
next is compared with the k-th thing that its greedy caption names. A name is right if
such a thing is in the image and has not been named before.

At the first position both are the same by definition; what lies between them later is
what a model's own errors cost it.
"""


def write_report(results, images, folder, command=""):
    """Writes all figures, regions.csv and report.md.

    Args:
        results: list of `Result`, that of soft attention first.
        images: `MeasuredImages`.
        folder: path.
        command: str. What was typed.

    Returns:
        Path of the report.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    draw_scores(results, images, folder / "regions.png")
    draw_attention(results, images, folder / "attention.png")
    draw_positions(results, folder / "positions.png")
    write_whole(folder / "regions.csv", csv_text(results, images))
    gallery = draw_gallery(results[0], images, folder / "gallery.png")
    text = report_text(results, images, command, gallery)
    write_whole(folder / "report.md", text)
    return folder / "report.md"


def findings(results, images):
    """Paragraphs of results."""
    found = [
        against_pooled(results, images),
        by_number_of_things(results, images),
        where_it_attends(results),
        why_the_wrong_word(results),
        how_errors_grow(results),
    ]
    return [paragraph for paragraph in found if paragraph]


def report_text(results, images, command="", gallery=False):
    """The report, in Markdown."""
    parts = ["# Visual grounding of captions\n", INTRODUCTION]
    parts += ["## Results: attention against a pooled vector\n"]
    parts += [against_pooled(results, images) + "\n"]
    parts += [by_number_of_things(results, images) + "\n"]
    parts += ["![Scores by number of things](regions.png)\n"]
    parts += [models_table(results), score_tables(results, images)]
    parts += [
        "## Where the model attends\n",
        ATTENDED,
        where_it_attends(results) + "\n",
    ]
    parts += ["![Attention inside of boxes](attention.png)\n", attention_table(results)]
    parts += ["## Error analysis: why the wrong word\n", WRONG]
    parts += [why_the_wrong_word(results) + "\n"]
    if gallery:
        parts += ["![Wrong words and where attention was](gallery.png)\n", SHOWN]
    parts += [places_table(results), pairs_text(results)]
    parts += ["## Errors by position\n", POSITIONS, how_errors_grow(results) + "\n"]
    parts += ["![Errors by position](positions.png)\n"]
    parts += [positions_table(results, "word", "errors")]
    parts += [positions_table(results, "thing named", "name_errors")]
    parts += [wrong_names_table(results)]
    parts.append(made_by(results, command))
    return "\n".join(parts)
