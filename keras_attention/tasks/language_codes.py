"""The codes of languages that texts for some Marian models begin with, `>>deu<< OK`."""

import functools
import re

from keras_attention.conversion.marian_tokenizers import LANGUAGE_CODE
from keras_attention.data.special_ids import parsed
from keras_attention.data.subwords import SPACE
from keras_attention.data.tokenizer import Tokenizer

# Patterns for Python and for RE2.
BEGIN = "[ \t\r\n]*>>[^<>]+<<"
WITHOUT_SPACE = f"^({BEGIN})([^ \t\r\n])"
MOST_SHOWN = 10


@functools.lru_cache(maxsize=8)
def language_codes(tokenizer: Tokenizer) -> tuple[str, ...]:
    """The codes that a text may begin with, as `(">>deu<<", ">>nld<<")`.

    They are whole words that no subwords spell: none of a tokenizer trained on texts.

    Args:
        tokenizer: `Tokenizer` of the source.
    """
    proto = parsed(tokenizer.model)
    kind = type(proto.pieces[0]).USER_DEFINED
    names = [piece.piece for piece in proto.pieces if piece.type == kind]
    codes = [name.removeprefix(SPACE) for name in names if name.startswith(SPACE)]
    return tuple(filter(LANGUAGE_CODE.fullmatch, codes))


def must_be_known(codes: tuple[str, ...]) -> str:
    """The error for a code that is none of them, up to what was received."""
    shown = ", ".join(codes[:MOST_SHOWN])
    if len(codes) > MOST_SHOWN:
        shown += f" and {len(codes) - MOST_SHOWN} more"
    return f"a text may begin with a language code of this model, {shown}; received"


def with_spaces(tokenizer: Tokenizer, texts: list[str]) -> list[str]:
    """Texts with a space behind the code that they begin with, as a code is read.

    Args:
        tokenizer: `Tokenizer` of the source; without codes, texts stay as they are.
        texts: list of str.

    Raises:
        ValueError: a text begins with a code that is none of the tokenizer's.
    """
    begins = {i: found for i, t in enumerate(texts) if (found := re.match(BEGIN, t))}
    codes = language_codes(tokenizer) if begins else ()
    if not codes:
        return texts
    for i, begin in begins.items():
        code = begin[0].lstrip()
        if code not in codes:
            raise ValueError(
                f"{must_be_known(codes)} {code!r:.40} in texts[{i}]: use one of them, "
                "or take it out"
            )
    return [re.sub(WITHOUT_SPACE, r"\1 \2", text) for text in texts]
