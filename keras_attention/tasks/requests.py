"""What a caller wants of several outputs, checked before the first is decoded."""

from typing import Any, NamedTuple

from keras_attention.decoding.options import DecodingOptions
from keras_attention.tasks.lexical import Lexicon
from keras_attention.texts import strings


class Request(NamedTuple):
    """How outputs are decoded, and what is wanted of each, by its number."""

    options: DecodingOptions
    seed: int
    prefixes: list[str] | None
    prefix_ids: list[list[int]] | None
    lexicon: Lexicon


def checked_prefixes(prefixes: Any, count: int, of: str) -> list[str] | None:
    """What each of `count` outputs begins with; None for nothing.

    Args:
        prefixes: list of str, as many, or one str; or None.
        count: int.
        of: str. What each output is of, as "text".

    Raises:
        ValueError: what is no str, or not as many.
    """
    if prefixes is None:
        return None
    prefixes = strings(prefixes, "prefixes")
    if len(prefixes) != count:
        raise ValueError(
            f'one prefix for each {of} is needed ("" for none); received {count} {of}s '
            f"and {len(prefixes)} prefixes"
        )
    return prefixes
