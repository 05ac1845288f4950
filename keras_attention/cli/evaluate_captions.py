"""How `evaluate` goes about a captioner."""

import json
import sys
import tempfile
from pathlib import Path

from keras_attention.cli import bundles
from keras_attention.data.scenes import SCENES, is_scenes
from keras_attention.data.scenes.things import ARTIST_CHOICES
from keras_attention.data.splits import SPLITS, sample, say_sample
from keras_attention.files import write_whole


def evaluate_captioner(
    bundle,
    ensemble,
    corpus,
    options,
    as_json,
    output,
    computing,
    images=None,
    split=None,
    artist=None,
    count=None,
    meteor=False,
    results=None,
):
    """Captions images, scores and prints; arguments as of the command.

    Args:
        options: dict of decoding options.
        computing: dict, of `bundles.load`.
        others: see `evaluate`.
    """
    from keras_attention.evaluation.caption_results import result_ids, write_results
    from keras_attention.evaluation.captioning import (
        caption_split,
        captions_line,
        score_said,
    )
    from keras_attention.evaluation.meteor import check_meteor
    from keras_attention.training.console import plain_console

    of_scenes = is_scenes(corpus)
    _check(of_scenes, corpus, images, split, artist)
    if meteor:
        check_meteor()
    captioner = bundles.load(bundle, ensemble=ensemble, **computing)
    captioner.check_arguments(**options)  # A mistake need not wait for images.
    console = plain_console()
    with tempfile.TemporaryDirectory(prefix="keras-attention-") as folder:
        if of_scenes:
            found = _scenes(captioner, split or "test", artist, count or 0)
        else:
            found = _files(captioner, corpus, images, split, count, folder, console)
        scored, ids = found
        if results is not None:
            ids = result_ids(scored.names, ids)
        captions = caption_split(
            captioner,
            scored,
            console=console,
            return_attention=of_scenes and captioner.model.attends,
            **options,
        )
        scores = score_said(
            captions,
            scored.references,
            scored.truths,
            captioner.language,
            captioner.model.image_size,
            meteor,
        )
    if output is not None:
        lines = [f"{each.name}\t{bundles.one_line(each.text)}\n" for each in captions]
        write_whole(output, "".join(lines))
    if results is not None:
        texts = [each.text for each in captions]
        write_results(results, scored.names, ids, texts)
    if as_json:
        print(json.dumps(scores, indent=2, ensure_ascii=False))
    else:
        print(f"{scores['pictures']} images  {captions_line(scores)}")
        if "held_out" in scores:
            held_out = scores["held_out"]
            print(
                f"{held_out['pictures']} of combinations that were held out  "
                f"{captions_line(held_out)}"
            )


def _check(of_scenes, corpus, images, split, artist):
    """What can be found wrong before anything slow is loaded."""
    if split not in (None, *SPLITS):
        raise ValueError(
            f"--split must be one of {', '.join(SPLITS)}; received {split!r}"
        )
    if of_scenes and images is not None:
        raise ValueError("--images is of files, and scenes are drawn: leave it out")
    if not of_scenes and artist is not None:
        raise ValueError(
            f'--artist is of scenes, and {corpus} is a file or folder: say "{SCENES}", '
            "or leave it out"
        )
    if artist not in (None, *ARTIST_CHOICES):
        raise ValueError(
            f"--artist must be one of {', '.join(ARTIST_CHOICES)}; received {artist!r}"
        )
    for path in (None if of_scenes else corpus, images):
        if path is not None and not Path(path).exists():
            hint = f' (or take "{SCENES}")' if path == corpus else ""
            raise ValueError(
                f"there is no file or folder {path} (from {Path.cwd()}){hint}"
            )


def _scenes(captioner, split, artist, count):
    """Scenes such as the captioner was trained on, of which it has not seen those of
    the test split; and the id of each."""
    from keras_attention.data.captions.store import CaptionCorpus
    from keras_attention.data.scenes import Scenes
    from keras_attention.training.captioning import CaptioningTraining
    from keras_attention.training.recipe import Recipe

    size = captioner.model.image_size
    changes = bundles.given(artist=artist)
    tables = captioner.training.get("recipe", {})
    if tables.get("data", {}).get("corpus") == SCENES:
        work = CaptioningTraining(Recipe.from_tables(tables), None)
        scenes = work.examples(size, **changes)
    else:
        language = captioner.language or "en"
        scenes = Scenes(20_000, language=language, image_size=size, **changes)
    wanted = {"test": ("test", "held out")}.get(split, (split,))
    numbers = [i for i in range(len(scenes)) if scenes.split_of(i) in wanted]
    chosen = sample([scenes.name_of(i) for i in numbers], count)
    examples = [scenes[numbers[i]] for i in chosen]
    _say_sample(len(examples), len(numbers))
    corpus = CaptionCorpus.from_examples(examples, captioner.tokenizer)
    return corpus, [example.image_id for example in examples]


def _files(captioner, corpus, images, split, count, folder, console):
    """Somebody's images, decoded into a folder, and the id of each, if it has one;
    bad ones are named and left out."""
    from keras_attention.data.captions.formats import (
        NoImages,
        SkipReport,
        prepare_captions,
        read_captions,
    )
    from keras_attention.training.corpus import counter

    report = SkipReport("caption")
    examples = list(read_captions(corpus, images, report=report))
    splits = {example.split for example in examples}
    split = split or next((s for s in ("test", "valid") if s in splits), None)
    if split is not None:
        examples = [example for example in examples if example.split == split]
        if not examples:
            raise ValueError(
                f"{corpus} names no image for --split {split}; it has "
                f"{', '.join(sorted(map(str, splits)))}"
            )
    chosen = sample([example.name for example in examples], count or 0)
    _say_sample(len(chosen), len(examples))
    with counter(console) as progress:
        task = progress.add_task("reading images", done=0)
        try:
            prepared = prepare_captions(
                # All in one split; and no caption is too long to be a reference.
                [examples[i]._replace(split="train") for i in chosen],
                Path(folder) / "images",
                tokenizer=captioner.tokenizer,
                image_size=captioner.model.image_size,
                fit=captioner.fit,
                max_target_length=sys.maxsize,
                report=report,
                progress=lambda done: progress.update(task, done=done),
            )
        except NoImages as error:
            raise ValueError(
                f"{corpus}: expected images to score; received {len(chosen):,}, of "
                f"which none can be. {error.problem}\n"
                "Give the right folder of images with --images, or other captions."
            ) from None
    if report.num_skipped:
        print(report.summary(), file=sys.stderr)
    ids = {example.name: example.image_id for example in examples}
    return prepared.train, [ids[name] for name in prepared.train.names]


def _say_sample(count, num_all):
    if count < num_all:
        print(say_sample(count, num_all, "images"), file=sys.stderr)
