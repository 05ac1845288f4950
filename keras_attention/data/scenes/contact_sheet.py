"""A contact sheet: many scenes in one image, to see what a model is given."""

import textwrap

from PIL import Image, ImageDraw

MARGIN = 6
LINE = 12  # pixels
LINES = 3  # of a caption
# What every font has; the one that comes with Pillow knows no Chinese.
FALLBACK = "latin-1"


def contact_sheet(scenes, columns=6, boxes=True):
    """Draws scenes with the first caption of each.

    Args:
        scenes: iterable of `CaptionedImage` with arrays for images, such as `Scenes`.
        columns: int. Scenes in a row.
        boxes: bool. Whether to frame the things.

    Returns:
        `PIL.Image`.

    Raises:
        ValueError: there are no scenes, or less than one column.

    Example:

    >>> from keras_attention.data.scenes import Scenes
    >>> contact_sheet(Scenes(count=4, image_size=64), columns=2).size
    (146, 218)
    """
    scenes = list(scenes)
    if not scenes or columns < 1:
        raise ValueError(
            "a contact sheet needs a scene and a column at least; received "
            f"{len(scenes)} scenes and columns={columns}"
        )
    side = len(scenes[0].image)
    width, height = side + MARGIN, side + MARGIN + LINES * LINE
    rows = -(-len(scenes) // columns)
    size = (columns * width + MARGIN, rows * height + MARGIN)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for i, scene in enumerate(scenes):
        left, top = MARGIN + i % columns * width, MARGIN + i // columns * height
        sheet.paste(Image.fromarray(scene.image), (left, top))
        for each in scene.truth["objects"] if boxes else []:
            x0, y0, x1, y1 = each["box"]
            frame = (left + x0, top + y0, left + x1 - 1, top + y1 - 1)
            pen.rectangle(frame, outline="white")
        lines = textwrap.wrap(scene.captions[0], max(8, side // 6))[:LINES]
        text = "\n".join(lines).encode(FALLBACK, "replace").decode(FALLBACK)
        pen.text((left, top + side + 1), text, fill="black", font_size=9)
    return sheet
