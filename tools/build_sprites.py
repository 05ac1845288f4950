"""Builds the sprite sheets of the shipped scenes, and compares their names with CLDR's.

    npm pack emoji-datasource-google@16.0.0 @lobehub/fluent-emoji-3d@1.1.0 \\
        cldr-annotations-full@48.2.0
    python tools/build_sprites.py FOLDER_WITH_THE_THREE_TGZ

One sheet per artist, 16 sprites of 64 x 64 a row, in the order of things.tsv. Noto's
are taken as they are; Fluent's are cut to what is drawn and made smaller. `--names`
prints what CLDR calls each thing where the table says otherwise: the table was written
by hand, for CLDR gives neither plurals nor genders nor measure words.
"""

import argparse
import io
import json
import tarfile
from pathlib import Path

from PIL import Image

SCENES = Path(__file__).parents[1] / "keras_attention" / "data" / "scenes"
SIDE = 64
COLUMNS = 16
ARTISTS = {
    "noto": ("emoji-datasource-google-16.0.0.tgz", "package/img/google/64/{}.png"),
    "fluent": ("lobehub-fluent-emoji-3d-1.1.0.tgz", "package/assets/{}.webp"),
}
NAMES = ("cldr-annotations-full-48.2.0.tgz", "package/annotations/{}/annotations.json")
VARIATION = "\ufe0f"  # "as an image": in some files' names, not in others'.


def read_table():
    """Rows of things.tsv, as dicts."""
    lines = (SCENES / "things.tsv").read_text(encoding="utf-8").splitlines()
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:]]


def code_points(emoji):
    return "-".join(f"{ord(character):04x}" for character in emoji)


def read_sprite(archive, pattern, emoji):
    """The image of `emoji` in an archive, RGBA."""
    for name in (emoji, emoji + VARIATION):
        try:
            file = archive.extractfile(pattern.format(code_points(name)))
        except KeyError:
            continue
        return Image.open(io.BytesIO(file.read())).convert("RGBA")
    raise ValueError(f"no image of {emoji} ({code_points(emoji)}) in {archive.name}")


def cut(sprite):
    """What is drawn, as large as the square allows."""
    if sprite.size == (SIDE, SIDE):
        return sprite
    sprite = sprite.crop(
        sprite.getchannel("A").point(lambda a: a > 8 and 255).getbbox()
    )
    scale = SIDE / max(sprite.size)
    size = [max(1, round(length * scale)) for length in sprite.size]
    square = Image.new("RGBA", (SIDE, SIDE))
    place = ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2)
    square.paste(sprite.resize(size, Image.Resampling.LANCZOS), place)
    return square


def build_sheet(folder, artist, rows):
    """All sprites of an artist in one image."""
    file, pattern = ARTISTS[artist]
    height = -(-len(rows) // COLUMNS) * SIDE
    sheet = Image.new("RGBA", (COLUMNS * SIDE, height))
    with tarfile.open(folder / file) as archive:
        for i, row in enumerate(rows):
            sprite = cut(read_sprite(archive, pattern, row["emoji"]))
            sheet.paste(sprite, (i % COLUMNS * SIDE, i // COLUMNS * SIDE))
    return sheet


def print_names(folder, rows):
    """CLDR's name and keywords beside each name that is none of them."""
    file, pattern = NAMES
    with tarfile.open(folder / file) as archive:
        for language in ("en", "de", "fr", "es", "zh"):
            text = archive.extractfile(pattern.format(language)).read()
            annotations = json.loads(text)["annotations"]["annotations"]
            for row in rows:
                entry = annotations[row["emoji"]]
                phrase = row[language].split("/")[0]
                name = phrase[1:] if language == "zh" else phrase.split(" ", 1)[1]
                known = {word.lower() for word in entry["tts"] + entry["default"]}
                if name.lower() not in known:
                    words = ", ".join(entry["tts"] + entry["default"])
                    print(language, row["emoji"], name, "|", words)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds the three packages, as packed")
    parser.add_argument("--output", type=Path, default=SCENES)
    parser.add_argument("--names", action="store_true", help="only compare names")
    options = parser.parse_args()
    rows = read_table()
    if options.names:
        return print_names(options.folder, rows)
    for artist in ARTISTS:
        path = options.output / f"{artist}.png"
        build_sheet(options.folder, artist, rows).save(path, optimize=True)
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
