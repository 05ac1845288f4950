"""What the commands for a trained model share."""

import contextlib
import sys
import warnings

import typer

from keras_attention.choices import COMPILATIONS, ENGINES
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
Engine = typer.Option(
    None,
    "--engine",
    help="What computes: keras, or ctranslate2, of a Transformer on CPUs; that reads "
    "bundles and what export --format ctranslate2 writes.",
)
Quantization = typer.Option(
    None, "--quantization", help="Of --engine ctranslate2: float32, int8, int16, …"
)

JIT_COMPILE: dict[str, bool | str] = dict(
    zip(COMPILATIONS, ("auto", True, False), strict=True)
)
JitCompile = typer.Option(
    "auto",
    "--jit-compile",
    help="Whether XLA compiles the search, at seconds for each shape: auto, where that "
    "pays, true or false.",
)

# The command that does with a bundle what one usually wants.
COMMANDS = {"translation": "translate", "captioning": "caption"}


def task_of(bundle):
    """What a bundle is for, as "translation", without loading anything slow."""
    from keras_attention.tasks.bundle import bundle_task

    return bundle_task(bundle)


def engine_of(engine, quantization):
    """The engine that has been asked for, as arguments of `load`; {} for Keras.

    Raises:
        ValueError: for one that there is not, before anything slow is loaded.
    """
    from keras_attention.conversion.ctranslate2_names import check_quantization

    if engine not in (None, *ENGINES):
        raise ValueError(
            f"--engine must be {' or '.join(ENGINES)}; received {engine!r}"
        )
    if engine == "ctranslate2":
        check_quantization(quantization)
        return {"engine": engine, "quantization": quantization}
    if quantization is not None:
        raise ValueError(
            f"--quantization is of --engine ctranslate2; received {quantization!r}"
        )
    return {}


def load(
    bundle,
    task=None,
    ensemble=None,
    engine=None,
    quantization=None,
    jit_compile="auto",
    dtype=None,
):
    """The `Translator` or `Captioner` of a bundle's folder.

    Args:
        bundle: Path.
        task: str, optional. What the bundle must be for.
        ensemble: list of Path, optional. Bundles that decode together with it.
        engine: "ctranslate2", optional.
        quantization: str, optional. What that computes with.
        jit_compile: str. What `--jit-compile` says.
        dtype: str, optional. Another policy of Keras than the bundle's.
    """
    if jit_compile not in JIT_COMPILE:
        raise ValueError(
            f"--jit-compile must be {', '.join(JIT_COMPILE)}; received "
            f"{jit_compile!r:.60}"
        )
    if engine is not None:
        if jit_compile != "auto":
            raise ValueError(
                "--jit-compile is of Keras; received --engine ctranslate2: leave one "
                "of them out"
            )
        return _load_for(engine, quantization, bundle, ensemble)
    found = task_of(bundle)
    if task is not None and found != task and found in COMMANDS:
        raise ValueError(
            f"{bundle} is a bundle for {found}: try keras-attention {COMMANDS[found]} "
            f"{bundle}"
        )
    load_backend()
    from keras_attention import tasks

    with _warnings_told():
        loaded = tasks.load([bundle, *ensemble] if ensemble else bundle, dtype)
    loaded.jit_compile = JIT_COMPILE[jit_compile]
    return loaded


def _load_for(engine, quantization, bundle, ensemble):
    from keras_attention.tasks.ctranslate2_folder import is_folder
    from keras_attention.tasks.translator import Translator

    if not is_folder(bundle):
        task_of(bundle)  # a mistake need not wait for the backend
        load_backend()
    path = [bundle, *ensemble] if ensemble else bundle
    with _warnings_told():
        return Translator.load(path, engine=engine, quantization=quantization)


@contextlib.contextmanager
def _warnings_told():
    with warnings.catch_warnings(record=True) as told:
        warnings.filterwarnings("always", ".*newer than this version", UserWarning)
        yield
    for warning in told:
        print(f"warning: {warning.message}", file=sys.stderr)


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
