"""From captioned images to arrays on disk, in bounded memory."""

import json
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from keras_attention.data import report as reasons
from keras_attention.data.captions.shared_captions import SharedCaptions
from keras_attention.data.captions.split_writer import CaptionSplitWriter
from keras_attention.data.captions.store import FORMAT, PreparedCaptions
from keras_attention.data.prepared.reopening import earlier_corpus, input_fingerprint
from keras_attention.data.prepared.store import META, SPLITS, token_dtype
from keras_attention.data.report import SkipReport
from keras_attention.data.splits import TEST_SHARE, VALID_SHARE, check_shares, split_of
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.files import whole_folder
from keras_attention.locks import locked

CHUNK = 128
MAX_TARGET_LENGTH = 40


class NoImages(ValueError):
    """None of the images is left to train on.

    Attributes:
        problem: str. What was wrong with them, whatever they are for.
    """

    def __init__(self, num_read, report, problems):
        first = f"\nThe first bad image: {problems[0]}" if problems else ""
        self.problem = f"{report.summary()}{first}"
        super().__init__(
            f"expected images to train on; received {num_read:,}, of which none is "
            f"left in the train split. {self.problem}\n"
            "Give the right folder of images, more data, a greater "
            "max_target_length or smaller shares."
        )


def train_caption_tokenizer(
    examples: Any,
    vocabulary_size: int,
    *,
    valid_share: float = VALID_SHARE,
    test_share: float = TEST_SHARE,
    **options: Any,
) -> Tokenizer:
    """Learns a tokenizer from the captions of the train split alone; no image is
    decoded.

    Args:
        examples: what `prepare_captions` takes, but readable twice.
        vocabulary_size: int. Pieces, special ones included; see `Tokenizer.train`.
        valid_share: float from 0 to 1, as will be given to `prepare_captions`.
        test_share: float from 0 to 1, as will be given to `prepare_captions`.
        **options: for `Tokenizer.train`.

    Returns:
        `Tokenizer`.

    Raises:
        ValueError: shares out of range, an unknown split, nothing to train on, or what
            `Tokenizer.train` refuses.

    Example:

    >>> from keras_attention.data.scenes import Scenes
    >>> scenes = Scenes(count=20, image_size=32)
    >>> tokenizer = train_caption_tokenizer(scenes, 100, model_type="word")
    >>> tokenizer.vocabulary_size <= 100
    True
    """
    check_shares(valid_share, test_share)
    examples = examples() if callable(examples) else examples

    def train_split():
        splits: Counter = Counter()
        for example in examples:
            split = _split(example, valid_share, test_share)
            splits[split] += 1
            if split == "train":
                yield from (" ".join(text.split()) for text in example.captions)
        if not splits["train"]:
            raise ValueError(
                "expected images to train on; received "
                f"{splits['valid']:,} for validation, {splits['test']:,} for the test "
                "and none for training: say another split, give more or make shares "
                "smaller"
            )

    return Tokenizer.train(train_split(), vocabulary_size, **options)


def prepare_captions(
    examples: Any,
    folder: str | Path,
    *,
    tokenizer: Tokenizer,
    image_size: int = 128,
    fit: str = "pad",
    max_target_length: int = MAX_TARGET_LENGTH,
    valid_share: float = VALID_SHARE,
    test_share: float = TEST_SHARE,
    report: SkipReport | None = None,
    progress: Callable[[int], object] | None = None,
    fingerprint: str | None = None,
    overwrite: bool = False,
) -> PreparedCaptions:
    """Decodes images and tokenises captions into a folder of memory-mapped arrays.

    The folder appears when it is complete; an interrupted run leaves none. A folder
    prepared with the same options from the same examples is opened and not written
    again.

    An image that cannot be read is skipped, named, and counted by reason; so is a
    caption that is empty or too long, and an image left without any. A caption of a
    training image that one of another split has too is noted in the report;
    `SplitByCaption(examples, …)` keeps such images together.

    Args:
        examples: iterable of `CaptionedImage`; or a function of `report` that returns
            one, such as `CaptionFiles(path)`. Images that are uint8
            `(image_size, image_size, 3)` are kept as they are.
        folder: str or Path. Where to write.
        tokenizer: `Tokenizer`.
        image_size: int. The side of the squares, `S`, in pixels.
        fit: `"pad"`, `"crop"` or `"stretch"`: how an image becomes a square.
        max_target_length: int. Most ids of a caption, END not counted; a longer one
            stays among the references, and is not trained on.
        valid_share: float from 0 to 1. Share of the images in valid, of those without
            a split of their own; a hash of the name decides.
        test_share: float. The same, in test.
        report: `SkipReport` to fill in, optional. Also kept in the folder.
        progress: function called with the number of images read so far, optional.
        fingerprint: str. What is read, in short; by default `examples.fingerprint()`,
            if it has that.
        overwrite: bool. Whether to replace what was prepared otherwise.

    Returns:
        `PreparedCaptions`.

    Raises:
        NoImages: nothing is left for training.
        ValueError: shares out of range, an unknown split or `fit`, or `folder` holds
            something else.

    Example:

    >>> from keras_attention.data.scenes import Scenes
    >>> scenes = Scenes(count=20, image_size=32)
    >>> tokenizer = train_caption_tokenizer(scenes, 100, model_type="word")
    >>> prepared = prepare_captions(
    ...     scenes, "prepared", tokenizer=tokenizer, image_size=32
    ... )
    >>> prepared.train.images.dtype.name, prepared.train.images.shape[1:]
    ('uint8', (32, 32, 3))
    >>> prepared.train.num_images + prepared.valid.num_images + prepared.test.num_images
    20
    """
    check_shares(valid_share, test_share)
    folder = Path(folder)
    report = SkipReport("caption") if report is None else report
    options = {
        "input": fingerprint or input_fingerprint(examples),
        "tokenizer": tokenizer.fingerprint,
        "image_size": image_size,
        "fit": fit,
        "max_target_length": max_target_length,
        "valid_share": valid_share,
        "test_share": test_share,
    }
    earlier = earlier_corpus(PreparedCaptions, folder, options, overwrite)
    if earlier is not None:
        vars(report).update(vars(SkipReport.from_dict(earlier.meta["report"])))
        return earlier

    report.used = "caption"
    dtype = token_dtype(tokenizer.vocabulary_size)
    with (
        locked(folder, "preparing images"),
        whole_folder(folder, overwrite=True) as unfinished,
        ExitStack() as stack,
    ):
        writers = {
            split: stack.enter_context(CaptionSplitWriter(unfinished / split, dtype))
            for split in SPLITS
        }
        pool = stack.enter_context(ThreadPoolExecutor(os.cpu_count() or 1))
        stream = iter(examples(report=report) if callable(examples) else examples)
        # Composed images say the same of different things, and that is no leak.
        composed = getattr(examples, "composed", False)
        shared = None if composed else SharedCaptions(report)
        num_read, problems = 0, []
        while chunk := list(islice(stream, CHUNK)):
            _append(chunk, writers, tokenizer, options, report, pool, problems, shared)
            num_read += len(chunk)
            if progress is not None:
                progress(num_read)
        report.num_good = sum(writer.num_captions for writer in writers.values())
        if not writers["train"].num_captions:
            raise NoImages(num_read, report, problems)
        stack.close()  # All is on disk before meta.json says so.
        meta = {
            "format": FORMAT,
            "vocabulary_size": tokenizer.vocabulary_size,
            "num_images": {name: w.num_images for name, w in writers.items()},
            "num_captions": {name: w.num_captions for name, w in writers.items()},
            "num_tokens": {name: w.num_tokens for name, w in writers.items()},
            "pixels": {name: w.pixels.hexdigest() for name, w in writers.items()},
            "options": options,
            "report": report.to_dict(),
        }
        (unfinished / META).write_text(json.dumps(meta, indent=1) + "\n", "utf-8")
    return PreparedCaptions.open(folder)


def _append(chunk, writers, tokenizer, options, report, pool, problems, shared):
    """Writes the good images of a chunk, in their order; of the bad ones, the first
    goes to `problems`. `shared`, optional, compares the captions."""
    captions = [_clean(example, report) for example in chunk]
    flat = tokenizer.encode([text for texts in captions for text in texts])
    all_ids, usable = iter(flat), []
    for example, texts in zip(chunk, captions, strict=True):
        ids = [next(all_ids) for _ in texts]
        places = []
        for place, row in enumerate(ids):
            if not row:
                report.skip(reasons.EMPTY_CAPTION, example.name)
            elif len(row) > options["max_target_length"]:
                report.skip(reasons.TOO_LONG, example.name)
            else:
                places.append(place)
        if places:
            usable.append((example, texts, [ids[place] for place in places], places))

    def decode(item):
        return _decoded(item[0].image, options["image_size"], options["fit"])

    for item, found in zip(usable, pool.map(decode, usable), strict=True):
        example, *rest = item
        if isinstance(found, ValueError):
            report.skip(found.reason, example.name)  # type: ignore[attr-defined]  # BadImage
            problems += [found][: not problems]
            continue
        split = _split(example, options["valid_share"], options["test_share"])
        writers[split].append(*found, example, *rest)
        if shared is not None:
            shared.add(example.name, split, rest[0], example.split is None)


def _clean(example, report):
    """The captions of an image, each on one line, without the empty ones."""
    captions = [" ".join(text.split()) for text in example.captions]
    if not captions:
        report.skip(reasons.NO_CAPTION, example.name)
    for text in captions:
        if not text:
            report.skip(reasons.EMPTY_CAPTION, example.name)
    return [text for text in captions if text]


def _decoded(image, size, fit):
    """`(pixels, window)` as of `load_images`, or the `BadImage` that says why there
    is none."""
    if isinstance(image, np.ndarray):
        if image.dtype == np.uint8 and image.shape == (size, size, 3):
            return image, (0, 0, size, size)
    # Not before it is needed: scenes are prepared without TensorFlow.
    from keras_attention.data.images.sources import BadImage, load_images

    try:
        ((pixels,), (window,)) = load_images([image], size, fit)
    except BadImage as error:
        return error
    return pixels, window


def _split(example, valid_share, test_share):
    if example.split is None:
        return split_of(example.name, valid_share, test_share)
    if example.split not in SPLITS:
        raise ValueError(
            f"{example.name}: the split must be one of {', '.join(SPLITS)}, or None; "
            f"received {example.split!r}"
        )
    return example.split
