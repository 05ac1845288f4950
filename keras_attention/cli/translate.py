"""translate: lines in, lines out."""

import json
import sys
import warnings
from pathlib import Path

import typer

from keras_attention.cli import bundles, lines


def translate(
    bundle: Path = bundles.Bundle,
    files: list[Path] = typer.Argument(
        None, help="Texts, plain or gzip'd; standard input by default."
    ),
    ensemble: list[Path] = bundles.Ensemble,
    beam: int = bundles.Beam,
    n_best: int = typer.Option(
        None,
        "--n-best",
        min=1,
        help="Translations per line, each with its score before it; -inf and nothing "
        "where the search found fewer.",
    ),
    as_json: bool = typer.Option(
        False, "--json", help="JSON lines with n-best, scores and alignments."
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
    tag: str = bundles.Tag,
    source_language: str = bundles.SourceLanguage,
    target_language: str = bundles.TargetLanguage,
    prefix: str = typer.Option(None, help="What every translation begins with."),
    constraint: list[str] = bundles.Constraint,
    avoid: list[str] = bundles.Avoid,
    engine: str = bundles.Engine,
    quantization: str = bundles.Quantization,
    jit_compile: str = bundles.JitCompile,
    batch_size: int = typer.Option(
        32, min=1, help="Lines per batch; 1 translates each as it comes."
    ),
):
    """Translate lines of text; standard input to standard output.

    For each line one is written. In place of a line that is not UTF-8 an empty one is
    written; it is named on standard error, and the exit code is 1 at the end.
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
    found = bundles.engine_of(engine, quantization)
    lines.check_files(files or ())
    translator = bundles.load(
        bundle, "translation", ensemble, jit_compile=jit_compile, **found
    )
    bundles.check_tag(translator, tag)
    # A mistake need not wait for lines.
    languages = bundles.given(
        source_language=source_language, target_language=target_language
    )
    translator.check_arguments(
        constraints=constraint, avoid=avoid, **languages, **options
    )
    # Lines are sorted by length within a chunk: large enough to fill batches, small
    # enough that a stream is translated while it flows, and what is typed immediately.
    at_once = batch_size == 1 or (not files and sys.stdin.isatty())

    def translations_of(chunk):
        with warnings.catch_warnings():
            # It would count from the chunk's first line; below, it counts from the
            # file's.
            warnings.filterwarnings("ignore", ".*were cut", UserWarning)
            return translator.translate(
                [bundles.tagged(line.text, tag) for line in chunk],
                return_attention=as_json,
                prefixes=[prefix] * len(chunk) if prefix else None,
                constraints=constraint,
                avoid=avoid,
                batch_size=batch_size,
                seed=seed,
                **languages,
                **options,
            )

    num_bad = 0
    for chunk in lines.in_chunks(lines.read(files), 1 if at_once else 16 * batch_size):
        for line, translation in _each(chunk, translations_of):
            num_bad += line.error is not None
            _report(line, translation, translator.most_subwords)
            if as_json:
                result = translation.as_dict()
                if line.error is not None:
                    result["error"] = f"{line.place} {line.error}"
                print(json.dumps(result, ensure_ascii=False))
            elif n_best and n_best > 1:
                print(*_scored(translation.hypotheses, n_best), sep="\n")
            else:
                print(bundles.one_line(translation.text))
        sys.stdout.flush()
    if num_bad:
        raise typer.Exit(1)


def _each(chunk, translations_of):
    """Lines with their translations. One that cannot be had, as where constraints leave
    no room in a short one, takes no other with it."""
    try:
        return list(zip(chunk, translations_of(chunk), strict=True))
    except ValueError as error:
        if len(chunk) > 1:
            return [pair for line in chunk for pair in _each([line], translations_of)]
        (line,) = chunk
        if not line.text:
            raise
        line = line._replace(text="", error=f"is not translated: {error}")
        return _each([line], translations_of)


def _report(line, translation, most):
    if line.error is not None:
        print(
            f"error: {line.place} {line.error}; an empty line stands for it",
            file=sys.stderr,
        )
    elif translation.truncated:
        print(
            f"warning: {line.place} has more than {most} tokens and was cut; split "
            "long texts into sentences",
            file=sys.stderr,
        )


def _scored(hypotheses, n_best):
    """As many lines for each text, so that those of one are found by counting."""
    found = [f"{each.score:.4f}\t{bundles.one_line(each.text)}" for each in hypotheses]
    return found + ["-inf\t"] * (n_best - len(found))
