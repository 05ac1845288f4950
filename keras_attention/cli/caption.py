"""caption: pictures in, lines out."""

import json
import sys
from pathlib import Path

import typer

from keras_attention.cli import bundles
from keras_attention.cli.pictures import PICTURES_HELP, good_pictures, picture_sources


def caption(
    bundle: Path = bundles.Bundle,
    images: list[str] = typer.Argument(
        None,
        help=f"{PICTURES_HELP} Standard input by default: one picture, or paths, one "
        "a line.",
    ),
    beam: int = bundles.Beam,
    n_best: int = typer.Option(None, "--n-best", min=1, help="Captions per picture."),
    as_json: bool = typer.Option(
        False, "--json", help="JSON lines with n-best, scores and grids of attention."
    ),
    length_penalty: float = bundles.LengthPenalty,
    min_length: int = bundles.MinLength,
    max_length: int = bundles.MaxLength,
    no_repeat_ngram: int = bundles.NoRepeatNgram,
    temperature: float = bundles.Temperature,
    top_k: int = bundles.TopK,
    top_p: float = bundles.TopP,
    seed: int = bundles.Seed,
    prefix: str = typer.Option(None, help="What every caption begins with."),
    batch_size: int = typer.Option(
        16, min=1, help="Pictures captioned at once; 1 answers each as it comes."
    ),
):
    """Write about pictures: a line for each, its name and its caption."""
    sources = picture_sources(images)
    captioner = bundles.load(bundle, "captioning")
    options = bundles.given(
        length_penalty=length_penalty,
        min_length=min_length,
        max_length=max_length,
        no_repeat_ngram=no_repeat_ngram,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
    )
    at_once = batch_size == 1 or (not images and sys.stdin.isatty())
    num_bad = 0
    for batch in good_pictures(captioner, sources, 1 if at_once else batch_size):
        num_bad += batch.num_bad
        if not batch.names:
            continue
        captions = captioner.caption_inputs(
            {"images": batch.pixels},
            names=batch.names,
            beam=beam,
            n_best=n_best,
            return_attention=as_json,
            prefixes=[prefix] * len(batch.names) if prefix else None,
            batch_size=batch_size,
            seed=seed,
            **options,
        )
        for found, square in zip(captions, batch.squares, strict=True):
            if as_json:
                answer = {**found.as_dict(), "square": square}
                print(json.dumps(answer, ensure_ascii=False))
            elif n_best and n_best > 1:
                for each in found.hypotheses:
                    text = bundles.one_line(each.text)
                    print(f"{found.name}\t{each.score:.4f}\t{text}")
            else:
                print(f"{found.name}\t{bundles.one_line(found.text)}")
        sys.stdout.flush()
    if num_bad:
        raise typer.Exit(1)
