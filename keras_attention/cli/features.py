"""features: what an image encoder makes of images, kept on disk."""

import hashlib
import sys
from pathlib import Path

import typer

from keras_attention.cli import bundles
from keras_attention.cli.images import IMAGES_HELP, image_sources, named
from keras_attention.data.images.fit import FITS, check_fit

NAMES = "names.txt"


def features(
    encoder: str = typer.Argument(
        ...,
        help="A captioner's bundle, or the name of an encoder, as efficientnet-lite0 "
        "or keras_hub:vit_base_patch16_224_imagenet.",
    ),
    images: list[str] = typer.Argument(..., help=IMAGES_HELP),
    folder: Path = typer.Option(
        ..., "--out", help="Where they are kept; what was killed goes on there."
    ),
    image_size: int = typer.Option(
        None, min=1, help="Pixels along each side: 224. A bundle has its own."
    ),
    grid_size: int = typer.Option(
        None, min=1, help="Regions along each side: 7. A bundle has its own."
    ),
    fit: str = typer.Option(
        None,
        help=f"How images become squares: {', '.join(FITS)}; the first if not given. "
        "A bundle has its own.",
    ),
    batch_size: int = typer.Option(32, min=1, help="Images per batch."),
    force: bool = typer.Option(
        False, "--force", help="Replace other features that are there."
    ),
):
    """Compute the grid of features of each image, and keep all as one array."""
    sizes = bundles.given(image_size=image_size, grid_size=grid_size, fit=fit)
    if Path(encoder).is_dir() and sizes:
        raise ValueError(
            f"{encoder} is a bundle, which has its own sizes: leave out "
            f"--{'; --'.join(sizes).replace('_', '-')}"
        )
    if fit is not None:
        check_fit(fit)
    bundles.load_backend()
    import numpy as np
    from rich.progress import Progress

    from keras_attention.data.captions.features import compute_features
    from keras_attention.decoding.programs import compiled
    from keras_attention.files import write_whole
    from keras_attention.locks import locked
    from keras_attention.training.console import plain_console

    network, fit = _encoder(encoder, **sizes)
    decoded = _Images(network.image_size, fit)
    num_bad = decoded.add(image_sources(images))
    if not len(decoded):
        raise ValueError("there is no image left to encode; see the lines above")
    run = compiled(network, network)
    console = plain_console()
    names = "".join(f"{name}\n" for name in decoded.names)
    fingerprint = {"encoder": _weights(network), "pictures": decoded.fingerprint()}
    with (
        locked(folder, "computing features"),
        Progress(
            console=console, transient=True, disable=not console.is_terminal
        ) as bar,
    ):
        task = bar.add_task("encoding", total=len(decoded))
        try:
            store = compute_features(
                lambda batch: np.asarray(run(batch)),
                decoded,
                folder,
                fingerprint,
                batch_size,
                lambda done: bar.update(task, completed=done),
                force,
                decoded.windows,
            )
        except ValueError as error:
            message = str(error).replace("pass overwrite=True", "say --force")
            raise ValueError(message) from None
        write_whole(folder / NAMES, names)
    count, *grid = store.features.shape
    print(f"{folder}: {count} images, {' × '.join(map(str, grid))} each")
    print(f"names, in the same order: {folder / NAMES}")
    if num_bad:
        raise typer.Exit(1)


class _Images:
    """Files that are decoded as they are asked for, like an array of squares."""

    def __init__(self, size, fit):
        self.size = size
        self.fit = fit
        self.names = []
        self.paths = []
        self.windows = []
        self._hash = hashlib.blake2b(f"{size} {fit}".encode(), digest_size=16)

    def add(self, sources):
        """Takes up what can be decoded; returns how many can not."""
        from keras_attention.data.images.sources import (
            oriented_size,
            read_image,
            window,
        )

        num_bad = 0
        for name, source in sources:
            try:
                if isinstance(source, Exception):
                    raise source
                image_bytes = read_image(source)
                width, height = oriented_size(image_bytes)
            except (ValueError, OSError) as error:
                print(f"error: {named(error, name)}", file=sys.stderr)
                num_bad += 1
                continue
            self._hash.update(hashlib.blake2b(image_bytes).digest())
            self.names.append(name)
            self.paths.append(source)
            self.windows.append(window(width, height, self.size, self.fit))
        return num_bad

    def fingerprint(self):
        return self._hash.hexdigest()

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, rows):
        from keras_attention.data.images.sources import load_pixels

        return load_pixels(self.paths[rows], self.size, self.fit)


def _encoder(name, image_size=224, grid_size=7, fit="pad"):
    """`(ImageEncoder, fit)`, ready for use."""
    if Path(name).is_dir():
        captioner = bundles.load(Path(name), "captioning")
        return captioner.model.image_encoder, captioner.fit
    from keras_attention.models.image_encoder import image_encoder

    encoder = image_encoder(name, image_size, grid_size, trainable=False)
    if not encoder.has_pretrained:
        raise ValueError(
            f"{name} is trained with the rest of a captioner, without which it has no "
            "weights: give a captioner's bundle, or an encoder as efficientnet-lite0"
        )
    encoder.load_pretrained()
    return encoder, fit


def _weights(encoder):
    """The name of an encoder and of its weights, in short."""
    import numpy as np

    found = hashlib.blake2b(digest_size=8)
    for weight in encoder.weights:
        found.update(np.ascontiguousarray(weight).tobytes())
    return f"{encoder.encoder_name} {encoder.grid_size} {found.hexdigest()}"
