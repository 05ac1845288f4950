"""translate: lines in, lines out."""

import json
import sys
import warnings
from pathlib import Path

import typer

from keras_attention.cli import bundles


def translate(
    bundle: Path = bundles.Bundle,
    files: list[Path] = typer.Argument(None, help="Texts; standard input by default."),
    beam: int = bundles.Beam,
    n_best: int = typer.Option(None, "--n-best", min=1, help="Translations per line."),
    as_json: bool = typer.Option(
        False, "--json", help="JSON lines with n-best, scores and alignments."
    ),
    length_penalty: float = bundles.LengthPenalty,
    min_length: int = bundles.MinLength,
    max_length: int = bundles.MaxLength,
    no_repeat_ngram: int = bundles.NoRepeatNgram,
    temperature: float = bundles.Temperature,
    top_k: int = bundles.TopK,
    top_p: float = bundles.TopP,
    seed: int = bundles.Seed,
    prefix: str = typer.Option(None, help="What every translation begins with."),
    batch_size: int = typer.Option(
        32, min=1, help="Lines translated at once; 1 answers each as it comes."
    ),
):
    """Translate lines of text; standard input to standard output."""
    translator = bundles.load(bundle, "translation")
    options = bundles.given(
        length_penalty=length_penalty,
        min_length=min_length,
        max_length=max_length,
        no_repeat_ngram=no_repeat_ngram,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
    )
    # Lines are sorted by length within a chunk: large enough to fill batches, small
    # enough that a stream is answered while it flows. Who types is answered at once.
    at_once = batch_size == 1 or (not files and sys.stdin.isatty())
    for chunk in _chunks(_lines(files), 1 if at_once else 16 * batch_size):
        with warnings.catch_warnings():
            # It would count from the chunk's first line; below, it counts from the
            # file's.
            warnings.filterwarnings("ignore", ".*were cut", UserWarning)
            translations = translator.translate(
                [text for _, text in chunk],
                beam=beam,
                n_best=n_best,
                return_attention=as_json,
                prefixes=[prefix] * len(chunk) if prefix else None,
                batch_size=batch_size,
                seed=seed,
                **options,
            )
        for (place, _), translation in zip(chunk, translations, strict=True):
            if translation.truncated:
                most = translator.max_source_length - 1
                print(
                    f"warning: {place} has more than {most} tokens and was cut; split "
                    "long texts into sentences",
                    file=sys.stderr,
                )
            if as_json:
                print(json.dumps(translation.as_dict(), ensure_ascii=False))
            elif n_best and n_best > 1:
                for hypothesis in translation.hypotheses:
                    print(
                        f"{hypothesis.score:.4f}\t{bundles.one_line(hypothesis.text)}"
                    )
            else:
                print(bundles.one_line(translation.text))
        sys.stdout.flush()


def _lines(files):
    """Yields `(place, text)` of each line, to name and to translate."""
    if not files:
        yield from _decoded(sys.stdin.buffer, "standard input")
    for path in files or ():
        with path.open("rb") as stream:
            yield from _decoded(stream, path)


def _decoded(stream, name):
    for number, line in enumerate(stream, 1):
        place = f"line {number} of {name}"
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"{place} is not UTF-8: {error}") from None
        yield place, text.rstrip("\r\n")


def _chunks(lines, size):
    chunk = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
