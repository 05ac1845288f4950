"""The demo: corpus, training, score, attention, export, server, response."""

import dataclasses
import shutil
import sys
from pathlib import Path

import numpy as np

from keras_attention.documentation import page
from keras_attention.locks import locked
from keras_attention.os_errors import writing
from keras_attention.training.console import plain_console

SENTENCES = (
    "Click OK to close the dialog.",
    "Select the text that you want to format.",
    "You can insert a table into the document.",
)
RECIPE = "demo"
MODEL = "help-en-de-demo"


def run_demo(folder, minutes, resume=False, force=False):
    """Runs the whole path of a translation model, and says what it leaves.

    Args:
        folder: path. Everything is written into it.
        minutes: float. Minutes of training.
        resume: bool. Go on with a demo that was stopped.
        force: bool. Delete a demo that is there.

    Raises:
        ValueError: if the folder is in use.
        RuntimeError: if REST, gRPC and this process do not give the same.
    """
    folder, console = Path(folder), plain_console(stderr=False)
    with writing(folder), locked(folder, "running the demo"):
        _claim(folder, resume, force)
        _run(folder, minutes, console)


def _run(folder, minutes, console):
    say = _Chapters(console)

    say("Training a small Transformer, English to German")
    console.print(
        f"{minutes:g} minutes of training (--minutes); Ctrl-C stops, --resume goes on.",
    )
    translator = _train(folder / "run", minutes, console)
    _show_scores(translator.metrics, console)

    say("Some translations")
    translations = translator.translate(list(SENTENCES), return_attention=True)
    for translation in translations:
        console.print(f"  en  {translation.source}")
        console.print(f"  de  {translation.text}")

    say("Visualising its attention")
    figure = folder / "attention.png"
    _draw(translations[0], figure)
    console.print(f"heat map of the first sentence: {figure}")

    say("Exporting a SavedModel: tokenizer and beam search inside")
    version = _export(translator, folder / "saved_models")
    console.print(f"{version}")

    say("Serving it on free ports, and sending requests over REST and gRPC")
    responses = _serve_and_request(version.parent, console)
    _compare(translations, responses, console)

    say("What is left, and what to try next")
    _next_steps(folder, console)


class _Chapters:
    def __init__(self, console):
        self.console = console
        self.number = 0

    def __call__(self, title):
        self.number += 1
        self.console.print(f"\n{self.number}. {title}", style="bold")


def _claim(folder, resume, force):
    from keras_attention.training.run_folder import delete_run

    if not folder.exists() or not any(folder.iterdir()):
        return
    ours = (folder / "run" / "recipe.toml").exists()
    if force and ours:
        delete_run(folder / "run")
        (folder / "attention.png").unlink(missing_ok=True)
        shutil.rmtree(folder / "saved_models" / MODEL, ignore_errors=True)
    elif not (resume and ours):
        hint = (
            "pass --resume to go on with it, --force to delete it and begin anew, or"
            if ours
            else "it is not a demo's:"
        )
        raise ValueError(
            f"{folder} holds files already; {hint} choose another folder with --out"
        )


def _train(folder, minutes, console):
    from keras_attention.tasks.translator import Translator
    from keras_attention.training.recipe import load_recipe
    from keras_attention.training.trainer import Trainer

    if (folder / "bundle").exists():
        return Translator.load(folder / "bundle")
    recipe = load_recipe(RECIPE, [f"training.max_minutes={minutes}"])
    recipe = dataclasses.replace(recipe, name=MODEL)
    # A demo that was stopped early has begun its run, or it has not.
    begun = (folder / "recipe.toml").exists()
    return Trainer(recipe, folder, console).run(resume=begun)


def _show_scores(metrics, console):
    from keras_attention.data.splits import say_sample

    model, copied = metrics["model"], metrics["copying_the_source"]
    counts = (
        metrics["sentences"],
        metrics.get("sentences_in_split", metrics["sentences"]),
    )
    console.print(
        f"BLEU {model['bleu']:.1f}, chrF {model['chrf']:.1f} on "
        f"{say_sample(*counts, 'unseen sentences')}; copying the source scores BLEU "
        f"{copied['bleu']:.1f}, chrF {copied['chrf']:.1f}\n"
        f"{model['bleu_signature']}",
    )


def _draw(translation, path):
    from keras_attention.plotting.heat_map import plot_attention

    plot_attention(
        translation.attention,
        translation.source_tokens,
        translation.tokens,
        path=path,
    )


def _export(translator, saved_models):
    from keras_attention.export import export

    folder = saved_models / MODEL
    if (folder / "1").exists():
        return folder / "1"
    return export(translator, saved_models, MODEL, version=1)


def _serve_and_request(model, console):
    from keras_attention.serving.client.client import Client
    from keras_attention.serving.server import Server

    with (
        Server({MODEL: str(model)}, grpc_port=0, rest_port=0) as server,
        Client(
            f"http://127.0.0.1:{server.rest_port}", f"127.0.0.1:{server.grpc_port}"
        ) as client,
    ):
        console.print(
            f"REST at 127.0.0.1:{server.rest_port}, gRPC at "
            f"127.0.0.1:{server.grpc_port}",
        )
        return {
            transport: client.translate(
                list(SENTENCES), MODEL, transport=transport, attention=True
            )
            for transport in ("rest", "grpc")
        }


def _compare(translations, responses, console):
    for i, translation in enumerate(translations):
        for transport, served in responses.items():
            served = served[i]
            same = (
                served.text == translation.text
                and np.isclose(served.score, translation.score, rtol=1e-4, atol=1e-4)
                and served.target_tokens == translation.tokens
                and np.allclose(
                    served.attention_scores, translation.attention, atol=1e-4
                )
            )
            if not same:
                raise RuntimeError(
                    f"{transport} and this process differ on {translation.source!r}: "
                    f"{served.text!r} ({served.score}) against {translation.text!r} "
                    f"({translation.score}); please report this"
                )
    console.print(
        "In this process, over REST and over gRPC: the same texts, scores and "
        f"attention for {len(translations)} sentences.",
    )


def _next_steps(folder, console):
    bundle = folder / "run" / "bundle"
    # As it can be typed here: `make demo` puts it in an environment of its own.
    command = "keras-attention"
    if shutil.which(command) is None and Path(sys.argv[0]).name == command:
        command = sys.argv[0]
    console.print(
        f"""  {folder / "attention.png"}    open it: each row is a German subword
  {bundle}    the model; README.md in it is its card
  {folder / "run" / "history.csv"}    scores as training went
  {folder / "run" / "logs"}    for tensorboard --logdir
  {folder / "saved_models"}    for TensorFlow Serving

  echo "Save the file." | {command} translate {bundle}
  {command} attend {bundle} "The text is too long for the cell."
  {command} serve {folder / "saved_models" / MODEL}
  {command} train help-en-de-small    longer, better
  {command} train my.toml             your own data: see the page below

  {page("training.md")}""",
    )
