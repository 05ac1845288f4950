"""Builds the shipped corpus of Bible verses, English and Spanish, from Debian packages.

    apt-get update
    pip install pysword==0.2.8
    python tools/build_bible_corpus.py

The packages hold SWORD modules, which pysword reads: every verse by its book, chapter
and number. Verses of the same number are paired, in the order of the text. Notes,
speakers' names and markup are taken out; the words are left as they are. Chapters that
the Reina-Valera numbers otherwise are left out, and so are pairs of which one side is
empty or more than twice as long as the other (there, a verse was split or added to) or
both are equal. gzip gets no time stamp: the same packages give the same bytes. It takes
about two minutes.
"""

import argparse
import html
import re
import tempfile
from pathlib import Path

from build_corpora import CORPORA, download, write

MODULES = Path("usr/share/sword")
# Debian package: name of its module.
ENGLISH = ("sword-text-web", "engWEB2015eb")
SPANISH = ("sword-text-sparv", "spaRV1909eb")
FILE = "bible-web-rv1909.en-es.tsv.gz"

# Here a verse begins elsewhere than in the English Bible, and those after it are moved.
# Found by looking for verses whose words fit a neighbour's better than their own.
NUMBERED_OTHERWISE = {
    "Numbers": {13, 30},
    "Judges": {14},
    "I Samuel": {24},
    "II Samuel": {20},
    "I Kings": {22},
    "I Chronicles": {1, 21},
    "II Chronicles": {33},
    "Job": {35, 39, 40},
    "Hosea": {12},
    "Jonah": {2},
    "Matthew": {23},
    "II Corinthians": {13},
}
LARGEST_RATIO = 2

# What follows the end of a chapter is the book's end, or an appendix.
OUTSIDE = re.compile(
    r"<note\b.*?</note>|<speaker\b.*?</speaker>|<chapter eID.*", re.DOTALL
)
INSIDE_A_LINE = re.compile(r"</?w\b[^>]*>|<q\b[^>]*>")
TAG = re.compile(r"<[^>]*>")
STRAY_SPACE = re.compile(r"\s+(?=[,.;:?!)’”])|(?<=[(¿¡‘“])\s+")


def plain_text(verse):
    """The words of a verse in OSIS markup, on one line."""
    text = INSIDE_A_LINE.sub("", OUTSIDE.sub(" ", verse))
    text = html.unescape(TAG.sub(" ", text))
    return " ".join(STRAY_SPACE.sub("", text).split())


def read_verses(root, module):
    """Text of each verse of a module, by book, chapter and number."""
    from pysword.modules import SwordModules

    modules = SwordModules(str(root / MODULES))
    modules.parse_modules()
    bible = modules.get_bible_from_module(module)
    verses = {}
    for books in bible.get_structure().get_books().values():
        for book in books:
            for chapter, length in enumerate(book.chapter_lengths, start=1):
                for number in range(1, length + 1):
                    place = (book.name, chapter, number)
                    verse = bible.get([book.name], [chapter], [number], clean=False)
                    verses[place] = plain_text(verse)
    return verses


def verse_pairs(english, spanish):
    """Pairs of verses, each once, in the order of the Spanish text."""
    pairs = {}
    for place, target in spanish.items():
        book, chapter, _ = place
        source = english.get(place, "")
        shorter, longer = sorted([len(source), len(target)])
        if chapter in NUMBERED_OTHERWISE.get(book, ()) or not shorter:
            continue
        if longer <= LARGEST_RATIO * shorter and source != target:
            pairs[source, target] = None
    return list(pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=CORPORA)
    output = parser.parse_args().output
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        root.chmod(0o777)  # apt downloads as another user.
        for package, _ in (ENGLISH, SPANISH):
            print(package, download(package, root).strip())
        english, spanish = (read_verses(root, m) for _, m in (ENGLISH, SPANISH))
    write(output / FILE, verse_pairs(english, spanish))


if __name__ == "__main__":
    main()
