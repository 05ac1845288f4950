"""Texts as they are given: one or many, blank or not, and words for each."""

import re
from typing import Any

# Spaces, control characters, and what Unicode calls default-ignorable: joiners, marks
# of direction, variation selectors. A pattern for Python and for RE2.
BLANK = (
    "[\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)


def is_blank(text):
    """Whether a text holds nothing to read, str."""
    return re.fullmatch(BLANK, text) is not None


def listed(texts: Any, name: str) -> list[Any]:
    """A list of texts, of which one alone may be given as it is."""
    try:
        return [texts] if isinstance(texts, str) else list(texts)
    except TypeError:
        raise ValueError(
            f"{name} must be strings; received a {type(texts).__name__}: {texts!r:.60}"
        ) from None


def strings(texts: Any, name: str) -> list[str]:
    """As `listed`, and all of them are str."""
    texts = listed(texts, name)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(
                f"{name} must be strings; {name}[{i}] is of type "
                f"{type(text).__name__}: {text!r:.60}"
            )
    return texts


def word_lists(name, given, count):
    """A tuple of str for each of `count` outputs; what is given for all is one tuple.

    Args:
        name: str. What they are called, for errors.
        given: list of str, for all outputs, or list of such lists, one for each; or
            None.
        count: int. Outputs.

    Raises:
        ValueError: another number of lists, what is no str or has nothing in it.
    """
    if given is None:
        return [()] * count
    try:
        given = [given] if isinstance(given, str) else list(given)
    except TypeError:
        raise ValueError(
            f"{name} must be a list of words; received a {type(given).__name__}: "
            f"{given!r:.60}"
        ) from None
    if all(isinstance(one, str) for one in given):
        return [_words(name, given)] * count
    if len(given) != count:
        raise ValueError(
            f"{name} must be one list of words for all, or one list for each; received "
            f"{len(given)} lists for {count}"
        )
    return [_words(f"{name}[{i}]", one) for i, one in enumerate(given)]


def language_names(name: str, given: Any, count: int) -> list[str]:
    """One str for each of `count` texts, "" for a model's default.

    Args:
        name: str. What they are called, for errors.
        given: str for all texts, or list with one for each; or None.
        count: int. Texts.

    Raises:
        ValueError: another number, or what is no str.
    """
    if given is None or isinstance(given, str):
        return [given or ""] * count
    given = strings(given, name)
    if len(given) != count:
        raise ValueError(
            f"{name} must be one language for all, or one for each text; received "
            f"{len(given)} for {count}"
        )
    return given


def _words(name, given):
    words = tuple(dict.fromkeys(strings(given, name)))
    for word in words:
        if is_blank(word):
            raise ValueError(
                f"{name} must be words; received {word!r:.40}, which is empty"
            )
    return words
