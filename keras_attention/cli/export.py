"""export: a bundle becomes a SavedModel."""

from pathlib import Path

import typer

from keras_attention.cli import bundles


def export(
    bundle: Path = bundles.Bundle,
    saved_models: Path = typer.Option(
        "saved_models", "--out", help="The folder of all exported models."
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
):
    """Write a SavedModel that takes texts, or the bytes of images, as they are, with
    tokenizers and beam search inside."""
    from keras_attention.export import export as write
    from keras_attention.export import version_folder

    if name is not None:
        version_folder(saved_models, name, version)  # a mistake need not wait
    changes = bundles.decoding(
        beam=beam,
        n_best=n_best,
        beam_rule=beam_rule,
        early_stopping=early_stopping,
        length_penalty=length_penalty,
        unknown=unknown,
    )
    task = bundles.load(bundle, ensemble=ensemble)
    options = task.options.replace(**changes)
    if name is None:
        name = task.training.get("name") or Path(bundle).resolve().name
    path = write(task, saved_models, name, version, options)
    print(f"SavedModel: {path}")
    print(f"try: keras-attention serve {path.parent}")
    print("Other programs that load it must `import tensorflow_text` first.")
