"""Images and their captions as arrays, in memory or mapped from disk.

A prepared folder holds

    meta.json                                     written last: counts, options, report
    train/ valid/ test/  images.bin               uint8, n squares of S × S × 3, RGB
                         windows.bin              int32, where in each the image is
                         pictures.jsonl           name, captions and truth of each
                         target_tokens.bin        uint16 or int32, captions end to end
                         target_offsets.bin       int64, where each begins, and the end
                         caption_images.bin       int32, which image each is of
                         caption_places.bin       int32, which of its captions it is
"""

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_attention.data.captions.features import FeatureStore
from keras_attention.data.images.placement import whole_windows
from keras_attention.data.prepared.store import (
    META,
    SPLITS,
    Sentences,
    opening,
    read_meta,
    token_dtype,
)
from keras_attention.data.report import SkipReport

if TYPE_CHECKING:
    from keras_attention.data.captions.captioned_image import CaptionedImage
    from keras_attention.data.tokenizer import Tokenizer


FORMAT = "captions 2"  # The first kept no windows.
PLACE_DTYPE = np.dtype("int32")
WINDOW_DTYPE = np.dtype("int32")
WRITER = "keras_attention.data.captions.formats.prepare_captions"


class CaptionCorpus:
    """Images, each with one caption or several. Its length is that of the captions.

    Args:
        images: uint8 `(n, S, S, 3)`.
        target: `Sentences`, all captions that can be trained on.
        image_of: int32 `(len(target),)`. The image that each caption describes.
        place_of: int32 `(len(target),)`. Which of the image's `references` it is.
        annotations: list of `{"name", "captions", "truth"}`, one for each image; or a
            function that returns it.
        windows: int32 `(n, 4)`, optional: where in the square each image is,
            `(x0, y0, x1, y1)` in pixels. Kept only if some do not fill their squares.

    Attributes:
        features: float16 `(n, N, N, D)` of an image encoder, or None; see
            `attach_features`.

    Example:

    >>> from keras_attention.data import Tokenizer
    >>> from keras_attention.data.scenes import Scenes
    >>> scenes = Scenes(count=3, image_size=32, captions_per_image=2)
    >>> words = [text for scene in scenes for text in scene.captions]
    >>> tokenizer = Tokenizer.train(words, 60, model_type="word")
    >>> corpus = CaptionCorpus.from_examples(scenes, tokenizer)
    >>> len(corpus), corpus.num_images, corpus.inputs([0, 2])["images"].shape
    (6, 3, (2, 32, 32, 3))
    """

    def __init__(
        self,
        images: np.ndarray,
        target: Sentences,
        image_of: np.ndarray,
        place_of: np.ndarray,
        annotations: Any,
        windows: np.ndarray | None = None,
    ) -> None:
        self.images = images
        if windows is not None:
            whole = whole_windows(len(images), images.shape[1])
            windows = None if np.array_equal(windows, whole) else windows
        self.windows = windows
        self.target = target
        self.image_of = image_of
        self.place_of = place_of
        self.features: np.ndarray | None = None
        self._annotations = annotations
        self._opened: tuple[Path, tuple[int, ...], int] | None = None
        self._features_folder: str | Path | None = None

    @classmethod
    def from_examples(
        cls, examples: "list[CaptionedImage]", tokenizer: "Tokenizer"
    ) -> "CaptionCorpus":
        """Tokenises captions in memory, for small data.

        Args:
            examples: list of `CaptionedImage`, whose images are uint8 `(S, S, 3)`, all
                of one size; or `Scenes`.
            tokenizer: `Tokenizer`.
        """
        examples = list(examples)
        captions = [text for example in examples for text in example.captions]
        counts = [len(example.captions) for example in examples]
        places = [np.arange(count) for count in counts]
        return cls(
            np.stack([np.asarray(example.image) for example in examples]),
            Sentences.from_ids(tokenizer.encode(captions), tokenizer.vocabulary_size),
            np.repeat(np.arange(len(examples)), counts).astype(PLACE_DTYPE),
            np.concatenate(places).astype(PLACE_DTYPE),
            [
                {"name": each.name, "captions": each.captions, "truth": each.truth}
                for each in examples
            ],
        )

    @classmethod
    def open(
        cls,
        folder: Path,
        shape: tuple[int, ...],
        vocabulary_size: int,
        features: str | Path | None = None,
    ) -> "CaptionCorpus":
        """Maps the files of one split, reading nothing yet.

        Args:
            folder: Path of the split.
            shape: `(n, S, S, 3)` of its images.
            vocabulary_size: int.
            features: folder of a `FeatureStore`, optional.

        Raises:
            ValueError: files of other sizes, or what `attach_features` refuses.
            OSError: files that are not there.
        """
        corpus = cls(
            _mapped(folder / "images.bin", "uint8").reshape(shape),
            Sentences.open(folder / "target", token_dtype(vocabulary_size)),
            _mapped(folder / "caption_images.bin", PLACE_DTYPE),
            _mapped(folder / "caption_places.bin", PLACE_DTYPE),
            functools.partial(_read_annotations, folder / "pictures.jsonl"),
            _mapped(folder / "windows.bin", WINDOW_DTYPE).reshape(-1, 4),
        )
        corpus._opened = folder, shape, vocabulary_size
        if features is not None:
            corpus.attach_features(features)
        return corpus

    def __len__(self) -> int:
        return len(self.target)

    @property
    def num_images(self) -> int:
        """Images, `n`."""
        return len(self.images)

    @property
    def target_lengths(self) -> np.ndarray:
        """int32 `(len(corpus),)`, special ids not counted."""
        return self.target.lengths

    @property
    def source_lengths(self) -> np.ndarray:
        """int32 zeros `(len(corpus),)`: an image has no words."""
        return np.zeros(len(self), "int32")

    @functools.cached_property
    def annotations(self) -> list[dict[str, Any]]:
        """List of `{"name", "captions", "truth"}`, one for each image."""
        return self._annotations() if callable(self._annotations) else self._annotations

    @property
    def names(self) -> list[str]:
        """List of str, one for each image."""
        return [annotation["name"] for annotation in self.annotations]

    @property
    def references(self) -> list[list[str]]:
        """All captions of each image, a list of lists of str; over-long ones too."""
        return [annotation["captions"] for annotation in self.annotations]

    @property
    def truths(self) -> list[dict[str, Any] | None]:
        """What is known of each image, a list of dict or None."""
        return [annotation["truth"] for annotation in self.annotations]

    def inputs(self, rows: slice | np.ndarray = slice(None)) -> dict[str, np.ndarray]:
        """What a captioner reads of images, a dict of arrays.

        Args:
            rows: a slice, or int `(B,)`: numbers of images. All by default.

        Returns:
            `images`, uint8 `(B, S, S, 3)`, or `features` where they are attached; and
            `windows`, int32 `(B, 4)`, if some images do not fill their squares.
        """
        kind = "images" if self.features is None else "features"
        inputs = {kind: getattr(self, kind)[rows]}
        if self.windows is not None:
            inputs["windows"] = self.windows[rows]
        return inputs

    def text(self, i: int) -> str:
        """The caption `i`, as it was before tokenising."""
        return self.annotations[self.image_of[i]]["captions"][self.place_of[i]]

    def attach_features(self, folder: str | Path) -> None:
        """Maps what an image encoder made of the images; see `FeatureStore`.

        Args:
            folder: str or Path, of float16 features `(n, N, N, D)`.

        Raises:
            ValueError: they are missing, unfinished, or not as many as the images.
        """
        features = FeatureStore.open(folder).features
        if len(features) != self.num_images:
            raise ValueError(
                f"expected features of {self.num_images:,} images in {folder}; "
                f"received {len(features):,}: compute them again"
            )
        self.features = features
        self._features_folder = folder

    def __reduce__(self) -> Any:
        # Mapped arrays travel to another process by their names.
        at_hand = {"features": self.features} if self._features_folder is None else {}
        if self._opened is not None:
            return CaptionCorpus.open, (*self._opened, self._features_folder), at_hand
        arrays = self.images, self.target, self.image_of, self.place_of
        return CaptionCorpus, (*arrays, self._annotations, self.windows), at_hand


class PreparedCaptions:
    """A folder that `prepare_captions` wrote: `.train`, `.valid` and `.test`.

    Opening it takes neither TensorFlow nor Keras.

    Attributes:
        folder: Path.
        meta: dict, from meta.json; `meta["pixels"]` names the images of each split
            by a hash of their pixels.
        image_size: int. The side of each image.
        report: `SkipReport` of what was left out.
    """

    def __init__(self, folder, meta):
        self.folder = folder
        self.meta = meta
        self.image_size = meta["options"]["image_size"]
        self.report = SkipReport.from_dict(meta["report"])
        self.train, self.valid, self.test = map(self._split, SPLITS)

    @classmethod
    def open(cls, folder):
        """Opens a prepared folder; arrays are mapped, not read.

        Raises:
            ValueError: no prepared captions there, or incomplete ones.
        """
        folder = Path(folder).absolute()
        meta = read_meta(folder, FORMAT, WRITER)
        with opening(folder, META):
            return cls(folder, meta)

    def attach_features(self, folder):
        """Maps the features of all splits, which `compute_caption_features` wrote.

        Raises:
            ValueError: they are missing, unfinished, or of other images.
        """
        for split in SPLITS:
            corpus, path = getattr(self, split), Path(folder) / split
            if not corpus.num_images:
                continue
            fingerprint = FeatureStore.open(path).fingerprint
            if fingerprint["pictures"] != self.meta["pixels"][split]:
                raise ValueError(
                    f"{path} holds features of other images than those in "
                    f"{self.folder}: compute them again"
                )
            corpus.attach_features(path)

    def _split(self, split):
        folder = self.folder / split
        count, num_captions = (
            self.meta[key][split] for key in ("num_images", "num_captions")
        )
        shape = (count, self.image_size, self.image_size, 3)
        try:
            corpus = CaptionCorpus.open(folder, shape, self.meta["vocabulary_size"])
            lengths = {len(corpus), len(corpus.image_of), len(corpus.place_of)}
            complete = (
                lengths == {num_captions}
                and (corpus.windows is None or len(corpus.windows) == count)
                and len(corpus.target.tokens) == corpus.target.offsets[-1]
            )
        except (ValueError, OSError):
            complete = False
        if not complete:
            raise ValueError(
                f"{folder} is incomplete: meta.json promises {count:,} images with "
                f"{num_captions:,} captions: prepare it again"
            )
        return corpus


def _mapped(path, dtype):
    if path.stat().st_size == 0:  # Which cannot be mapped.
        return np.zeros(0, dtype)
    return np.memmap(path, dtype, mode="r")


def _read_annotations(path):
    try:
        with path.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
