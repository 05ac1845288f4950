"""The commands, in the order in which a user meets them."""

import typer

from keras_attention.cli import (
    attend,
    caption,
    demo,
    evaluate,
    export,
    features,
    importing,
    serving,
    study,
    training,
    translate,
)

app = typer.Typer(
    help="Train attention models on your own data, visualise attention, serve them.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version."),
):
    if version:
        from keras_attention import __version__

        print(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


for command in (
    demo.demo,
    training.recipes,
    training.prepare,
    training.train,
    translate.translate,
    caption.caption,
    evaluate.evaluate,
    attend.attend,
    features.features,
    export.export,
    serving.serve,
):
    app.command()(command)
app.add_typer(importing.app, name="import")
app.add_typer(study.app, name="study")
