"""What the commands for a trained model share."""

import sys
import warnings

import typer

from keras_attention.cli.backend_loading import load_backend
from keras_attention.decoding.options import WORDS
from keras_attention.texts import is_blank

Bundle = typer.Argument(..., help="A bundle's folder, as train leaves it.")
Ensemble = typer.Option(
    None,
    "--ensemble",
    help="Another bundle, whose model decodes together with the first; repeatable.",
)
Beam = typer.Option(None, "--beam", min=1, help="Hypotheses kept; 1 is greedy.")
BeamRule = typer.Option(
    None,
    "--beam-rule",
    help=f"Finished hypotheses: {', '.join(WORDS['beam_rule'])}, as Hugging Face.",
)
EarlyStopping = typer.Option(
    None,
    "--early-stopping",
    help=f"Of a full pool: {', '.join(WORDS['early_stopping'])}.",
)
LengthPenalty = typer.Option(
    None,
    "--length-penalty",
    help="α: log-probabilities are divided by GNMT's ((5 + length) / 6)^α, or by "
    "length^α with --beam-rule pool, where α may be negative.",
)
MinLength = typer.Option(None, "--min-length", min=0, help="Least tokens.")
MaxLength = typer.Option(None, "--max-length", min=1, help="Most tokens.")
NoRepeatNgram = typer.Option(
    None, "--no-repeat-ngram", min=0, help="Forbid repeats of this n."
)
Temperature = typer.Option(None, "--temperature", help="Above 0: sample.")
TopK = typer.Option(None, "--top-k", min=0, help="Sample from so many tokens.")
TopP = typer.Option(None, "--top-p", help="Sample from this much probability.")
Unknown = typer.Option(
    None,
    "--unknown",
    help=f"Unknown words: {', '.join(WORDS['unknown'])}; copy takes the source word.",
)
Constraint = typer.Option(
    None,
    "--constraint",
    help="Word or phrase that every output must contain; repeatable.",
)
Avoid = typer.Option(
    None, "--avoid", help="Word or phrase that no output may contain; repeatable."
)
Tag = typer.Option(
    None,
    "--tag",
    help='Put before every text, as "<2de>": the language that is wanted.',
)
SourceLanguage = typer.Option(
    None,
    "--source-language",
    help="Of the texts, in a model of several languages; the bundle's own by default.",
)
TargetLanguage = typer.Option(
    None, "--target-language", help="To translate into, in a model of several."
)
Seed = typer.Option(0, "--seed", help="Of sampling.")

# The command that does with a bundle what one usually wants.
COMMANDS = {"translation": "translate", "captioning": "caption"}


def task_of(bundle):
    """What a bundle is for, as "translation", without loading anything slow."""
    from keras_attention.tasks.bundle import bundle_task

    return bundle_task(bundle)


def load(bundle, task=None, ensemble=None):
    """The `Translator` or `Captioner` of a bundle's folder.

    Args:
        bundle: Path.
        task: str, optional. What the bundle must be for.
        ensemble: list of Path, optional. Bundles that decode together with it.
    """
    found = task_of(bundle)
    if task is not None and found != task and found in COMMANDS:
        raise ValueError(
            f"{bundle} is a bundle for {found}: try keras-attention {COMMANDS[found]} "
            f"{bundle}"
        )
    load_backend()
    from keras_attention import tasks

    with warnings.catch_warnings(record=True) as told:
        warnings.filterwarnings("always", ".*newer than this version", UserWarning)
        loaded = tasks.load([bundle, *ensemble] if ensemble else bundle)
    for warning in told:
        print(f"warning: {warning.message}", file=sys.stderr)
    return loaded


def given(**options):
    """The options that have been given, a dict."""
    return {name: value for name, value in options.items() if value is not None}


def check_tag(translator, tag):
    """Refuses what a translator's tokenizer would cut, before anything slow."""
    if tag:
        from keras_attention.training import corpus

        corpus.check_tag(translator.source_tokenizer, tag)


def tagged(text, tag):
    """A text behind its tag. Nothing stays nothing, of which there is no
    translation."""
    return f"{tag} {text}" if tag and not is_blank(text) else text


def lexical(constraint, avoid):
    """What must come and what may not, where any has been given, a dict."""
    return given(constraints=constraint or None, avoid=avoid or None)


def decoding(**options):
    """The decoding options that have been given, a dict.

    Raises:
        ValueError: for a value that cannot be, before anything slow is loaded.
    """
    from keras_attention.decoding.options import checked

    return {name: checked(name, value) for name, value in given(**options).items()}


def one_line(text):
    """A model may say a line break, which would put all that follows out of step."""
    return " ".join(text.splitlines())
