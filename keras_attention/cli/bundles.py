"""What the commands for a trained model share."""

import typer

from keras_attention.cli.quiet import load_backend

Bundle = typer.Argument(..., help="A bundle's folder, as train leaves it.")
Beam = typer.Option(None, "--beam", min=1, help="Hypotheses kept; 1 is greedy.")
LengthPenalty = typer.Option(None, "--length-penalty", help="GNMT's alpha.")


def load(bundle):
    """The `Translator` of a bundle's folder."""
    load_backend()
    from keras_attention.tasks.translation import Translator

    return Translator.load(bundle)


def one_line(text):
    """A model may say a line break, which would put all that follows out of step."""
    return " ".join(text.splitlines())
