"""The demo: from a corpus to served translations, in some minutes."""

from pathlib import Path

import typer

from keras_attention.cli.backend_loading import load_backend


def demo(
    minutes: float = typer.Option(7.0, "--minutes", min=0.05, help="Of training."),
    folder: Path = typer.Option("demo", "--out", help="Where everything is written."),
    resume: bool = typer.Option(
        False, "--resume", help="Go on with a demo that was stopped."
    ),
    force: bool = typer.Option(
        False, "--force", help="Delete a demo that is there, and begin anew."
    ),
):
    """Train a small Transformer, draw its attention, export it and serve it."""
    load_backend()
    from keras_attention.studies.demo import run_demo

    run_demo(folder, minutes, resume, force)
