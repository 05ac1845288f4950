"""Commands before there is a model: recipes, prepare, train."""

from pathlib import Path

import typer

from keras_attention.cli.quiet import load_backend

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
        print((RECIPES / f"{name}.toml").read_text(encoding="utf-8"), end="")
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
    from keras_attention.training.console import plain_console
    from keras_attention.training.corpus import prepare_corpus
    from keras_attention.training.recipe import load_recipe

    corpus = prepare_corpus(load_recipe(recipe, changes), folder, plain_console())
    print(
        f"{folder}: {len(corpus.train):,} training pairs, {len(corpus.valid):,} "
        f"validation, {len(corpus.test):,} test"
    )


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

    translator = Trainer(loaded, folder).run(resume=resume, force=force)
    for line in score_lines(translator.metrics):
        print(line)
    print(f"bundle: {folder / 'bundle'}")
    print(f'try: echo "…" | keras-attention translate {folder / "bundle"}')


def score_lines(metrics):
    """Scores for people, the baseline beside them."""
    lines = []
    for key in ("model", "copying_the_source"):
        scores = metrics[key]
        lines.append(
            f"{key.replace('_', ' '):18} BLEU {scores['bleu']:5.1f}  "
            f"chrF {scores['chrf']:5.1f}  exact {scores['exact_match_percent']:5.1f} %"
        )
    if "attention" in metrics:
        looked = metrics["attention"]
        lines.append(
            f"{'attention':18} alignment error rate {looked['error_rate']:.3f}  "
            f"entropy {looked['entropy']:.2f} nats"
        )
    lines.append(f"{metrics['sentences']} sentences of {metrics['split']}")
    lines.append(metrics["model"]["bleu_signature"])
    return lines
