"""Images that are named on the command line, or come by standard input."""

import glob
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

IMAGES_HELP = "Images: files, folders or patterns such as 'holiday/*.jpg'."


class ModelImages(NamedTuple):
    """Some images as a model takes them; those that are none are left out."""

    names: list
    inputs: Any
    """`images`, uint8 `(n, S, S, 3)`, and `windows`, int32 `(n, 4)`: what
    `Captioner.caption_inputs` takes; empty where all are left out."""
    squares: list
    """`[x0, y0, x1, y1]` for each: where in the image, in its own pixels, the square
    lies that the model sees. It may go beyond the image."""
    bad: list
    """`(place, name, why)` of those that were left out, each with a line on standard
    error: where it would stand in the batch, from 0."""


def image_sources(arguments) -> Iterator[tuple]:
    """Yields `(name, source)` of what has been named.

    A source is a path, the bytes of a file, or the error of what cannot be found.

    Args:
        arguments: list of str. Nothing: standard input, one image or paths, one a
            line.
    """
    if not arguments:
        yield from _standard_input(sys.stdin.buffer)
    for argument in arguments or ():
        path = Path(argument)
        if path.is_dir() or (glob.has_magic(argument) and not path.exists()):
            yield from _found(argument)
        else:
            yield argument, path


def good_images(task, sources, batch_size) -> Iterator[ModelImages]:
    """Yields `ModelImages`, decoded as `task`, a `Captioner`, takes them.

    Args:
        task: `Captioner`.
        sources: what `image_sources` yields.
        batch_size: int.
    """
    size = task.model.image_size
    sources = iter(sources)
    while batch := list(itertools.islice(sources, batch_size)):
        names, inputs, squares, bad = [], [], [], []
        for place, (name, source) in enumerate(batch):
            try:
                image_bytes, decoded = read_inputs(source, size, task.fit)
                square = square_in(image_bytes, size, task.fit)
            except (ValueError, OSError) as error:
                bad.append((place, name, named(error, name)))
                print(f"error: {bad[-1][2]}", file=sys.stderr)
                continue
            names.append(name)
            inputs.append(decoded)
            squares.append(square)
        yield ModelImages(names, _together(inputs), squares, bad)


def _together(inputs):
    """The inputs of single images as those of a batch."""
    import numpy as np

    kinds = inputs[0] if inputs else ()
    return {name: np.concatenate([each[name] for each in inputs]) for name in kinds}


def read_inputs(source, size, fit):
    """`(image_bytes, inputs)` of one image: a JPEG's or PNG's content, and what a
    model sees of it, as of `ModelImages`.

    Args:
        source: as `image_sources` yields it.

    Raises:
        ValueError: it is none.
    """
    from keras_attention.data.images.sources import decode_source

    if isinstance(source, Exception):
        raise source
    image_bytes, pixels, window = decode_source(source, size, fit)
    return image_bytes, {"images": pixels[None], "windows": window[None]}


def square_in(image_bytes, size, fit):
    """Where in an image the square lies that a model sees; see `ModelImages`."""
    from keras_attention.data.images.sources import oriented_size, placement

    width, height = oriented_size(image_bytes)
    square = placement(width, height, size, fit).to_image([0, 0, size, size])
    return [round(edge, 2) for edge in square.tolist()]


def window_of(image_bytes, size, fit):
    """Where the image lies in that square, whose sides are from 0 to 1."""
    from keras_attention.data.images.sources import oriented_size, placement

    width, height = oriented_size(image_bytes)
    box = placement(width, height, size, fit).to_square([0, 0, width, height])
    return tuple((box / size).tolist())


def whole_image(image_bytes, longest=640):
    """The image itself, uint8 `(H, W, 3)`, the longer side at most `longest`."""
    from keras_attention.data.images.sources import (
        load_pixels,
        oriented_size,
        placement,
    )

    width, height = oriented_size(image_bytes)
    longest = min(longest, max(width, height))
    place = placement(width, height, longest)
    box = place.to_square([0, 0, width, height]).round().astype(int)
    left, top, right, bottom = box.tolist()
    return load_pixels([image_bytes], longest)[0][top:bottom, left:right]


def _found(argument):
    from keras_attention.data.images.sources import find_images

    try:
        paths = find_images([argument])
    except ValueError as error:
        yield argument, error
    else:
        yield from ((str(path), path) for path in paths)


def _standard_input(stream):
    first = stream.readline()
    if _is_text(first):
        for line in itertools.chain([first], stream):
            name = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            if name:
                yield name, Path(name)
    else:
        yield "standard input", first + stream.read()


def _is_text(line):
    """Whether a first line is a path rather than the beginning of an image."""
    try:
        return "\0" not in line.decode("utf-8")
    except UnicodeDecodeError:
        return False


def named(error, name):
    """What is wrong with an image, with its name."""
    return str(error) if str(name) in str(error) else f"{name}: {error}"
