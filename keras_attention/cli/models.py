"""Commands for a trained model: translate, evaluate, attend, export."""

import json
import sys
import warnings
from pathlib import Path

import typer

from keras_attention.cli.quiet import load_backend

Bundle = typer.Argument(..., help="A bundle's folder, as train leaves it.")
Beam = typer.Option(None, "--beam", min=1, help="Hypotheses kept; 1 is greedy.")
LengthPenalty = typer.Option(None, "--length-penalty", help="GNMT's alpha.")


def translate(
    bundle: Path = Bundle,
    files: list[Path] = typer.Argument(None, help="Texts; standard input by default."),
    beam: int = Beam,
    n_best: int = typer.Option(None, "--n-best", min=1, help="Translations per line."),
    as_json: bool = typer.Option(
        False, "--json", help="JSON lines with n-best, scores and alignments."
    ),
    length_penalty: float = LengthPenalty,
    min_length: int = typer.Option(None, min=0, help="Least tokens."),
    max_length: int = typer.Option(None, min=1, help="Most tokens."),
    no_repeat_ngram: int = typer.Option(None, min=0, help="Forbid repeats of this n."),
    temperature: float = typer.Option(None, help="Above 0: sample."),
    top_k: int = typer.Option(None, min=0, help="Sample from so many tokens."),
    top_p: float = typer.Option(None, help="Sample from this much probability."),
    seed: int = typer.Option(0, help="Of sampling."),
    prefix: str = typer.Option(None, help="What every translation begins with."),
    batch_size: int = typer.Option(
        32, min=1, help="Lines translated at once; 1 answers each as it comes."
    ),
):
    """Translate lines of text; standard input to standard output."""
    translator = _load(bundle)
    options = {
        "length_penalty": length_penalty,
        "min_length": min_length,
        "max_length": max_length,
        "no_repeat_ngram": no_repeat_ngram,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
    }
    options = {key: value for key, value in options.items() if value is not None}
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
                    print(f"{hypothesis.score:.4f}\t{_one_line(hypothesis.text)}")
            else:
                print(_one_line(translation.text))
        sys.stdout.flush()


def _load(bundle):
    load_backend()
    from keras_attention.tasks.translation import Translator

    return Translator.load(bundle)


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


def _one_line(text):
    """A model may say a line break, which would put all that follows out of step."""
    return " ".join(text.splitlines())


def _chunks(lines, size):
    chunk = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def evaluate(
    bundle: Path = Bundle,
    pairs: str = typer.Argument(
        ..., help='TSV, JSON lines or the source side; "-" is standard input (TSV).'
    ),
    target: Path = typer.Argument(None, help="The target side, for paired files."),
    beam: int = Beam,
    length_penalty: float = LengthPenalty,
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
    output: Path = typer.Option(None, "--output", help="Write the translations here."),
):
    """Score a bundle on a parallel corpus: BLEU and chrF with their signatures."""
    from keras_attention.data.report import SkipReport
    from keras_attention.data.translations import read_pairs
    from keras_attention.evaluation.translation import score, tokenize_for
    from keras_attention.training.console import plain_console
    from keras_attention.training.final import translate_with_bar

    report = SkipReport()
    read = list(read_pairs(pairs, target_path=target, report=report))
    if report.num_skipped:
        print(report.summary(), file=sys.stderr)
    if not read:
        raise ValueError(f"{pairs} holds no pair to score; see the lines above")
    sources = [pair.source for pair in read]
    references = [pair.target for pair in read]
    translator = _load(bundle)
    options = {} if length_penalty is None else {"length_penalty": length_penalty}
    if beam is not None:
        options["beam"] = beam
    console = plain_console()
    texts = translate_with_bar(translator, sources, console, "translating", **options)
    if output is not None:
        lines = "".join(f"{_one_line(text)}\n" for text in texts)
        output.write_text(lines, encoding="utf-8")
    tokenize = tokenize_for(translator.target_language)
    scores = score(texts, references, tokenize)
    copied = score(sources, references, tokenize)
    if as_json:
        result = {
            **scores.as_dict(),
            "sentences": len(texts),
            "copying_the_source": copied.as_dict(),
        }
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        print(scores)
        print(f"copying the source: BLEU {copied.bleu:.1f}, chrF {copied.chrf:.1f}")


def attend(
    bundle: Path = Bundle,
    text: str = typer.Argument(..., help="One sentence."),
    output: Path = typer.Option("attention.png", "--output", "-o", help="The PNG."),
    beam: int = Beam,
    encoder: int = typer.Option(
        None,
        "--encoder",
        min=1,
        help="Draw instead how the words of the sentence look at each other, in all "
        "heads of this encoder layer, the first being 1.",
    ),
):
    """Draw where each word of a translation looks, as a heat map."""
    if not text.strip():
        raise ValueError("there is nothing to attend to in an empty text")
    translator = _load(bundle)
    from keras_attention.plotting.heat_map import plot_attention, plot_heads

    if encoder is not None:
        tokens, scores = translator.self_attention(text)
        if encoder > len(scores):
            raise ValueError(
                f"--encoder goes up to {len(scores)}, the model's encoder layers; "
                f"received {encoder}"
            )
        plot_heads(scores[encoder - 1], tokens, tokens, path=output)
    else:
        translation = translator.translate([text], beam=beam, return_attention=True)[0]
        plot_attention(
            translation.attention,
            translation.source_tokens,
            translation.tokens,
            path=output,
        )
        print(translation.text)
    print(f"heat map: {output}")


def export(
    bundle: Path = Bundle,
    saved_models: Path = typer.Option(
        "saved_models", "--out", help="The folder of all exported models."
    ),
    name: str = typer.Option(
        None, "--name", help="The model's name; that of its recipe by default."
    ),
    version: int = typer.Option(None, "--version", min=1, help="The next by default."),
    beam: int = Beam,
    n_best: int = typer.Option(None, "--n-best", min=1, help="Translations returned."),
    length_penalty: float = LengthPenalty,
):
    """Write a SavedModel with tokenizer and beam search inside."""
    from keras_attention.export import export as write

    translator = _load(bundle)
    changes = {"beam": beam, "n_best": n_best, "length_penalty": length_penalty}
    changes = {key: value for key, value in changes.items() if value is not None}
    options = translator.options.replace(**changes)
    name = name or translator.training.get("name") or Path(bundle).resolve().name
    path = write(translator, saved_models, name, version, options)
    print(f"SavedModel: {path}")
    print(f"try: keras-attention serve {path.parent}")
