"""`Captioner`: images in, captions out, with scores and attention."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_attention.checks import whole_number
from keras_attention.data.images.fit import check_fit
from keras_attention.data.images.sources import load_images
from keras_attention.special_tokens import PAD_ID
from keras_attention.tasks.batches import (
    in_batches,
    num_rows,
    pad_rows,
    pad_to_bucket,
)
from keras_attention.tasks.results import (
    Caption,
    CaptionHypothesis,
    given_captions,
    read_caption_hypotheses,
)
from keras_attention.tasks.task import Task
from keras_attention.texts import strings

if TYPE_CHECKING:
    from keras_attention.data.tokenizer import Tokenizer
    from keras_attention.decoding.options import DecodingOptions
    from keras_attention.models.encoder_decoder import EncoderDecoder


__all__ = ["Caption", "CaptionHypothesis", "Captioner"]


class Captioner(Task):
    """A model that writes about images, with its tokenizer: what a bundle holds.

    Args:
        model: a captioning `EncoderDecoder`, built.
        tokenizer: `Tokenizer`.
        options: `DecodingOptions` by default.
        fit: "pad", "crop" or "stretch": how an image becomes a square.
        language: str. ISO code, for people and for metrics.
        training: dict. What it was trained on and how, for the model card.
        metrics: dict. Scores, for the model card.

    Raises:
        ValueError: an unknown `fit`, or `options` that make no sense of the model.

    Example:

    >>> captioner = Captioner.load("captioner")
    >>> (caption,) = captioner.caption(["image.png"], beam=1, return_attention=True)
    >>> caption.name, type(caption.text).__name__, caption.window  # in pixels
    ('image.png', 'str', (0, 4, 32, 28))
    >>> caption.attention.shape == (len(caption.tokens), 4, 4)
    True
    >>> np.allclose(caption.attention.sum(axis=(1, 2)), 1)
    True

    References:
        [Xu et al., 2015](https://arxiv.org/abs/1502.03044), section 3.
    """

    task = "captioning"
    fields = {"fit": str, "language": str}

    def __init__(
        self,
        model: "EncoderDecoder",
        tokenizer: "Tokenizer",
        options: "DecodingOptions | None" = None,
        fit: str = "pad",
        language: str = "",
        training: dict[str, Any] | None = None,
        metrics: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(model, options, training, metrics)
        check_fit(fit)
        self.tokenizer = tokenizer
        self.fit = fit
        self.language = language

    @property
    def output_tokenizer(self) -> "Tokenizer":
        """`tokenizer`."""
        return self.tokenizer

    def tokenizers(self) -> "dict[str, Tokenizer]":
        """`target.model`, that of captions."""
        return {"target.model": self.tokenizer}

    @classmethod
    def tokenizer_files(cls, config: dict[str, Any]) -> dict[str, list[str]]:
        """Which arguments each file of a bundle stands for."""
        return {"target.model": ["tokenizer"]}

    def card(self) -> tuple[str, str, str]:
        """`(title, name of the class, example)` for the model card, str each."""
        return (
            f"images → {self.language or 'captions'}",
            "Captioner",
            'print(captioner.caption(["image.jpg"])[0].text)',
        )

    def caption(
        self,
        images: Any,
        beam: int | None = None,
        n_best: int | None = None,
        return_attention: bool = False,
        prefixes: list[str] | None = None,
        batch_size: int = 16,
        seed: int = 0,
        progress: Callable[[int], object] | None = None,
        constraints: Any = None,
        avoid: Any = None,
        **options: Any,
    ) -> list[Caption]:
        """Writes about images.

        Args:
            images: list of images, or one: paths, bytes of a file, Pillow's images,
                or uint8 arrays `(H, W, 3)`.
            beam: int. Hypotheses kept; 1 is greedy search.
            n_best: int. Hypotheses returned for each image.
            return_attention: bool. Whether hypotheses carry their attention, if the
                model has any.
            prefixes: list of str, optional. What each caption must begin with.
            batch_size: int. Images decoded at once.
            seed: int. Of sampling.
            progress: function of the number of images done.
            constraints: list of str, or a list of such lists, one for each of `images`,
                optional. Words or phrases that each caption must contain; they need
                a search, which keeps at least 10 hypotheses.
            avoid: likewise. Words or phrases that no caption may contain, spelt so,
                however they are cut into subwords.
            **options: other fields of `DecodingOptions`.

        Returns:
            list of `Caption`, in the order of `images`.

        Raises:
            BadImage: a ValueError that names the first image that is none, and why.
            ValueError: prefixes that are not as many, or options that are unknown, out
                of range or contradict each other; constraints or words to avoid that
                are empty, are not as many lists, or leave no room for the rest.
        """
        images = _images(images)
        batch_size = whole_number("batch_size", batch_size, 1)
        request = self._request(
            len(images), beam, n_best, options, seed, prefixes, constraints, avoid
        )
        names = [_name(image, i) for i, image in enumerate(images)]
        captions: list[Caption] = []
        for start in range(0, len(images), batch_size):
            inputs = self._inputs(images[start : start + batch_size])
            captions += self._caption(
                inputs, request, start, names, return_attention, batch_size
            )
            if progress is not None:
                progress(len(captions))
        return captions

    def caption_inputs(
        self,
        inputs: dict[str, np.ndarray],
        names: list[str] | None = None,
        beam: int | None = None,
        n_best: int | None = None,
        return_attention: bool = False,
        prefixes: list[str] | None = None,
        batch_size: int = 16,
        seed: int = 0,
        progress: Callable[[int], object] | None = None,
        constraints: Any = None,
        avoid: Any = None,
        **options: Any,
    ) -> list[Caption]:
        """`caption` of what is prepared already.

        Args:
            inputs: dict of arrays: `images`, uint8 `(n, image_size, image_size, 3)`,
                or `features`, float `(n, N, N, D)`; and where images do not fill their
                squares, `windows`, int `(n, 4)`, the edges `(x0, y0, x1, y1)` of each
                in pixels. Cells without image are not attended to.
            names: list of str, optional; numbers by default.
            others: as of `caption`.

        Returns:
            list of `Caption`.

        Raises:
            ValueError: other arrays, or not as many of each; otherwise as `caption`.
        """
        count = _check_inputs(inputs)
        batch_size = whole_number("batch_size", batch_size, 1)
        if names is not None and len(names) != count:
            raise ValueError(
                f"one name for each image is needed; received {count} images and "
                f"{len(names)} names"
            )
        request = self._request(
            count, beam, n_best, options, seed, prefixes, constraints, avoid
        )
        return self._caption(
            inputs, request, 0, names, return_attention, batch_size, progress
        )

    def force_decode(
        self, images: Any, captions: list[str] | str, batch_size: int = 16
    ) -> list[Caption]:
        """Has the model say captions that somebody else wrote.

        Each token follows those of the given caption, however improbable (teacher
        forcing).

        Args:
            images: as of `caption`.
            captions: list of str, as many, or one str.
            batch_size: int. Images in one go.

        Returns:
            list of `Caption`, each with one hypothesis, the given caption, with its
            attention if the model has any.

        Raises:
            BadImage: a ValueError that names the first image that is none, and why.
            ValueError: captions that are not as many, or no str.
        """
        images, captions = _images(images), strings(captions, "captions")
        batch_size = whole_number("batch_size", batch_size, 1)
        if len(images) != len(captions):
            raise ValueError(
                "one caption for each image is needed; received "
                f"{len(images)} images and {len(captions)} captions"
            )
        found = []
        for start in range(0, len(images), batch_size):
            some = images[start : start + batch_size]
            found += self.force_inputs(
                self._inputs(some),
                captions[start : start + batch_size],
                names=[_name(image, start + i) for i, image in enumerate(some)],
                batch_size=batch_size,
            )
        return found

    def force_inputs(
        self,
        inputs: dict[str, np.ndarray],
        captions: list[str] | str,
        names: list[str] | None = None,
        batch_size: int = 16,
    ) -> list[Caption]:
        """`force_decode` of what is prepared already; see `caption_inputs`."""
        count = _check_inputs(inputs)
        batch_size = whole_number("batch_size", batch_size, 1)
        given = given_captions(self.tokenizer, captions)
        found = []
        for numbers in in_batches([range(count)], batch_size):
            batch, rows = _batch(inputs, numbers)
            some = [given[i] for i in numbers]
            target_ids = pad_to_bucket([ids for ids, _ in some], rows)
            hypotheses = self.force(batch, target_ids)
            texts = [text for _, text in some]
            found += self._captions(hypotheses, numbers, names, batch, texts)
        return found

    def _caption(
        self, inputs, request, first, names, attention, batch_size, progress=None
    ):
        """Captions of inputs that are the numbers from `first` on of a `Request`."""
        order = list(range(first, first + _check_inputs(inputs)))
        captions: dict[int, Caption] = {}
        for numbers in in_batches(request.lexicon.groups(order), batch_size):
            batch, rows = _batch(inputs, [i - first for i in numbers])
            prefix = None
            if request.prefix_ids:
                some = [request.prefix_ids[i] or [PAD_ID] for i in numbers]
                prefix = pad_to_bucket(some, rows)
            hypotheses = self.decode(
                batch,
                request.options,
                prefix,
                attention and self.model.attends,
                request.seed,
                request.lexicon.arrays(numbers, rows),
            )
            begun = request.prefixes and [request.prefixes[i] for i in numbers]
            found = self._captions(hypotheses, numbers, names, batch, prefixes=begun)
            captions.update(zip(numbers, found, strict=True))
            if progress is not None:
                progress(len(captions))
        return [captions[i] for i in order]

    def _inputs(self, images):
        pixels, windows = load_images(images, self.model.image_size, self.fit)
        return {"images": pixels, "windows": windows}

    def _captions(self, hypotheses, numbers, names, batch, given=None, prefixes=None):
        captions, windows = [], batch.get("windows")
        for row, number in enumerate(numbers):
            found = read_caption_hypotheses(
                self.tokenizer,
                self.model.grid_size,
                hypotheses,
                row,
                given and given[row],
                prefixes[row] if prefixes else "",
            )
            name = str(number) if names is None else names[number]
            window = None if windows is None else tuple(windows[row].tolist())
            captions.append(Caption(name, found, window))
        return captions


def _images(images):
    """A list of images, of which one alone may be given as it is."""
    return list(images) if isinstance(images, (list, tuple)) else [images]


def _name(image, number):
    return str(image) if isinstance(image, (str, Path)) else str(number)


def _check_inputs(inputs):
    """How many images there are."""
    kinds = {"images", "features"} & set(inputs)
    if len(kinds) != 1 or set(inputs) - kinds - {"windows"}:
        raise ValueError(
            'expected "images" or "features", and perhaps "windows"; received '
            f"{', '.join(map(repr, inputs))}"
        )
    counts = {name: len(array) for name, array in inputs.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(f"expected one window for each image; received {counts}")
    return counts[kinds.pop()]


def _batch(inputs, numbers):
    """`(inputs, rows)` of the images of some numbers, filled up to a power of two; half
    floats are widened where they are few."""
    batch, rows = {}, num_rows(numbers)
    for name, array in inputs.items():
        some = np.asarray(array[list(numbers)])
        some = pad_rows(some, rows)
        half = some.dtype == np.float16
        batch[name] = some.astype("float32") if half else some
    return batch, rows
