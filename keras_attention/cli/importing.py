"""import: a model of another library becomes a bundle."""

from pathlib import Path

import typer

from keras_attention.cli.backend_loading import load_backend

app = typer.Typer(
    help="Make a bundle of a model that another library trained.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def marian(
    folder: str = typer.Argument(
        ..., metavar="DIR", help="The model's folder, or hf://owner/name on the Hub."
    ),
    out: Path = typer.Option(..., "--out", help="The bundle's folder."),
    dtype: str = typer.Option(
        None, "--dtype", help="Of the weights: a policy of Keras; float32 by default."
    ),
):
    """Import a Marian model of Hugging Face's transformers, as OPUS-MT's are."""
    if out.exists():  # a mistake need not wait
        raise FileExistsError(
            f"{out} exists already and is left as it is; choose another place"
        )
    load_backend()
    from keras_attention.tasks.translator import Translator

    translator = Translator.from_marian(folder, dtype)
    translator.save(out)
    print(f"bundle: {out} ({translator.model.count_params():,} parameters)")
    print(f"try: keras-attention translate {out}")
