"""A bundle is read, whatever it is for."""

from collections.abc import Sequence
from pathlib import Path

from keras_attention.tasks.bundle import bundle_task
from keras_attention.tasks.captioner import Captioner
from keras_attention.tasks.translator import Translator


def load(
    path: str | Path | Sequence[str | Path], dtype: str | None = None
) -> Translator | Captioner:
    """Reads a bundle, whatever it is for.

    Args:
        path: str or Path. The bundle's folder. Of a list of folders an ensemble is
            made, whose models decode together; see `keras_attention.models.Ensemble`.
        dtype: str, optional. Another dtype policy than the model was trained with, as
            "mixed_bfloat16".

    Returns:
        `Translator` or `Captioner`.

    Raises:
        ValueError: if the folder is missing, incomplete, damaged, of another format or
            for a task that this version does not know, or if config.json says what
            cannot be.

    Warns:
        UserWarning: if a newer version of this package wrote it.

    Example:

    >>> type(load("bundle")).__name__, type(load("captioner")).__name__
    ('Translator', 'Captioner')
    """
    classes = {kind.task: kind for kind in (Translator, Captioner)}
    first = path if isinstance(path, (str, Path)) else [*path, None][0]
    if first is None:
        raise ValueError("an ensemble takes bundles; received an empty list")
    task = bundle_task(first)
    if task not in classes:
        raise ValueError(
            f"{first} is a bundle for {task!r}; this version knows "
            f"{', '.join(classes)}. Update keras-attention-models"
        )
    return classes[task].load(path, dtype)
