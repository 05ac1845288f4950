"""Commands before there is a model: recipes, prepare, train."""

from pathlib import Path

import typer

from keras_attention.cli.backend_loading import load_backend

Set = typer.Option(
    [],
    "--set",
    metavar="TABLE.KEY=VALUE",
    help="Change one value of the recipe; may be given several times.",
)


def recipes(
    name: str = typer.Argument("", help="Print this recipe; all names without it."),
):
    """List the recipes that come with the package, or print one."""
    from keras_attention.training.recipe import RECIPES, load_recipe, shipped_recipes

    if name:
        load_recipe(name)
        path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
        print(path.read_text(encoding="utf-8"), end="")
        return
    for recipe in shipped_recipes():
        text = (RECIPES / f"{recipe}.toml").read_text(encoding="utf-8")
        print(f"{recipe:24} {text.splitlines()[0].lstrip('# ')}")


def prepare(
    recipe: str = typer.Argument(..., help="A recipe's name, or a .toml file."),
    folder: Path = typer.Option(..., "--out", help="Where the corpus is written."),
    changes: list[str] = Set,
):
    """Train the tokenizer and tokenise a recipe's corpus, without training."""
    load_backend()
    from keras_attention.training.recipe import load_recipe
    from keras_attention.training.trainer import Trainer

    print(f"{folder}: {Trainer(load_recipe(recipe, changes), folder).prepare()}")


def train(
    recipe: str = typer.Argument(..., help="A recipe's name, or a .toml file."),
    changes: list[str] = Set,
    folder: Path = typer.Option(
        None, "--out", help="The run's folder; runs/<name> by default."
    ),
    resume: bool = typer.Option(
        False, "--resume", help="Go on with a run that was stopped or killed."
    ),
    force: bool = typer.Option(
        False, "--force", help="Delete a run that is there, and begin anew."
    ),
):
    """Train a model; writes its bundle, scores and logs."""
    from keras_attention.training.recipe import load_recipe

    if resume and force:
        raise ValueError("--resume goes on and --force begins anew; give one of them")
    loaded = load_recipe(recipe, changes)
    folder = folder or Path("runs") / loaded.name
    load_backend()
    from keras_attention.training.trainer import Trainer

    trainer = Trainer(loaded, folder)
    task = trainer.run(resume=resume, force=force)
    for line in trainer.work.score_lines(task.metrics):
        print(line)
    bundle = folder / "bundle"
    print(f"bundle: {bundle}")
    print(f"try: {trainer.work.example(bundle)}")
