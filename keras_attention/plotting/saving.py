"""Figures on disk, whole or not at all."""

import io
import warnings
from pathlib import Path

from keras_attention.files import whole_file

DOTS_PER_INCH = 150


def save_figure(figure, path):
    """Writes a figure; a reader never sees half a file.

    Args:
        figure: `matplotlib.figure.Figure`.
        path: str or path. Its ending chooses the format; folders are made.
    """
    path = Path(path)
    content = io.BytesIO()
    with warnings.catch_warnings():
        # `font_families` has said it already, once.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(
            content,
            format=path.suffix[1:] or "png",
            dpi=DOTS_PER_INCH,
            # The layout leaves too little room for long tokens in a grid.
            bbox_inches="tight",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_bytes(content.getvalue())
