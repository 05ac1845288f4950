"""How much work a TIFF is for Pillow, known before it is decoded.

Its tiles may be larger than the image, its parts lie over each other in the file, and
a part that is a JPEG repeat its scans.

TIFF, revision 6.0, sections 8, 15 and 22.
"""

from math import ceil

from keras_attention.data.images.decoding_work import MAX_WORK, SCAN
from keras_attention.data.images.graph import MAX_PIXELS

COMPRESSION, JPEGS = 259, (6, 7)
ROWS_PER_STRIP, STRIPS = 278, (273, 279)  # where each begins, and its bytes
TILE_WIDTH, TILE_LENGTH, TILES = 322, 323, (324, 325)


def tiff_work(image, content):
    """Pixels of all parts of a TIFF, those of JPEGs times their scans.

    Args:
        image: Pillow's, of which only the header was read.
        content: bytes, the file.

    Returns:
        int, to be compared with `MAX_WORK`.

    Raises:
        TypeError, ValueError: tags that are no numbers.
    """
    width, height = image.size
    tags = image.tag_v2
    across, down, places = width, min(tags.get(ROWS_PER_STRIP, height), height), STRIPS
    if TILE_WIDTH in tags:
        across, down, places = tags[TILE_WIDTH], tags.get(TILE_LENGTH, 0), TILES
    if min(across, down) < 1:
        raise ValueError(f"parts of {across} × {down} pixels")
    part = across * down
    amount = part * ceil(width / across) * ceil(height / down)
    if tags.get(COMPRESSION, 1) in JPEGS:
        starts, sizes = (_numbers(tags.get(tag, ())) for tag in places)
        if sum(sizes) > 2 * len(content):
            return MAX_WORK + 1  # They lie over each other.
        mark = bytes([0xFF, SCAN])
        scans = (
            content.count(mark, start, start + size)
            for start, size in zip(starts, sizes, strict=False)
        )
        amount = max(amount, part * sum(scans))
    return amount if part <= MAX_PIXELS else MAX_WORK + 1


def _numbers(value):
    return [int(each) for each in (value if isinstance(value, tuple) else (value,))]
