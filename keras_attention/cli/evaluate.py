"""evaluate: how good translations or captions are, and the attention behind them."""

import json
import sys
from pathlib import Path
from typing import Any

import typer

from keras_attention.cli import bundles, lines
from keras_attention.cli.evaluate_captions import evaluate_captioner
from keras_attention.data.scenes import SCENES
from keras_attention.data.scenes.things import ARTIST_CHOICES
from keras_attention.data.splits import SPLITS
from keras_attention.files import write_whole


def evaluate(
    bundle: Path = bundles.Bundle,
    corpus: str = typer.Argument(
        ...,
        help='Pairs: TSV, JSON lines or the source side; "-" is standard input (TSV). '
        f'Of a captioner: captions in any format that training reads, or "{SCENES}".',
    ),
    target: Path = typer.Argument(None, help="The target side, for paired files."),
    ensemble: list[Path] = bundles.Ensemble,
    beam: int = bundles.Beam,
    beam_rule: str = bundles.BeamRule,
    early_stopping: str = bundles.EarlyStopping,
    length_penalty: float = bundles.LengthPenalty,
    unknown: str = bundles.Unknown,
    tag: str = bundles.Tag,
    source_language: str = bundles.SourceLanguage,
    target_language: str = bundles.TargetLanguage,
    constraint: list[str] = bundles.Constraint,
    avoid: list[str] = bundles.Avoid,
    alignments: str = typer.Option(
        None,
        "--alignments",
        help="Gold alignments of the pairs, for the alignment error rate: a file with "
        'a line such as "0-0 1-2 1p3" for each pair, or the toy task that they are of.',
    ),
    attention: bool = typer.Option(
        False, "--attention", help="Entropy and coverage of attention, without gold."
    ),
    images: Path = typer.Option(
        None, "--images", help="The folder of the images; beside the captions if not."
    ),
    split: str = typer.Option(
        None,
        "--split",
        help=f"Which images: {', '.join(SPLITS)}; the last if not given, or all "
        "where captions do not say.",
    ),
    artist: str = typer.Option(
        None,
        "--artist",
        help=f"Who draws the scenes: {', '.join(ARTIST_CHOICES)}; as in training if "
        "not given.",
    ),
    count: int = typer.Option(
        None, "--count", min=1, help="So many images, chosen by hash."
    ),
    meteor: bool = typer.Option(
        False, "--meteor", help="METEOR too, of English; needs Java and the extra coco."
    ),
    results: Path = typer.Option(
        None,
        "--results",
        help="Write captions here as COCO's results JSON: image_id and caption of each "
        "image.",
    ),
    engine: str = bundles.Engine,
    quantization: str = bundles.Quantization,
    jit_compile: str = bundles.JitCompile,
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
    output: Path = typer.Option(
        None,
        "--output",
        help="Write what was said here: of texts, a line for each of the corpus, empty "
        "where that holds no pair.",
    ),
):
    """Score translations of a parallel corpus by BLEU and chrF, with their signatures,
    and attention against alignments that people made; or captions by CIDEr-D, BLEU and
    ROUGE-L, and of scenes also what is said to be in them, and where attention is."""
    for path in (output, results):
        lines.check_output(path)
    options = bundles.decoding(
        beam=beam,
        beam_rule=beam_rule,
        early_stopping=early_stopping,
        length_penalty=length_penalty,
        unknown=unknown,
    )
    options |= bundles.lexical(constraint, avoid)
    of_images = bundles.given(
        images=images, split=split, artist=artist, count=count, results=results
    )
    if meteor:
        of_images["meteor"] = True
    of_texts = bundles.given(
        target=target,
        alignments=alignments,
        tag=tag or None,
        source_language=source_language,
        target_language=target_language,
    )
    if attention:
        of_texts["attention"] = True
    found = bundles.engine_of(engine, quantization)
    computing = {"jit_compile": jit_compile, **found}
    common = bundle, ensemble, corpus, options, as_json, output, computing
    if not found and bundles.task_of(bundle) == "captioning":
        _refuse(of_texts, "captions")
        evaluate_captioner(*common, **of_images)
    else:
        _refuse(of_images, "translations")
        _evaluate_translator(*common, **of_texts)


def _refuse(options, what):
    for name in options:
        name = f"--{name.replace('_', '-')}" if name != "target" else "the target side"
        raise ValueError(f"{name} says nothing about {what}: leave it out")


def _evaluate_translator(
    bundle,
    ensemble,
    corpus,
    options,
    as_json,
    output,
    computing,
    target=None,
    alignments=None,
    attention=False,
    tag=None,
    **languages,
):
    from keras_attention.evaluation.translation import score, tokenize_for
    from keras_attention.training.console import plain_console
    from keras_attention.training.final_scores import translate_with_bar

    if tag and alignments is not None:
        raise ValueError(
            "--alignments count words of texts without a tag; received --tag "
            f"{tag}: leave one of them out"
        )
    read, gold, num_lines = _read(corpus, target, alignments)
    sources = [pair.source for pair in read]
    references = [pair.target for pair in read]
    translator = bundles.load(bundle, ensemble=ensemble, **computing)
    # A mistake need not wait for the first text.
    translator.check_arguments(**languages, **options)
    bundles.check_tag(translator, tag)
    tagged = [bundles.tagged(source, tag) for source in sources]
    measures = None
    if attention or gold is not None:
        from keras_attention.evaluation.alignments import measure_attention

        # First, since it takes the shorter time to say what is wrong.
        measures = measure_attention(translator, tagged, references, gold, **languages)
    console = plain_console()
    options = {**options, **languages}
    texts = translate_with_bar(translator, tagged, console, "translating", **options)
    if output is not None:
        said = [""] * num_lines
        for pair, text in zip(read, texts, strict=True):
            said[pair.line_number - 1] = bundles.one_line(text)
        write_whole(output, "".join(f"{line}\n" for line in said))
    language = languages.get("target_language") or translator.target_language
    tokenize = tokenize_for(language)
    scores = score(texts, references, tokenize)
    copied = score(sources, references, tokenize)
    if as_json:
        result = {
            **scores.as_dict(),
            "sentences": len(texts),
            "copying_the_source": copied.as_dict(),
        }
        if measures is not None:
            result["attention"] = measures.as_dict()
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        print(scores)
        print(f"copying the source: BLEU {copied.bleu:.1f}, chrF {copied.chrf:.1f}")
        if measures is not None:
            print(measures)


def _read(path, target_path, alignments):
    """The good pairs, their gold alignments or None, and how many lines there were."""
    from keras_attention.data.report import SkipReport
    from keras_attention.data.text.toy import TASKS
    from keras_attention.data.text.translations import read_pairs
    from keras_attention.evaluation.alignments import read_gold, toy_gold

    report, gold = SkipReport(), None
    pairs: Any = read_pairs(path, target_path=target_path, report=report)
    if alignments is None or alignments in TASKS:
        pairs = list(pairs)
    else:
        pairs, gold = read_gold(alignments, pairs, report)
    if report.num_skipped:
        print(report.summary(), file=sys.stderr)
    if not pairs:
        raise ValueError(f"{path} holds no pair to score; see the lines above")
    if alignments in TASKS:
        gold = toy_gold(alignments, [pair.source for pair in pairs])
    return pairs, gold, report.num_lines
