"""Words that a vocabulary lacks: which they are, and how they come into a text.

A model that writes `<unk>` attends to some source token as it does. The word that it
attends to most stands for it (Luong et al., 2015, on rare words; Jean et al., 2015):

    ▁Öffnen ▁ <unk> .   attending to  ▁Open ▁ <unk> ▁ now      →   Öffnen 狐狸.

Exported graphs do the same with the same patterns: `keras_attention.export.copying`.
"""

import re
from typing import NamedTuple

import numpy as np

from keras_attention.data.tokenizer import SURROGATES
from keras_attention.special_tokens import UNKNOWN_ID

# For the patterns of Python and of RE2, whose own classes differ beyond ASCII. Spaces
# are those of `str.split`.
SPACE = "[" + "".join(c for c in map(chr, range(0x3001)) if c.isspace()) + "]"
NO_SPACE = SPACE.replace("[", "[^")
PUNCTUATION = (
    r"[!-/:-@\[-`{-~¡§«¶·»¿"
    "\u2010-\u2027\u2030-\u205e\u3001-\u3003\u3008-\u3011\u3014-\u301f"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]"
)


class SourceWords(NamedTuple):
    """The words of a source, and which of them its subwords are of."""

    numbers: np.ndarray
    """int `(S,)`, the word of each subword."""
    words: list
    """str, "" where a word has no subword. Subwords of punctuation at its ends are not
    part of a word, unless there is nothing else."""


def source_words(tokenizer, text, num_subwords):
    """The words of the first subwords of a text.

    Args:
        tokenizer: `Tokenizer`.
        text: str.
        num_subwords: int. Subwords that a model sees; the rest was cut off.

    Returns:
        `SourceWords`.
    """
    text = SURROGATES.sub("\ufffd", text)
    ids = tokenizer.encode([text])[0][:num_subwords]
    numbers, spans = [], {}
    for i, (begin, end) in zip(ids, tokenizer.offsets([text])[0], strict=False):
        content = text[begin:end].strip()
        # A subword takes the spaces before it along, and may be nothing else.
        begin = end - len(text[begin:end].lstrip())
        number = len(f"{text[:begin]}a".split()) - 1
        numbers.append(number)
        if content:
            known = i != UNKNOWN_ID
            is_punctuation = known and re.fullmatch(f"{PUNCTUATION}+", content)
            all_of_it, letters = spans.setdefault(number, ([], []))
            for places in (all_of_it,) if is_punctuation else (all_of_it, letters):
                places += [begin, begin + len(content)]
    words = [""] * (max(numbers, default=-1) + 1)
    for number, (all_of_it, letters) in spans.items():
        places = letters or all_of_it
        words[number] = text[min(places) : max(places)]
    return SourceWords(np.array(numbers, int), words)


def attended_copies(ids, attention_scores, source):
    """The word to copy for each unknown token.

    Args:
        ids: list of int.
        attention_scores: float `(T, S)`, with a row for each of `ids`. What follows the
            subwords of the source, as END, is no word.
        source: `SourceWords`.

    Returns:
        dict of a position in `ids` to the word that it attends to most, "" where the
        source has none.
    """
    positions = [position for position, i in enumerate(ids) if i == UNKNOWN_ID]
    if not any(source.words):
        return dict.fromkeys(positions, "")
    membership = source.numbers[:, None] == np.arange(len(source.words))  # (S, W)
    attended = attention_scores[:, : len(membership)] @ membership.astype("float32")
    attended[:, [not word for word in source.words]] = -1
    return {p: source.words[attended[p].argmax()] for p in positions}


def prefix_copies(tokenizer, prefix):
    """What a given beginning says at its unknown tokens: dict of position to str."""
    prefix = SURROGATES.sub("\ufffd", prefix)
    (ids,), (offsets,) = tokenizer.encode([prefix]), tokenizer.offsets([prefix])
    return {
        position: prefix[begin:end].strip()
        for position, (i, (begin, end)) in enumerate(zip(ids, offsets, strict=True))
        if i == UNKNOWN_ID
    }


def decode_with(tokenizer, ids, copies):
    """The text of ids, with words in place of unknown tokens.

    A word stands where the subword does; a space comes before it where the tokenizer's
    unknown tokens take their spaces along.

    Args:
        tokenizer: `Tokenizer`.
        ids: list of int.
        copies: dict of positions in `ids` to str; an unknown token that has none reads
            as `tokenizer.decode` reads it.

    Returns:
        `(text, offsets)`, as of `Tokenizer.decoded_offsets`.
    """
    ((text, offsets),) = tokenizer.decoded_offsets([ids])
    if not copies:
        return text, offsets
    filled, moved = "", []
    for position, (begin, end) in enumerate(offsets):
        start, said = len(filled), copies.get(position, text[begin:end])
        if position in copies and said and tokenizer.unknown_takes_space:
            if filled and not filled[-1].isspace():
                said = f" {said}"
        filled += said
        moved.append((start, len(filled)))
    return filled, moved
