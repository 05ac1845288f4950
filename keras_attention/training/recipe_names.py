"""Which recipe somebody may have meant, by its name or by its pair of languages."""

import difflib
import re

from keras_attention.data.corpora import shipped_corpora
from keras_attention.data.text.direction import corpus_languages


def meant(name, known):
    """A hint for a name that no recipe has; an empty text if nothing is near it.

    Names that hold languages, as "help-fr-en" does, are led to the nearest pair: to a
    recipe of it, of it the other way round, or that can be given a corpus of it.

    Args:
        name: str.
        known: dict from the names of recipes to `(source, target)`, their languages;
            empty strings where a recipe has none.
    """
    words = _words(name)
    codes = [word for word in words if re.fullmatch("[a-z]{2}", word)]
    wanted = next(zip(codes, codes[1:], strict=False), None)
    if wanted is None:
        near = difflib.get_close_matches(name.lower(), known, n=1)
        within = [other for other in known if set(words) & set(_words(other))]
        return f"did you mean {(near or within)[0]!r}? " if near or within else ""

    def nearness(other):
        source, target = known[other]
        return (
            (source, target) == wanted,
            (target, source) == wanted,
            # Of one language and another, the side counts too.
            len({source, target} & {*wanted}),
            (source == wanted[0]) + (target == wanted[1]),
            len({*words} & {*_words(other)}),
            "none" not in _words(other),  # What has attention is meant, mostly.
            -len(other),
        )

    best = max(known, key=nearness)
    source, target = known[best]
    if (source, target) == wanted:
        return f"did you mean {best!r}? "
    corpus, swap = _shipped(wanted)
    if not corpus:
        return (
            f"none is from {wanted[0]} to {wanted[1]}; nearest is {best!r} ({source} "
            f"to {target}), to which --set data.corpus=… gives your own pairs; "
        )
    changes = {
        "corpus": "" if {source, target} == {*wanted} else corpus,
        "swap": "true" if swap else "",
        "source_language": wanted[0],
        "target_language": wanted[1],
    }
    settings = [f"--set data.{key}={value}" for key, value in changes.items() if value]
    return f"did you mean {best!r} with {' '.join(settings)}? "


def _shipped(wanted):
    """`(name, swap)` of the shipped corpus of two languages; `("", False)` without."""
    for corpus in shipped_corpora():
        for swap in (False, True):
            if corpus_languages(corpus, swap) == wanted:
                return corpus, swap
    return "", False


def _words(name):
    return re.findall("[a-z0-9]+", name.lower())
