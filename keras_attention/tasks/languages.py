"""The languages of a model of several: what its texts and translations begin with."""

from typing import Any

from keras_attention.data.tokenizer import Tokenizer
from keras_attention.texts import language_names, strings

# What calls name a language by, of sources and of translations.
ARGUMENTS = ("source_language", "target_language")


class Languages:
    """Names of languages, and the ids of the tokens that stand for them.

    As M2M-100 and NLLB have it, a source begins with the token of its language, and a
    translation is made to begin with that of the language wanted.

    Args:
        tokens: dict of the name of each language to its token, as `{"en": "__en__"}`;
            empty for a model of one pair.
        tokenizers: `Tokenizer` of the source, and of the target.
        defaults: `(source, target)`, str, "" for none.

    Raises:
        ValueError: a token that is no str or that a tokenizer lacks, or a default that
            is none of them.

    References:
        [Fan et al., 2021](https://arxiv.org/abs/2010.11125), section 2.1.
    """

    def __init__(
        self,
        tokens: dict[str, str],
        tokenizers: tuple[Tokenizer, Tokenizer],
        defaults: tuple[str, str],
    ) -> None:
        self.defaults = defaults
        self._ids = []
        for tokenizer in tokenizers:
            try:
                ids = tokenizer.tokens_to_ids(strings(tokens.values(), "tokens"))
            except ValueError as error:
                raise ValueError(f"languages: {error}") from None
            self._ids.append(dict(zip(tokens, ids, strict=True)))
        self._names = {token: name for name, token in tokens.items()}
        if tokens:
            for side in (0, 1):
                if defaults[side]:
                    self._id(side, defaults[side])

    def __bool__(self) -> bool:
        return bool(self._ids[0])

    @property
    def count(self) -> int:
        """Tokens that a source or a translation begins with."""
        return int(bool(self))

    def ids_by_name(self, side: int) -> dict[str, int]:
        """The id of each language, of sources (0) or of translations (1)."""
        return self._ids[side]

    def source_ids(self, names: Any, count: int) -> list[list[int]]:
        """What each source begins with: one id, or none in a model of one pair.

        Args:
            names: str, the language of all; list of str, that of each; or None. The
                default where None or "".
            count: int. Sources.

        Returns:
            list of lists of int, as many.

        Raises:
            ValueError: another number of names, no language of this model, or none
                where there is no default.
        """
        return self._side_ids(0, names, count)

    def target_ids(self, names: Any, count: int) -> list[list[int]]:
        """What each translation is made to begin with, as `source_ids`."""
        return self._side_ids(1, names, count)

    def labels(self, subwords: list[str]) -> list[str]:
        """Subwords for a figure: a language is `<de>`, a sign like `</s>` and no text,
        since `__de__` or `deu_Latn` could be words."""
        names = self._names
        return [f"<{names[each]}>" if each in names else each for each in subwords]

    def _side_ids(self, side, names, count):
        default = self.defaults[side]
        names = language_names(ARGUMENTS[side], names, count)
        if self:
            return [[self._id(side, name or default)] for name in names]
        for name in names:
            if name not in ("", default):
                known = f"{default!r}, the only one of this model"
                if not default:
                    known = "left out, since this model has no languages to choose from"
                raise ValueError(
                    f"{ARGUMENTS[side]} must be {known}; received {name!r:.60}"
                )
        return [[] for _ in names]

    def _id(self, side, name):
        ids = self._ids[side]
        if not isinstance(name, str) or name not in ids:
            received = (
                f"{name!r:.60}" if name else "none, and this model has no default"
            )
            raise ValueError(
                f"{ARGUMENTS[side]} must be one of {', '.join(sorted(ids))}; received "
                f"{received}"
            )
        return ids[name]
