"""What an image encoder makes of images, computed once and mapped from disk.

A folder of features holds

    features.bin     float16, n grids of N × N × D, as many as there are so far
    windows.bin      int32, n times four edges, if images do not fill their squares
    features.json    shape, fingerprint, and how many are done, written after each batch

so that a run that is killed goes on where it was.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from keras_attention.checks import whole_number
from keras_attention.data.prepared.store import SPLITS, opening
from keras_attention.files import read_json, write_whole
from keras_attention.locks import locked
from keras_attention.os_errors import writing

FEATURES = "features.bin"
FEATURES_META = "features.json"
WINDOWS = "windows.bin"
FEATURES_FORMAT = "features 1"
FEATURE_DTYPE = np.dtype("float16")


class FeatureStore:
    """A folder of features that is complete; `FeatureStore.open(folder)` opens it.

    Attributes:
        folder: Path.
        features: float16 `(n, N, N, D)`, mapped.
        windows: int32 `(n, 4)`, where in its square each image is, `(x0, y0, x1, y1)`
            in pixels; None where all fill their squares.
        fingerprint: what the features are of: their encoder and the images.

    Example:

    >>> encode_function = lambda images: np.zeros((len(images), 2, 2, 8))
    >>> images = np.zeros((5, 32, 32, 3), "uint8")
    >>> store = compute_features(encode_function, images, "features", "nothing at all")
    >>> FeatureStore.open("features").inputs()["features"].shape
    (5, 2, 2, 8)
    """

    def __init__(self, folder: Path, meta: dict[str, Any]) -> None:
        self.folder = Path(folder)
        self.fingerprint = meta["fingerprint"]
        self.features = np.memmap(
            self.folder / FEATURES, FEATURE_DTYPE, mode="r", shape=tuple(meta["shape"])
        )
        self.windows = None
        if (self.folder / WINDOWS).exists():
            self.windows = np.fromfile(self.folder / WINDOWS, "int32").reshape(-1, 4)

    def inputs(self) -> dict[str, np.ndarray]:
        """What a captioner reads: `features`, float16 `(n, N, N, D)`, and `windows`,
        int32 `(n, 4)`, where there are any."""
        if self.windows is None:
            return {"features": self.features}
        return {"features": self.features, "windows": self.windows}

    @classmethod
    def open(cls, folder: str | Path) -> "FeatureStore":
        """Maps the features in a folder, reading nothing yet.

        Raises:
            ValueError: there are none, not all of them yet, or damaged ones.
        """
        meta = _read_meta(Path(folder))
        if meta is None:
            raise ValueError(
                f"expected features in {Path(folder).absolute()}; received a "
                f"folder without {FEATURES_META}: compute them first"
            )
        with opening(Path(folder), FEATURES_META):
            count, done, size = meta["shape"][0], meta["done"], _size(meta["shape"])
            is_whole = done >= count
            is_whole = is_whole and (Path(folder) / FEATURES).stat().st_size == size
        if not is_whole:
            raise ValueError(
                f"{folder} holds features of {meta['done']:,} of {count:,} images: "
                "compute them again, which goes on from there"
            )
        with opening(Path(folder), FEATURES_META):
            return cls(Path(folder).absolute(), meta)


def compute_features(
    encode_function,
    images,
    folder,
    fingerprint,
    batch_size=32,
    progress=None,
    overwrite=False,
    windows=None,
):
    """Encodes images into a folder, batch by batch; goes on after a kill.

    Args:
        encode_function: takes uint8 `(batch_size, S, S, 3)`, always as many, and
            returns float `(batch_size, N, N, D)`.
        images: uint8 `(n, S, S, 3)`, may be mapped.
        folder: str or Path. Where to write.
        fingerprint: str or dict that JSON can keep. Names the encoder with its
            weights and the images; work of another fingerprint is not continued.
        batch_size: int.
        progress: function called with the number of images done so far, optional.
        overwrite: bool. Whether to replace features of another fingerprint.
        windows: int `(n, 4)`, optional, kept beside the features; see `FeatureStore`.

    Returns:
        `FeatureStore`.

    Raises:
        ValueError: no images, other features in the folder, or features that are
            no grids or too large for float16.
    """
    batch_size = whole_number("batch_size", batch_size, 1)
    if not len(images):
        raise ValueError("expected images to encode; received none")
    folder = Path(folder)
    with writing(folder), locked(folder, "computing features"):
        folder.mkdir(parents=True, exist_ok=True)
        meta = _continued(folder, fingerprint, len(images), overwrite)
        (folder / WINDOWS).unlink(missing_ok=True)
        if windows is not None:
            (folder / WINDOWS).write_bytes(np.asarray(windows, "int32"))
        _encode(
            encode_function, images, folder, fingerprint, batch_size, progress, meta
        )
    return FeatureStore.open(folder)


def _encode(encode_function, images, folder, fingerprint, batch_size, progress, meta):
    """Writes what is not done yet; `meta` says what is, None if nothing is."""
    done = meta["done"] if meta else 0
    if progress is not None and done:
        progress(done)
    with (folder / FEATURES).open("r+b" if meta else "wb") as file:
        if meta:
            # A batch that was being written when the run was killed.
            file.truncate(_size([done, *meta["shape"][1:]]))
            file.seek(0, os.SEEK_END)
        while done < len(images):
            batch = np.asarray(images[done : done + batch_size])
            grids = _encoded(encode_function, batch, batch_size)
            shape = [len(images), *grids.shape[1:]]
            if meta and shape != meta["shape"]:
                raise ValueError(
                    f"expected grids of {meta['shape'][1:]}, like those in {folder}; "
                    f"received {shape[1:]}: give another fingerprint or folder"
                )
            file.write(grids)
            file.flush()
            os.fsync(file.fileno())
            done += len(batch)
            meta = {
                "format": FEATURES_FORMAT,
                "fingerprint": fingerprint,
                "shape": shape,
                "done": done,
            }
            write_whole(folder / FEATURES_META, json.dumps(meta, indent=1) + "\n")
            if progress is not None:
                progress(done)


def compute_caption_features(
    encode_function: Callable[[np.ndarray], Any],
    prepared: Any,
    folder: str | Path,
    encoder: str,
    batch_size: int = 32,
    progress: Callable[[int, int], object] | None = None,
    overwrite: bool = False,
) -> None:
    """Encodes all images of a prepared folder, and attaches the features to it.

    They are float16; a run that is killed goes on where it was. Each of the corpora of
    `prepared` then has `features`, `(n, N, N, D)`.

    Args:
        encode_function: takes uint8 `(batch_size, S, S, 3)`, always as many, and
            returns float `(batch_size, N, N, D)`.
        prepared: `PreparedCaptions`, what `prepare_captions` returns.
        folder: str or Path. Gets a folder of features for each split.
        encoder: str. Names the encoder and its weights; work of another one is not
            continued.
        batch_size: int. Images encoded at once.
        progress: function called with the number of images done, and of all,
            optional.
        overwrite: bool. Whether to replace features of another encoder or of other
            images.

    Raises:
        ValueError: other features in the folder, or features that are no grids or too
            large for float16.

    Example:

    >>> from keras_attention.data import Tokenizer, prepare_captions
    >>> from keras_attention.data.scenes import Scenes
    >>> scenes = Scenes(count=4, image_size=32)
    >>> words = [text for scene in scenes for text in scene.captions]
    >>> tokenizer = Tokenizer.train(words, 60, model_type="word")
    >>> prepared = prepare_captions(
    ...     scenes, "prepared", tokenizer=tokenizer, image_size=32
    ... )
    >>> encode_function = lambda images: np.zeros((len(images), 2, 2, 8))
    >>> compute_caption_features(encode_function, prepared, "features", "zeros")
    >>> prepared.train.features.shape[1:]
    (2, 2, 8)

    References:
        Features of a frozen encoder:
        [Xu et al., 2015](https://arxiv.org/abs/1502.03044), section 4.3.
    """
    corpora = {split: getattr(prepared, split) for split in SPLITS}
    total = sum(corpus.num_images for corpus in corpora.values())
    before = 0
    for split, corpus in corpora.items():
        if not corpus.num_images:
            continue

        def report(done, before=before):
            if progress is not None:
                progress(before + done, total)

        compute_features(
            encode_function,
            corpus.images,
            Path(folder) / split,
            {"encoder": encoder, "pictures": prepared.meta["pixels"][split]},
            batch_size,
            report,
            overwrite,
            corpus.windows,
        )
        before += corpus.num_images
    prepared.attach_features(folder)


def _continued(folder, fingerprint, count, overwrite):
    """What features.json says of work to go on with, None if there is none."""
    meta = _read_meta(folder)
    if meta is None:
        return None
    with opening(folder, FEATURES_META):
        if meta["fingerprint"] == fingerprint and meta["shape"][0] == count:
            held = (folder / FEATURES).stat().st_size
            return meta if held >= _size([meta["done"], *meta["shape"][1:]]) else None
    if overwrite:
        (folder / FEATURES_META).unlink()
        return None
    raise ValueError(
        f"{folder} holds features of another encoder or of other images: expected "
        f"({fingerprint}, {count:,} images); received ({meta['fingerprint']}, "
        f"{meta['shape'][0]:,}): choose another folder, or pass overwrite=True"
    )


def _encoded(encode_function, images, batch_size):
    """float16 `(len(images), N, N, D)`; a last batch is filled up and cut."""
    indices = np.resize(np.arange(len(images)), batch_size)
    grids = np.asarray(encode_function(images[indices]))[: len(images)]
    if grids.ndim != 4 or grids.shape[1] != grids.shape[2] or len(grids) < len(images):
        raise ValueError(
            f"encode_function must return a grid (N, N, D) for each of {batch_size} "
            f"images; received a shape of {grids.shape}"
        )
    # A number too large becomes infinite, which is looked for below.
    with np.errstate(over="ignore"):
        grids = np.ascontiguousarray(grids.astype("float32").astype(FEATURE_DTYPE))
    if not np.isfinite(grids).all():
        raise ValueError(
            "features must be finite and at most 65,504, for float16; received others: "
            "take another layer of the encoder, or check its weights"
        )
    return grids


def _read_meta(folder):
    try:
        meta = read_json(folder / FEATURES_META)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if meta.get("format") != FEATURES_FORMAT:
        raise ValueError(
            f"{folder}: expected the format {FEATURES_FORMAT!r}; received "
            f"{meta.get('format')!r}: compute the features again, in another folder"
        )
    return meta


def _size(shape):
    """Bytes of features of a shape."""
    return int(np.prod(shape, dtype="int64")) * FEATURE_DTYPE.itemsize
