"""Words of captions, cut as the COCO toolkit cuts them, without its Java."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain

from keras_attention.evaluation.ptb_rules import (
    APOSTROPHE,
    CLITICS,
    COMMON,
    QUOTE,
    RULES,
    TWO,
)

PLAIN_WORD = re.compile(COMMON, re.IGNORECASE)
PATTERNS = [re.compile(rule, re.IGNORECASE) for rule in RULES]
# Brackets have names, which the toolkit does not know again in lower case.
ROUND = str.maketrans({"(": "-lrb-", ")": "-rrb-"})
BRACKETS = ROUND | str.maketrans(
    {"[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}
)
SAME = str.maketrans(
    {"½": " 1/2 ", "¼": " 1/4 ", "¾": " 3/4 ", "⅓": " 1/3 ", "⅔": " 2/3 "}
    | {"€": "$", "¤": "$", "₠": "$", "£": " # ", "¢": " cents "}
    | {"\u00ad": ""}
)
ENTITY = re.compile("&([a-z]+);")
ENTITIES = {"amp": ["&"], "lt": ["<"], "gt": [">"]}
NOT = re.compile("(.*?)(n['’‘`]t.*)")
CLITIC = re.compile(rf"{APOSTROPHE}(?:{CLITICS})", re.IGNORECASE)
QUOTES = re.compile(QUOTE + "{2}")
PLAIN = str.maketrans(
    {"’": "'", "›": "'", "‘": "`", "‹": "`", "‛": "`"}
    | {"“": "``", "«": "``", "”": "''", "»": "''"}
)


def tokenize_caption(text: str, following: str = "") -> list[str]:
    """Words in lower case, without punctuation, as the COCO toolkit's Penn Treebank
    tokenizer leaves them; Chinese and Japanese by characters.

    Contractions are two words. Signs that the toolkit keeps ("&", "$", "!!" and
    brackets among them) are kept; emoji beyond the first plane of Unicode are dropped.
    What differs on purpose: letters are composed first (NFC), and punctuation that
    English has not, as in "¿qué?", is dropped.

    Args:
        text: a caption.
        following: what comes after it: of "vitamin c." the toolkit makes "c" before a
            sentence that begins with "The", "A" and the like, else "c.".

    Example:

    >>> tokenize_caption("A man's hat isn't red, it's well-worn.")
    ['a', 'man', "'s", 'hat', 'is', "n't", 'red', 'it', "'s", 'well-worn']
    """
    text = _prepared(text)
    end, place, words = len(text), 0, []
    if following:
        text = f"{text}\n{_prepared(following)}"
    while place < end:
        if plain := PLAIN_WORD.match(text, place):
            word = (plain[1] or plain[2]).lower()
            words += TWO.get(word, [word])
            place = plain.end()
        elif text[place] == " ":
            place += 1
        else:
            ends = [m.end() if (m := p.match(text, place)) else 0 for p in PATTERNS]
            stop = max(ends)
            if stop > place:
                words += _words(text[place:stop], CLITIC.match(text, stop))
            place = max(stop, place + 1)
    return words


def tokenize_captions(captions: Iterable[str]) -> list[list[str]]:
    """`tokenize_caption` of each, with the next one following, since the toolkit reads
    all captions from one file."""
    captions = list(captions)
    return [
        tokenize_caption(text, following)
        for text, following in zip(captions, [*captions[1:], ""], strict=True)
    ]


def tokenize_references(references: Iterable[Sequence[str]]) -> list[list[list[str]]]:
    """The same of the references of each image, one after the other."""
    references = list(references)
    words = iter(tokenize_captions(chain.from_iterable(references)))
    return [[next(words) for _ in right] for right in references]


def _prepared(text):
    text = unicodedata.normalize("NFC", text).translate(SAME)
    text = re.sub("&apos;", "'", text, flags=re.IGNORECASE) if "&" in text else text
    return re.sub(r"\s", " ", text).strip()


def _words(token, clitic):
    """The words that one match is; `clitic` says whether an "'s" comes next."""
    token = token.lower()
    if token in TWO and not clitic:
        return TWO[token]
    if named := ENTITY.fullmatch(token):
        return ENTITIES.get(named[1], [])
    if parts := NOT.fullmatch(token):
        return [part.translate(PLAIN) for part in parts.groups() if part]
    if CLITIC.fullmatch(token):
        return [token.translate(PLAIN)]
    if token in ("''", "-" * len(token)):
        return []
    if QUOTES.fullmatch(token):  # Of two kinds, as within each other, they stay.
        token = token.translate(PLAIN)
        return [token] if len(token) > 2 else []
    # Of what is longer, such as ":[", the toolkit names round brackets alone.
    names = BRACKETS if len(token) == 1 else ROUND
    return token.translate(names).split()
