"""Studies: claims of the literature, redrawn here."""

import shlex
from pathlib import Path

import typer

from keras_attention.cli.backend_loading import load_backend
from keras_attention.cli.training import Set

DEFAULT_RECIPES = ["reverse-bahdanau", "bible-en-es-bahdanau"]

app = typer.Typer(
    help="Reproduce claims of the literature.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def bottleneck(
    recipes: list[str] = typer.Option(
        [],
        "--recipe",
        help="A recurrent recipe with attention, by name or .toml file; may be given "
        "several times. reverse-bahdanau and bible-en-es-bahdanau by default.",
    ),
    folder: Path = typer.Option(
        "studies/bottleneck", "--out", help="Where everything is written."
    ),
    steps: int = typer.Option(
        None, "--steps", min=1, help="Of each model, instead of the recipe's."
    ),
    changes: list[str] = Set,
    buckets: list[str] = typer.Option(
        [],
        "--buckets",
        metavar="DATASET=N,N,...",
        help="The last length of each bucket but the last; about a hundred sentences "
        "in each by default.",
    ),
    resume: bool = typer.Option(
        False, "--resume", help="Go on with a study that was stopped, or draw it anew."
    ),
):
    """The bottleneck: quality by source length, with attention and without."""
    from keras_attention.training.recipe import load_recipe

    recipes = recipes or DEFAULT_RECIPES
    steps_change = [] if steps is None else [f"training.max_steps={steps}"]
    loaded = [load_recipe(recipe, [*changes, *steps_change]) for recipe in recipes]
    boundaries = dict(map(_boundaries, buckets))
    words = ["keras-attention", "study", "bottleneck", "--out", str(folder)]
    for option, values in (
        ("--recipe", recipes),
        ("--steps", [] if steps is None else [str(steps)]),
        ("--set", changes),
        ("--buckets", buckets),
    ):
        words += [word for value in values for word in (option, value)]
    load_backend()
    from keras_attention.studies.bottleneck.study import run_bottleneck

    report = run_bottleneck(loaded, folder, boundaries, resume, shlex.join(words))
    print(f"report: {report}")


@app.command()
def regions(
    recipe: str = typer.Option(
        "scenes-soft",
        "--recipe",
        help="A recurrent captioning recipe of scenes with soft attention, by name or "
        ".toml file.",
    ),
    folder: Path = typer.Option(
        "studies/regions", "--out", help="Where everything is written."
    ),
    steps: int = typer.Option(
        None, "--steps", min=1, help="Of each model, instead of the recipe's."
    ),
    changes: list[str] = Set,
    resume: bool = typer.Option(
        False, "--resume", help="Go on with a study that was stopped, or draw it anew."
    ),
):
    """Visual grounding: captions with attention to regions, and from one vector."""
    from keras_attention.training.recipe import load_recipe

    steps_change = [] if steps is None else [f"training.max_steps={steps}"]
    loaded = load_recipe(recipe, [*changes, *steps_change])
    words = ["keras-attention", "study", "regions", "--out", str(folder)]
    words += ["--recipe", recipe]
    words += [] if steps is None else ["--steps", str(steps)]
    words += [word for change in changes for word in ("--set", change)]
    load_backend()
    from keras_attention.studies.regions.study import run_regions

    report = run_regions(loaded, folder, resume, shlex.join(words))
    print(f"report: {report}")


def _boundaries(text):
    dataset, _, numbers = text.rpartition("=")
    try:
        return dataset, [int(number) for number in numbers.split(",")]
    except ValueError:
        raise ValueError(
            "--buckets takes a data set and the last length of each bucket but the "
            f"last, as bible-en-es=15,25,35; received {text!r}"
        ) from None
