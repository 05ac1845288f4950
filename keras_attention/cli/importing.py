"""import: a model of another library becomes a bundle."""

from pathlib import Path

import typer

from keras_attention.cli.backend_loading import load_backend
from keras_attention.files import check_free

app = typer.Typer(
    help="Make a bundle of a model that another library trained.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = typer.Argument(
    ..., metavar="DIR", help="The model's folder, or hf://owner/name on the Hub."
)
Out = typer.Option(..., "--out", help="The bundle's folder.")
Dtype = typer.Option(
    None, "--dtype", help="Of the weights: a policy of Keras; float32 by default."
)


@app.command()
def marian(folder: str = Folder, out: Path = Out, dtype: str = Dtype):
    """Import a Marian model of Hugging Face's transformers, as OPUS-MT's are."""
    check_free(out)
    load_backend()
    from keras_attention.tasks.translator import Translator

    save(Translator.from_marian(folder, dtype), out)


@app.command()
def m2m100(
    folder: str = Folder,
    out: Path = Out,
    dtype: str = Dtype,
    source_language: str = typer.Option(
        None,
        "--source-language",
        help="The default, as the model calls it: en for M2M-100, eng_Latn for NLLB.",
    ),
    target_language: str = typer.Option(
        None, "--target-language", help="The default; the tokenizer may have none."
    ),
):
    """Import M2M-100 or NLLB-200 of Hugging Face's transformers.

    --dtype bfloat16 takes half of the memory that float32 takes.
    """
    check_free(out)
    load_backend()
    from keras_attention.tasks.translator import Translator

    translator = Translator.from_m2m100(folder, dtype, source_language, target_language)
    save(translator, out, "" if translator.target_language else " --target-language …")


def save(translator, out, options=""):
    from keras_attention.tasks.language_codes import language_codes

    translator.save(out)
    print(f"bundle: {out} ({translator.model.count_params():,} parameters)")
    text, codes = "…", language_codes(translator.source_tokenizer)
    if codes:
        text = f"{codes[0]} …"
        print(f"language codes: {len(codes)}; a text begins with one, as in {text}")
    print(f'try: echo "{text}" | keras-attention translate {out}{options}')
