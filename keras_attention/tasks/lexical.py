"""Words that outputs must contain, or avoid, as a search takes them."""

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_attention.data.text.spelling import (
    ANCHOR,
    begins_with_letter,
    spelled,
    spelling,
)
from keras_attention.data.tokenizer import Tokenizer
from keras_attention.special_tokens import UNKNOWN_ID
from keras_attention.texts import word_lists

if TYPE_CHECKING:
    from keras_attention.decoding.lexical import LexicalConstraints
    from keras_attention.decoding.options import DecodingOptions

# What they are called, of tasks and of exports; both are lists of words.
ARGUMENTS = ("constraints", "avoid")


class Lexicon:
    """The constraints of `count` outputs.

    Args:
        tokenizer: `Tokenizer` of the outputs.
        count: int. Outputs.
        constraints: list of str, for all outputs, or a list of such lists, one for
            each; words or phrases that they must contain.
        avoid: likewise, what they may not contain.

    Raises:
        ValueError: another number of lists, what is no str or has nothing in it, or a
            constraint that the vocabulary cannot write.
    """

    def __init__(
        self, tokenizer: Tokenizer, count: int, constraints: Any, avoid: Any
    ) -> None:
        self.tokenizer = tokenizer
        # One list is mostly that of all.
        ways_of = functools.cache(lambda words: list(map(self._ways, words)))
        said_of = functools.cache(lambda words: set(map(self._normalised, words)))
        of_constraints, of_avoid = (
            word_lists(name, given, count)
            for name, given in zip(ARGUMENTS, (constraints, avoid), strict=True)
        )
        ways = list(map(ways_of, of_constraints))
        self.constraints = [[ids for ids, _ in one] for one in ways]
        # Other ways to write them, as many; [] for none.
        self.alternatives = [[ids for _, ids in one] for one in ways]
        self.avoid = list(map(said_of, of_avoid))

    @property
    def has_constraints(self) -> bool:
        """Whether any output must contain something."""
        return any(self.constraints)

    def groups(self, order: list[int]) -> list[list[int]]:
        """Numbers of outputs, those with constraints apart, for another search."""
        free = [i for i in order if not self.constraints[i]]
        return [free, [i for i in order if self.constraints[i]]]

    def check_options(self, options: "DecodingOptions") -> None:
        """Refuses `DecodingOptions` that cannot meet these constraints.

        Raises:
            ValueError: they sample, or have a coverage penalty.
        """
        if self.has_constraints:
            check_constrained(options)

    def check_lengths(self, rows: list[int], limits: Any, num_forced: int = 0) -> None:
        """Refuses constraints for which an output has no room.

        Args:
            rows: list of int. Numbers of outputs.
            limits: int, as many. Most tokens of each, the end token included.
            num_forced: int. How many of them say the language.

        Raises:
            ValueError: the first that has too many tokens.
        """
        others = "the end token"
        if num_forced:
            others += " and that of the language"
        for i, limit in zip(rows, limits, strict=True):
            ways = zip(self.constraints[i], self.alternatives[i], strict=True)
            needed = sum(len(min(one, other or one, key=len)) for one, other in ways)
            needed += 1 + num_forced
            if self.constraints[i] and needed > limit:
                raise ValueError(
                    f"constraints[{i}] have {needed} tokens with {others}, and "
                    f"this output may have {limit}; raise max_length, "
                    "max_length_ratio or max_length_offset, or ask for less"
                )

    def arrays(self, rows: list[int], count: int) -> "LexicalConstraints | None":
        """What a search takes for some outputs, filled up to `count` rows; None for
        nothing."""
        phrases = [self.constraints[i] for i in rows]
        words = sorted({word for i in rows for word in self.avoid[i]})
        if not words and not any(phrases):
            return None
        # Late, since it imports Keras, which not all need.
        from keras_attention.decoding.lexical import LexicalConstraints

        found = LexicalConstraints(spelling(self.tokenizer))
        if any(phrases):
            width = _power_of_two(max(map(len, phrases)))
            others = [self.alternatives[i] for i in rows]
            longest = max(len(ids) for one in phrases + others for ids in one)
            shape = count, width, _multiple(4, longest)
            found = found._replace(constraints=_filled(phrases, shape))
            if any(ids for one in others for ids in one):
                found = found._replace(alternatives=_filled(others, shape))
        if words:
            length = _multiple(8, max(map(len, words)))
            array = np.zeros((_power_of_two(len(words)), length), "int32")
            for row, word in enumerate(words):
                array[row, : len(word)] = spelled(word)
            applies = np.zeros((count, len(array)), bool)
            for row, i in enumerate(rows):
                applies[row, : len(words)] = [word in self.avoid[i] for word in words]
            found = found._replace(avoid=array, avoid_in=applies)
        return found

    def _normalised(self, text):
        """As an output would read."""
        return self.tokenizer.decode([self._encoded("avoid", text)])[0].strip()

    def _encoded(self, name, text):
        (ids,) = self.tokenizer.encode([text])
        if not ids:
            raise ValueError(
                f"{name} must be words; received {text!r:.60}, of which the tokenizer "
                "makes no tokens"
            )
        return ids

    def _ways(self, phrase):
        """Ids of it within a text, and those at the beginning if they are others."""
        ids = self._encoded("constraints", phrase)
        if UNKNOWN_ID in ids:
            raise ValueError(
                f"a constraint must be written in tokens of the vocabulary; received "
                f"{phrase!r:.60}, of which it lacks some"
            )
        first = spelling(self.tokenizer)[ids[:2], 0]
        # No space needs to be before what is a word by itself.
        space = len(ids) > 1 and self.tokenizer.ids_to_tokens(ids[:1]) == ["\u2581"]
        ids = ids[1:] if space and first[1] % 2 == 0 else ids
        within = self._within(ids)
        return (within, ids) if within not in ([], ids) else (ids, [])

    def _within(self, ids):
        (text,) = self.tokenizer.decode([ids])
        if begins_with_letter(text):
            return []
        anchor, within = self.tokenizer.encode([ANCHOR, ANCHOR + text])
        within = within[len(anchor) :]
        # Not so where one token takes the anchor and more.
        return within if self.tokenizer.decode([within]) == [text] else []


def check_constrained(options):
    """Refuses `DecodingOptions` under which no output can be constrained."""
    from keras_attention.decoding.constrained_beam import check_constraints
    from keras_attention.decoding.lexical import LexicalConstraints

    check_constraints(options, LexicalConstraints((), np.zeros((1, 1, 1), "int32")))


def _filled(rows, shape):
    array = np.zeros(shape, "int32")
    for row, one in enumerate(rows):
        for place, ids in enumerate(one):
            array[row, place, : len(ids)] = ids
    return array


def _power_of_two(number):
    return 1 << (number - 1).bit_length()


def _multiple(step, number):
    return -(-number // step) * step
