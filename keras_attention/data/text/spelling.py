"""What the tokens of a vocabulary spell, and where words begin and end in it."""

import functools
import re

import numpy as np

from keras_attention.data.unknown_words import PUNCTUATION, SPACE
from keras_attention.special_tokens import END_ID

# Of the characters of scripts that put no space between words, each is a word.
NO_SPACES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u2e80-\uabff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese, Japanese
)
SYMBOLS = (
    "\xa1-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf\xd7\xf7"
    "\u2000-\u2bff\ufffd\U0001f000-\U0001faff"
)
# As patterns of Python and of RE2. Letters, digits and marks of all other scripts.
LETTER = f"[^{SPACE[1:-1]}{PUNCTUATION[1:-1]}{SYMBOLS}{NO_SPACES}]"
# A token that spells one byte reads as itself in ASCII; in other characters alone it is
# no letter.
BYTE = "<0x[0-9A-F]{2}>"
# Of a private use, it is in no word: what comes after it is cut as within a text.
ANCHOR = "\ue000"
_LETTER, _BYTE = re.compile(LETTER), re.compile(BYTE)


def begins_with_letter(text):
    """Whether a space, or what is no letter, must be before a text; bool."""
    return _LETTER.match(text) is not None


def spelled(text):
    """Twice the code point of each character, plus one for a `LETTER`; list of int."""
    return [2 * ord(c) + bool(_LETTER.fullmatch(c)) for c in text]


@functools.lru_cache(maxsize=8)
def spelling(tokenizer):
    """What each token spells, as `LexicalConstraints` takes it.

    Args:
        tokenizer: `Tokenizer`.

    Returns:
        int32 `(V, M)`.
    """
    rows = []
    for i, token in enumerate(
        tokenizer.ids_to_tokens(np.arange(tokenizer.vocabulary_size))
    ):
        if _BYTE.fullmatch(token):
            (token,) = tokenizer.decode([[i]])
        token = token.replace("\u2581", " ")
        rows.append([] if i <= END_ID else spelled(token))
    array = np.zeros((len(rows), max(map(len, rows))), "int32")
    for row, characters in zip(array, rows, strict=True):
        row[: len(characters)] = characters
    return array
