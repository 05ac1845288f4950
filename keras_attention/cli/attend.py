"""attend: where each word of a translation looks, as a picture or as data."""

import json
from pathlib import Path

import typer

from keras_attention.cli import bundles


def attend(
    bundle: Path = bundles.Bundle,
    text: str = typer.Argument(..., help="One sentence."),
    output: Path = typer.Option(
        None,
        "--output",
        "-o",
        help="The PNG: attention.png by default, and none with --json.",
    ),
    beam: int = bundles.Beam,
    target: str = typer.Option(
        None, "--target", help="A translation of yours, in place of the model's own."
    ),
    encoder: int = typer.Option(
        None,
        "--encoder",
        min=1,
        help="Draw instead how the words of the sentence look at each other, in all "
        "heads of this encoder layer, the first being 1.",
    ),
    as_json: bool = typer.Option(
        False, "--json", help="One JSON object: tokens, attention and what it comes to."
    ),
):
    """Draw where each word of a translation looks, as a heat map."""
    if not text.strip() or (target is not None and not target.strip()):
        raise ValueError("there is nothing to attend to in an empty text")
    if target is not None and (beam is not None or encoder is not None):
        raise ValueError(
            "--target says what the translation is: with it, --beam has nothing to "
            "search, and --encoder looks at the source alone. Leave one of them out"
        )
    translator = bundles.load(bundle)
    if output is None and not as_json:
        output = Path("attention.png")
    if encoder is not None:
        found = _encoder(translator, text, encoder, output)
    else:
        found = _decoder(translator, text, target, beam, output)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        if "text" in found:
            print(found["text"])
        print(f"heat map: {output}")


def _decoder(translator, text, target, beam, output):
    from keras_attention.evaluation.alignments import without_attention
    from keras_attention.evaluation.attention import coverage, entropy
    from keras_attention.plotting.heat_map import plot_attention

    if not translator.model.attends:
        raise without_attention(translator.model)
    if target is not None:
        (translation,) = translator.force_decode(text, target)
    else:
        (translation,) = translator.translate(text, beam=beam, return_attention=True)
    if not translation.source_tokens:
        raise ValueError("there is nothing to attend to in a text without tokens")
    attention = translation.attention
    if output is not None:
        plot_attention(
            attention, translation.source_tokens, translation.tokens, path=output
        )
    return {
        "source": translation.source,
        "truncated": translation.truncated,
        "source_tokens": translation.source_tokens,
        **translation.hypotheses[0].as_dict(),
        "attention": _rounded(attention),
        "entropy": _rounded(entropy(attention)),
        "coverage": _rounded(coverage(attention)),
    }


def _encoder(translator, text, layer, output):
    from keras_attention.evaluation.attention import entropy
    from keras_attention.plotting.heat_map import plot_heads

    tokens, scores = translator.self_attention(text)
    if layer > len(scores):
        raise ValueError(
            f"--encoder goes up to {len(scores)}, the model's encoder layers; "
            f"received {layer}"
        )
    heads = scores[layer - 1]
    if output is not None:
        plot_heads(heads, tokens, tokens, path=output)
    return {
        "source": text,
        "source_tokens": tokens,
        "heads": _rounded(heads),
        "entropy": _rounded(entropy(heads)),
    }


def _rounded(values):
    return values.astype("float64").round(4).tolist()
