"""Words that may not come, however a tokenizer cuts them into subwords.

What is forbidden is a text, not its tokens: `▁Datei`, `▁Dat ei` and `▁ D atei` read the
same. So hypotheses are followed character by character.
"""

from keras import ops


def is_letter(characters):
    """Whether characters of a `spelling` belong to a word, bool of the same shape."""
    return ops.equal(characters % 2, 1)


class Avoidance:
    """Follows `N` hypotheses through the words that their sources forbid.

    A word begins where no letter is before it, and ends with a token, or within one
    before what is no letter. So no token may end it: a longer word may begin with it
    only if its first token is longer too.

    A hypothesis is at place `j` of a word if its last `j` characters are the word's
    first; it may be at several, and at place 0 wherever the word may begin.

    Args:
        lexical: `LexicalConstraints`, with `avoid`, `D` words of up to `W` characters.
        width: int, `K`. Hypotheses of each source, `N = B · K`.
    """

    def __init__(self, lexical, width):
        self.spelling = ops.cast(lexical.spelling, "int32")  # (V, M)
        self.words = ops.cast(lexical.avoid, "int32")  # (D, W)
        applies = ops.cast(lexical.avoid_in, "float32")  # (B, D)
        self.applies = ops.repeat(applies, width, axis=0)  # (N, D)
        real = self.words > 0
        following = ops.concatenate([real[:, 1:], ops.zeros_like(real[:, :1])], axis=-1)
        self.is_last = ops.logical_and(real, ops.logical_not(following))
        last = ops.sum(ops.where(self.is_last, self.words, 0), axis=-1)  # (D,)
        self.last_is_letter = is_letter(last)
        self.first_is_letter = is_letter(self.words[:, 0])
        self.ending = ops.cast(self._ending(), "float32")  # (D, W, V)
        self.within = ops.matmul(
            self.applies, ops.cast(self._within(), "float32")
        )  # (N, V)

    def start(self):
        """Places before the first token, bool `(N, D, W)`: any word may begin."""
        num_words, length = ops.shape(self.words)
        first = ops.equal(ops.arange(length), 0)[None, None]
        return ops.broadcast_to(first, (ops.shape(self.applies)[0], num_words, length))

    def advance(self, places, token_ids):
        """Places after one more token of each hypothesis, `(N,)`."""
        characters = ops.take(self.spelling, token_ids, axis=0)  # (N, M)

        def read(k, places):
            character = ops.take(characters, k, axis=1)[:, None]  # (N, 1)
            after, _ = _read(places, self.words, self.first_is_letter, character)
            return ops.where(character[..., None] > 0, after, places)

        return ops.fori_loop(0, ops.shape(self.spelling)[1], read, places)

    def forbidden(self, places):
        """Tokens that would end a word, bool `(N, V)`."""
        num_words, length = ops.shape(self.words)
        places = ops.cast(places, "float32") * self.applies[..., None]
        places = ops.reshape(places, (-1, num_words * length))
        ending = ops.reshape(self.ending, (num_words * length, -1))
        return ops.matmul(places, ending) + self.within > 0

    def _may_end(self, following):
        """Whether a word may end before characters `(V,)`, bool `(D, V)`."""
        letter = ops.logical_and(following > 0, is_letter(following))
        goes_on = ops.logical_and(letter, self.last_is_letter[:, None])
        return ops.logical_not(goes_on)

    def _column(self, k):
        """Character `k` of all tokens, int `(V,)`; 0 after the last."""
        last = ops.shape(self.spelling)[1] - 1
        column = ops.take(self.spelling, ops.minimum(k, last), axis=1)
        return ops.where(k > last, 0, column)

    def _ending(self):
        """Tokens that begin with all that follows place `j` of a word, and end there.

        Returns:
            bool `(D, W, V)`.
        """
        num_words, length = ops.shape(self.words)
        num_tokens, longest = ops.shape(self.spelling)

        def compare(k, ending):
            # What a word has `k` after each of its places, 0 after its end.
            place = ops.arange(length) + k
            rest = ops.take(self.words, ops.minimum(place, length - 1), axis=1)
            rest = ops.where(place < length, rest, 0)[..., None]  # (D, W, 1)
            before = ops.clip(place - 1, 0, length - 1)
            ended = ops.take(self.is_last, before, axis=1)
            ended = ops.logical_and(ended, place <= length)[..., None]
            column = self._column(k)
            goes_on = ops.logical_or(ops.equal(rest, 0), ops.equal(rest, column))
            fits = ops.where(ended, self._may_end(column)[:, None], goes_on)
            # Before anything has been compared no word has ended.
            fits = ops.where(k > 0, fits, ops.equal(rest, column))
            return ops.logical_and(ending, fits)

        real = (self.words > 0)[..., None]
        ending = ops.broadcast_to(real, (num_words, length, num_tokens))
        return ops.fori_loop(0, longest + 1, compare, ending)

    def _within(self):
        """Tokens that have a word within them, whatever is before: bool `(D, V)`."""
        num_words, length = ops.shape(self.words)
        num_tokens, longest = ops.shape(self.spelling)

        def read(k, carried):
            places, found = carried
            after, fits = _read(
                places,
                self.words[:, None],
                self.first_is_letter[:, None],
                self._column(k),
            )
            ends = ops.any(ops.logical_and(fits, self.is_last[:, None]), axis=-1)
            ends = ops.logical_and(ends, self._may_end(self._column(k + 1)))
            return after, ops.logical_or(found, ends)

        places = ops.zeros((num_words, num_tokens, length), dtype="bool")
        found = ops.zeros((num_words, num_tokens), dtype="bool")
        _, found = ops.fori_loop(0, longest, read, (places, found))
        return found


def _read(places, words, first_is_letter, characters):
    """One character.

    Args:
        places: bool `(…, W)`.
        words: int, which broadcasts to `places`.
        first_is_letter: bool `(…)`, of words.
        characters: int, which broadcasts to `(…)`.

    Returns:
        `(places, fits)`, both bool `(…, W)`: after it, and where it was the next
        character of the word.
    """
    fits = ops.logical_and(places, ops.equal(words, characters[..., None]))
    inside = ops.logical_and(is_letter(characters), first_is_letter)
    begins = ops.logical_not(inside)[..., None]
    begins = ops.broadcast_to(begins, ops.shape(places[..., :1]))
    return ops.concatenate([begins, fits[..., :-1]], axis=-1), fits
