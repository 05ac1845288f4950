"""caption: images in, lines out."""

import json
import sys
from pathlib import Path

import typer

from keras_attention.cli import bundles
from keras_attention.cli.images import IMAGES_HELP, good_images, image_sources


def caption(
    bundle: Path = bundles.Bundle,
    images: list[str] = typer.Argument(
        None,
        help=f"{IMAGES_HELP} Standard input by default: one image, or paths, one "
        "a line.",
    ),
    ensemble: list[Path] = bundles.Ensemble,
    beam: int = bundles.Beam,
    n_best: int = typer.Option(None, "--n-best", min=1, help="Captions per image."),
    as_json: bool = typer.Option(
        False, "--json", help="JSON lines with n-best, scores and grids of attention."
    ),
    beam_rule: str = bundles.BeamRule,
    early_stopping: str = bundles.EarlyStopping,
    length_penalty: float = bundles.LengthPenalty,
    min_length: int = bundles.MinLength,
    max_length: int = bundles.MaxLength,
    no_repeat_ngram: int = bundles.NoRepeatNgram,
    temperature: float = bundles.Temperature,
    top_k: int = bundles.TopK,
    top_p: float = bundles.TopP,
    unknown: str = bundles.Unknown,
    seed: int = bundles.Seed,
    prefix: str = typer.Option(None, help="What every caption begins with."),
    constraint: list[str] = bundles.Constraint,
    avoid: list[str] = bundles.Avoid,
    jit_compile: str = bundles.JitCompile,
    batch_size: int = typer.Option(
        16, min=1, help="Images per batch; 1 captions each as it comes."
    ),
):
    """Write about images: a line for each, its name and its caption.

    What is no image is named on standard error, with --json also by a line whose
    error says why; the exit code is 1 at the end.
    """
    options = bundles.decoding(
        beam=beam,
        n_best=n_best,
        beam_rule=beam_rule,
        early_stopping=early_stopping,
        length_penalty=length_penalty,
        min_length=min_length,
        max_length=max_length,
        no_repeat_ngram=no_repeat_ngram,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        unknown=unknown,
    )
    sources = image_sources(images)
    captioner = bundles.load(bundle, "captioning", ensemble, jit_compile=jit_compile)
    # A mistake need not wait for images.
    captioner.check_arguments(constraints=constraint, avoid=avoid, **options)
    at_once = batch_size == 1 or (not images and sys.stdin.isatty())
    num_bad = 0
    for batch in good_images(captioner, sources, 1 if at_once else batch_size):
        num_bad += len(batch.bad)
        captions = batch.names and captioner.caption_inputs(
            batch.inputs,
            names=batch.names,
            return_attention=as_json,
            prefixes=[prefix] * len(batch.names) if prefix else None,
            constraints=constraint,
            avoid=avoid,
            batch_size=batch_size,
            seed=seed,
            **options,
        )
        if as_json:
            for result in _results(captions, batch):
                print(json.dumps(result, ensure_ascii=False))
        else:
            print("".join(_lines(captions, n_best)), end="")
        sys.stdout.flush()
    if num_bad:
        raise typer.Exit(1)


def _results(captions, batch):
    """A dict for each image, in their order; `error` says why one is none."""
    results = [
        {**found.as_dict(), "square": square}
        for found, square in zip(captions, batch.squares, strict=True)
    ]
    for place, name, why in batch.bad:
        nothing = {"image": name, "text": "", "score": 0.0, "n_best": []}
        results.insert(place, {**nothing, "square": None, "error": why})
    return results


def _lines(captions, n_best):
    for found in captions:
        if n_best and n_best > 1:
            for each in found.hypotheses:
                yield f"{found.name}\t{each.score:.4f}\t{bundles.one_line(each.text)}\n"
        else:
            yield f"{found.name}\t{bundles.one_line(found.text)}\n"
