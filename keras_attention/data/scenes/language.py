"""Captions of scenes, written and read, in five languages.

A scene is one group of things, or two groups and how they lie to each other, or one
thing between two others:

    two dogs
    a dog and a cat above two trees
    a dog between a cat and a tree
"""

import functools
import re
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from keras_attention.data.scenes.things import (
    MOST,
    check_language,
    load_things,
    thing_named,
)

AND = {"en": " and ", "de": " und ", "fr": " et ", "es": " y ", "zh": "和"}
# {a} and {b} are groups, {c} a thing; "dative" is German, "de" French. The relation is
# that of a to b; of each kind all are true of one scene.
TEMPLATES = {
    "en": {
        "alone": ["{a}", "a picture of {a}"],
        "left of": ["{a} left of {b}", "{a} on the left and {b} on the right"],
        "right of": ["{a} right of {b}"],
        "above": ["{a} above {b}", "{a} at the top and {b} at the bottom"],
        "below": ["{a} below {b}"],
        "between": ["{a} between {b} and {c}"],
    },
    "de": {
        "alone": ["{a}", "ein Bild von {a:dative}"],
        "left of": ["{a} links von {b:dative}", "links {a} und rechts {b}"],
        "right of": ["{a} rechts von {b:dative}"],
        "above": ["{a} über {b:dative}", "oben {a} und unten {b}"],
        "below": ["{a} unter {b:dative}"],
        "between": ["{a} zwischen {b:dative} und {c:dative}"],
    },
    "fr": {
        "alone": ["{a}", "une image {a:de}"],
        "left of": ["{a} à gauche {b:de}", "à gauche {a} et à droite {b}"],
        "right of": ["{a} à droite {b:de}"],
        "above": ["{a} au-dessus {b:de}", "en haut {a} et en bas {b}"],
        "below": ["{a} au-dessous {b:de}"],
        "between": ["{a} entre {b} et {c}"],
    },
    "es": {
        "alone": ["{a}", "una imagen de {a}"],
        "left of": [
            "{a} a la izquierda de {b}",
            "a la izquierda {a} y a la derecha {b}",
        ],
        "right of": ["{a} a la derecha de {b}"],
        "above": ["{a} encima de {b}", "arriba {a} y abajo {b}"],
        "below": ["{a} debajo de {b}"],
        "between": ["{a} entre {b} y {c}"],
    },
    "zh": {
        "alone": ["{a}", "图上有{a}"],
        "left of": ["{a}在{b}的左边", "左边是{a}，右边是{b}"],
        "right of": ["{a}在{b}的右边"],
        "above": ["{a}在{b}的上方", "上面是{a}，下面是{b}"],
        "below": ["{a}在{b}的下方"],
        "between": ["{a}在{b}和{c}之间"],
    },
}
OPPOSITE = {
    "left of": "right of",
    "right of": "left of",
    "above": "below",
    "below": "above",
}
LONGEST = 6  # words of a phrase; in Chinese, its characters are twice as many


class Statement(NamedTuple):
    """What a caption says.

    Attributes:
        objects: Counter of str. How often each thing is there, by name.
        relations: set of `(name, relation, name)`, of "between"
            `(name, "between", (name, name))`.
        mentions: list of `(begin, end, name)`, where phrases that name a thing stand,
            in characters.
    """

    objects: Counter
    relations: set
    mentions: list


def describe(
    plan: tuple[str, list[list[tuple[str, int]]]],
    language: str,
    rng: np.random.Generator,
) -> str:
    """A caption that is true of a scene.

    Args:
        plan: `(relation, groups)`. Groups are lists of `(name, count)`, the relation
            that of the first to the second; "alone" has one group, "between" three.
        language: str, one of `LANGUAGES`.
        rng: NumPy generator. Chooses among the ways to say it.

    Returns:
        str.

    Raises:
        ValueError: an unknown language.
        KeyError: an unknown relation or thing.

    Example:

    >>> plan = ("left of", [[("dog", 2)], [("cat", 1)]])
    >>> describe(plan, "en", np.random.default_rng(0))
    'two dogs on the left and a cat on the right'
    """
    check_language(language)
    relation, groups = plan
    groups = [[group[i] for i in rng.permutation(len(group))] for group in groups]
    if relation == "between":
        groups[1:] = [groups[1 + i] for i in rng.permutation(2)]
    elif relation != "alone" and rng.random() < 0.5:
        relation, groups = OPPOSITE[relation], groups[::-1]
    templates = TEMPLATES[language][relation]
    template = templates[rng.integers(len(templates))]
    return template.format_map(
        {
            slot: _Group(group, language)
            for slot, group in zip("abc", groups, strict=False)
        }
    )


class _Group:
    """A group that a template writes in the case that it wants."""

    def __init__(self, group, language):
        self.group, self.language = group, language

    def __format__(self, case):
        return AND[self.language].join(
            thing_named(name).phrase(self.language, count, case)
            for name, count in self.group
        )


def read_caption(text: str, language: str) -> Statement:
    """Reads what a caption says, as far as it can be understood.

    Phrases are found wherever they stand; the relation only where the whole caption
    is built as captions of scenes are.

    Args:
        text: str.
        language: str, one of `LANGUAGES`.

    Returns:
        `Statement`.

    Raises:
        ValueError: an unknown language.

    Example:

    >>> statement = read_caption("two dogs left of a cat", "en")
    >>> dict(statement.objects), statement.relations
    ({'dog': 2, 'cat': 1}, {('dog', 'left of', 'cat')})
    """
    check_language(language)
    found = _phrases_in(text, language)
    objects = Counter()
    for _, _, name, count in found:
        objects[name] += count
    mentions = [(begin, end, name) for begin, end, name, _ in found]
    return Statement(objects, _relations(text, language, mentions), mentions)


def _relations(text, language, mentions):
    for relation, pattern in _patterns(language):
        match = pattern.fullmatch(text.strip().rstrip("."))
        if match is None:
            continue
        groups = [
            [
                name
                for begin, end, name in mentions
                if match.start(slot) <= begin and end <= match.end(slot)
            ]
            for slot in match.groupdict()
        ]
        if relation == "between":
            a, b, c = groups
            if not (a and b and c):
                return set()
            return {(a[0], relation, tuple(sorted((b[0], c[0]))))}
        return {(a, relation, b) for a in groups[0] for b in groups[1]}
    return set()


@functools.cache
def _patterns(language):
    """`(relation, pattern)` of all templates with a relation."""
    patterns = []
    for relation, templates in TEMPLATES[language].items():
        if relation == "alone":
            continue
        for template in templates:
            pattern = ""
            for part in re.split(r"(\{[abc][^}]*\})", template):
                slot = part[1] if part.startswith("{") else ""
                pattern += f"(?P<{slot}>.+?)" if slot else re.escape(part)
            # The latest word that can divide two groups does: "and" is in them too.
            patterns.append((relation, re.compile(pattern)))
    # In what order groups come decides nothing, but longer templates are more exact.
    return sorted(patterns, key=lambda pair: -len(pair[1].pattern))


def _phrases_in(text, language):
    """`(begin, end, name, count)` of what is named, longest phrases first."""
    phrases = _phrases(language)
    lowered = text.lower()
    words = re.finditer(r"." if language == "zh" else r"[^\s.,]+", lowered)
    spans = [match.span() for match in words]
    longest = LONGEST * (2 if language == "zh" else 1)
    found, i = [], 0
    while i < len(spans):
        for j in range(min(i + longest, len(spans)), i, -1):
            begin, end = spans[i][0], spans[j - 1][1]
            if lowered[begin:end] in phrases:
                found.append((begin, end, *phrases[lowered[begin:end]]))
                i = j
                break
        else:
            i += 1
    return found


@functools.cache
def _phrases(language) -> dict[str, Any]:
    """All ways to name things: phrase to `(name, count)`."""
    cases = {"de": ("", "dative"), "fr": ("", "de")}.get(language, ("",))
    phrases = {}
    for thing in load_things():
        one, several = thing.nouns(language)
        phrases.setdefault(several.lower(), (thing.name, 2))
        phrases[one.lower()] = (thing.name, 1)
    for thing in load_things():
        for case in cases:
            for count in range(1, MOST + 1):
                phrase = thing.phrase(language, count, case).lower()
                phrases[phrase] = (thing.name, count)
    return phrases
