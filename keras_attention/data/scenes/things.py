"""The things of which scenes are made, and what they are called."""

import csv
import functools
import hashlib
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
LANGUAGES = ("en", "de", "fr", "es", "zh")
# Each has a sheet of sprites.
ARTISTS = ("noto", "fluent")
# Of scenes; with "both" each is by one of them.
ARTIST_CHOICES = (*ARTISTS, "both")
MOST = 4  # of one thing in a scene
NUMBERS = {
    "en": ("two", "three", "four"),
    "de": ("zwei", "drei", "vier"),
    "fr": ("deux", "trois", "quatre"),
    "es": ("dos", "tres", "cuatro"),
    "zh": ("两", "三", "四"),
}
DATIVE_ARTICLES = {"ein": "einem", "eine": "einer"}


class Thing(NamedTuple):
    """One kind of thing."""

    name: str
    """Its English name without article, which identifies it: "green apple"."""
    place: int
    """Its place in the sheets of sprites."""
    colour: str | None
    """English, where things of one shape differ in it."""
    names: dict[str, str]
    """What things.tsv says, by language."""

    def phrase(self, language, count, case=""):
        """The thing so many times: "a dog", "two dogs".

        Args:
            language: str.
            count: int, 1 to 4.
            case: "dative" in German, "de" in French ("d'un chien"); else "".
        """
        if language == "zh":
            return ("一" if count == 1 else NUMBERS["zh"][count - 2]) + self.names["zh"]
        forms = self.names[language].split("/")
        number = "" if count == 1 else NUMBERS[language][count - 2]
        if case == "dative":
            phrase = self._dative(forms, number)
        else:
            phrase = forms[0] if count == 1 else f"{number} {forms[1]}"
        if case == "de":
            return f"d'{phrase}" if count == 1 else f"de {phrase}"
        return phrase

    @staticmethod
    def _dative(forms, number):
        """German: the third and fourth form, where they are not as one expects."""
        article, singular = forms[0].split(" ", 1)
        if number:
            plural = forms[1] if forms[1][-1] in "ns" else f"{forms[1]}n"
            return f"{number} {forms[3] if len(forms) > 3 else plural}"
        singular = forms[2] if len(forms) > 2 else singular
        return f"{DATIVE_ARTICLES[article]} {singular}"

    def nouns(self, language):
        """`(one, several)` without article or number, for reading broken captions."""
        if language == "zh":
            return (self.names["zh"][1:],) * 2
        forms = self.names[language].split("/")
        return forms[0].split(" ", 1)[1], forms[1]


@functools.cache
def load_things(count: int | None = None) -> tuple[Thing, ...]:
    """The things, those that differ most first.

    Args:
        count: int from 4, optional. So many of them; all by default.

    Returns:
        tuple of `Thing`, with `name` in English, `colour` where things of one shape
        differ in it, and `phrase(language, count)`.

    Raises:
        ValueError: more than there are, or fewer than a scene needs.

    Example:

    >>> [thing.name for thing in load_things(8)][:3]
    ['butterfly', 'robot', 'octopus']
    """
    with (HERE / "things.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    if count is not None and not MOST <= count <= len(rows):
        raise ValueError(
            f"scenes have from {MOST} to {len(rows)} different things; received {count}"
        )
    return tuple(
        Thing(
            row["en"].split("/")[0].split(" ", 1)[1],
            place,
            row["colour"] or None,
            {language: row[language] for language in LANGUAGES},
        )
        for place, row in enumerate(rows[:count])
    )


def check_language(language):
    """Raises ValueError for a language in which things have no names."""
    if language not in LANGUAGES:
        raise ValueError(
            f"language of scenes must be one of {', '.join(LANGUAGES)}; received "
            f"{language!r}"
        )


@functools.cache
def files_digest():
    """A hash of the table and of both sheets: what is kept of others is stale."""
    digest = hashlib.blake2b(digest_size=8)
    for name in ("things.tsv", *(f"{artist}.png" for artist in ARTISTS)):
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()


@functools.cache
def thing_named(name):
    """The `Thing` of a name."""
    return {thing.name: thing for thing in load_things()}[name]
