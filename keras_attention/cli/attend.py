"""attend: what each word attends to, as a figure or as data."""

import json
from pathlib import Path

import typer

from keras_attention.cli import bundles
from keras_attention.cli.images import (
    read_inputs,
    square_in,
    whole_image,
    window_of,
)


def attend(
    bundle: Path = bundles.Bundle,
    source: str = typer.Argument(
        ..., help="One sentence; an image's file where the bundle is a captioner's."
    ),
    output: Path = typer.Option(
        None,
        "--output",
        "-o",
        help="The PNG: attention.png by default, and none with --json.",
    ),
    ensemble: list[Path] = bundles.Ensemble,
    beam: int = bundles.Beam,
    unknown: str = bundles.Unknown,
    tag: str = bundles.Tag,
    source_language: str = bundles.SourceLanguage,
    target_language: str = bundles.TargetLanguage,
    constraint: list[str] = bundles.Constraint,
    avoid: list[str] = bundles.Avoid,
    target: str = typer.Option(
        None,
        "--target",
        help="A translation or caption of yours, in place of the model's own.",
    ),
    encoder: int = typer.Option(
        None,
        "--encoder",
        min=1,
        help="Draw instead how the words of the sentence attend to each other, in all "
        "heads of this encoder layer, the first being 1.",
    ),
    as_json: bool = typer.Option(
        False, "--json", help="One JSON object: tokens, attention, entropy, coverage."
    ),
):
    """Draw what each word of a translation attends to in the sentence, as a heat map;
    or each word of a caption, over the image."""
    if not source.strip() or (target is not None and not target.strip()):
        raise ValueError("there is nothing to attend to in an empty text")
    options = bundles.decoding(beam=beam, unknown=unknown)
    options |= bundles.lexical(constraint, avoid)
    if target is not None and (options or encoder is not None):
        raise ValueError(
            "--target says what the text is: with it, --beam, --unknown, --constraint "
            "and --avoid have nothing to search, and --encoder takes the source alone. "
            "Leave one of them out"
        )
    if encoder is not None and (options or target_language is not None):
        raise ValueError(
            "--encoder takes the source alone: leave out --beam, --unknown, "
            "--constraint, --avoid and --target-language, which are of a translation"
        )
    of_image = bundles.task_of(bundle) == "captioning"
    if of_image and encoder is not None:
        raise ValueError(
            "--encoder shows how words attend to each other; of an image, which "
            "has none, leave it out"
        )
    languages = bundles.given(
        source_language=source_language, target_language=target_language
    )
    if of_image and (languages or tag is not None):
        raise ValueError(
            "--tag, --source-language and --target-language say nothing about "
            "captions: leave them out"
        )
    task = bundles.load(bundle, ensemble=ensemble)
    if output is None and not as_json:
        output = Path("attention.png")
    if of_image:
        found = _image(task, source, target, options, output)
    else:
        bundles.check_tag(task, tag)
        text = bundles.tagged(source, tag)
        if encoder is not None:
            found = _encoder(task, text, source_language, encoder, output)
        else:
            task.check_arguments(**languages, **options)
            found = _decoder(task, text, target, options, languages, output)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        if "text" in found:
            print(found["text"])
        print(f"heat map: {output}")


def _decoder(translator, text, target, options, languages, output):
    from keras_attention.evaluation.attention import coverage, entropy
    from keras_attention.plotting.heat_map import plot_attention

    _check_attends(translator.model)
    if target is not None:
        (translation,) = translator.force_decode(text, target, **languages)
    else:
        (translation,) = translator.translate(
            text, return_attention=True, **languages, **options
        )
    if not translation.source_tokens:
        raise ValueError("there is nothing to attend to in a text without tokens")
    translation = translation.in_characters()
    attention = translation.attention
    if output is not None:
        labels = translator.language_ids.labels
        source, target = map(labels, (translation.source_tokens, translation.tokens))
        plot_attention(attention, source, target, path=output)
    return {
        "source": translation.source,
        "truncated": translation.truncated,
        "source_tokens": translation.source_tokens,
        **translation.hypotheses[0].as_dict(),
        "attention": _rounded(attention),
        "entropy": _rounded(entropy(attention)),
        "coverage": _rounded(coverage(attention)),
    }


def _encoder(translator, text, language, layer, output):
    import numpy as np

    from keras_attention.byte_fallback import characters, mean_rows, sum_columns
    from keras_attention.evaluation.attention import entropy
    from keras_attention.plotting.heat_map import plot_heads

    tokens, scores = translator.self_attention(text, language)
    if layer > len(scores):
        raise ValueError(
            f"--encoder goes up to {len(scores)}, the model's encoder layers; "
            f"received {layer}"
        )
    tokens, starts = characters(tokens)
    heads = sum_columns(scores[layer - 1], starts)
    heads = np.stack([mean_rows(head, starts) for head in heads])
    if output is not None:
        labels = translator.language_ids.labels(tokens)
        plot_heads(heads, labels, labels, path=output)
    return {
        "source": text,
        "source_tokens": tokens,
        "heads": _rounded(heads),
        "entropy": _rounded(entropy(heads)),
    }


def _image(captioner, image, target, options, output):
    from keras_attention.evaluation.attention import coverage, entropy
    from keras_attention.plotting.captions import plot_caption

    _check_attends(captioner.model)
    size, fit = captioner.model.image_size, captioner.fit
    image_bytes, inputs = read_inputs(Path(image), size, fit)
    names = [image]
    if target is not None:
        (caption,) = captioner.force_inputs(inputs, [target], names=names)
    else:
        (caption,) = captioner.caption_inputs(
            inputs, names=names, return_attention=True, **options
        )
    caption = caption.in_characters()
    attention = caption.attention  # (T, N, N)
    if output is not None:
        window = window_of(image_bytes, size, fit)
        pixels = whole_image(image_bytes)
        plot_caption(pixels, caption.tokens, attention, window=window, path=output)
    regions = attention.reshape(len(attention), -1)
    seen = coverage(regions).reshape(attention.shape[1:])
    return {
        "image": caption.name,
        "square": square_in(image_bytes, size, fit),
        **caption.hypotheses[0].as_dict(),
        "attention": _rounded(attention),
        "entropy": _rounded(entropy(regions)),
        "coverage": _rounded(seen),
    }


def _check_attends(model):
    from keras_attention.evaluation.alignments import without_attention

    if not model.attends:
        raise without_attention(model)


def _rounded(values):
    return values.astype("float64").round(4).tolist()
