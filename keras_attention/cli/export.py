"""export: a bundle becomes a SavedModel, or what other libraries read."""

from pathlib import Path

import typer

from keras_attention.choices import PRECISIONS
from keras_attention.cli import bundles
from keras_attention.conversion.ctranslate2_names import (
    QUANTIZATIONS,
    check_quantization,
)
from keras_attention.files import check_free

FORMATS = ("savedmodel", "marian", "ctranslate2")
# Of one model into one folder.
FOLDERS = FORMATS[1:]


def export(
    bundle: Path = bundles.Bundle,
    out: Path = typer.Option(
        None,
        "--out",
        help="The folder of all exported models, saved_models by default; the model's "
        "own with the other formats.",
    ),
    layout: str = typer.Option(
        "savedmodel",
        "--format",
        help=f"{', '.join(FORMATS)}; marian is Hugging Face's; both are of a "
        "Transformer.",
    ),
    quantization: str = typer.Option(
        None,
        "--quantization",
        help=f"Of weights with --format ctranslate2: {', '.join(QUANTIZATIONS)}.",
    ),
    precision: str = typer.Option(
        None,
        "--precision",
        help=f"What a SavedModel computes in: {', '.join(PRECISIONS)}; that of the "
        "bundle if not given.",
    ),
    name: str = typer.Option(
        None, "--name", help="The model's name; that of its recipe by default."
    ),
    version: int = typer.Option(None, "--version", min=1, help="The next by default."),
    ensemble: list[Path] = bundles.Ensemble,
    beam: int = bundles.Beam,
    n_best: int = typer.Option(None, "--n-best", min=1, help="Hypotheses returned."),
    beam_rule: str = bundles.BeamRule,
    early_stopping: str = bundles.EarlyStopping,
    length_penalty: float = bundles.LengthPenalty,
    unknown: str = bundles.Unknown,
    constrained: bool = typer.Option(
        False,
        "--constrained",
        help="Add a signature that takes words that must come, or may not.",
    ),
):
    """Write a SavedModel that takes texts, or the bytes of images, as they are, with
    tokenizers and beam search inside."""
    check_format(layout)
    if quantization is not None and layout != "ctranslate2":
        raise ValueError(
            f"--quantization is of --format ctranslate2; received {quantization!r}"
        )
    check_quantization(quantization)
    check_precision(precision, layout)
    changes = bundles.decoding(
        beam=beam,
        n_best=n_best,
        beam_rule=beam_rule,
        early_stopping=early_stopping,
        length_penalty=length_penalty,
        unknown=unknown,
    )
    if layout in FOLDERS:
        others = name is not None or version is not None or ensemble or constrained
        if out is None or others:
            raise ValueError(
                f"--format {layout} writes one model into one folder: give --out, and "
                "no --name, --version, --ensemble or --constrained"
            )
        check_free(out)
        task = bundles.load(bundle, "translation")
        task.options = task.options.replace(**changes)
        WRITERS[layout](task, out, quantization)
        return
    from keras_attention.export import export as write
    from keras_attention.export import version_folder

    saved_models = out or Path("saved_models")
    if name is not None:
        version_folder(saved_models, name, version)  # a mistake need not wait
    task = bundles.load(bundle, ensemble=ensemble, dtype=precision)
    options = task.options.replace(**changes)
    if name is None:
        name = task.training.get("name") or Path(bundle).resolve().name
    path = write(task, saved_models, name, version, options, constrained=constrained)
    print(f"SavedModel: {path}")
    print(f"try: keras-attention serve {path.parent}")
    print("Other programs that load it must `import tensorflow_text` first.")


def check_format(layout):
    if layout not in FORMATS:
        raise ValueError(
            f"--format must be one of {', '.join(FORMATS)}; received {layout!r}"
        )


def check_precision(precision, layout):
    if precision is None:
        return
    if layout != "savedmodel":
        raise ValueError(
            "--precision is of SavedModels; received it with "
            f"--format {layout}: leave it out"
        )
    if precision not in PRECISIONS:
        raise ValueError(
            f"--precision must be one of {', '.join(PRECISIONS)}; received "
            f"{precision!r:.60}"
        )


def write_marian(task, out, quantization):
    print(f"Marian model: {task.to_marian(out)}")
    print(f'try: transformers.MarianMTModel.from_pretrained("{out}")')


def write_ctranslate2(task, out, quantization):
    print(f"CTranslate2 model: {task.to_ctranslate2(out, quantization)}")
    print(f"try: keras-attention translate {out} --engine ctranslate2")


WRITERS = {"marian": write_marian, "ctranslate2": write_ctranslate2}
