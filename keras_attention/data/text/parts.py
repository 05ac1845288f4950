"""What a prepared corpus is made of: corpora, and files to validate and to test on."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from keras_attention.data import report as reasons
from keras_attention.data.prepared.reopening import input_fingerprint
from keras_attention.data.report import SkipReport
from keras_attention.data.splits import check_shares, source_hash, split_of
from keras_attention.data.text.readers import Pair


@dataclasses.dataclass(frozen=True)
class Part:
    """Pairs that come from one place.

    Args:
        pairs: iterable of `Pair` or `(source, target)`; or a function of `report` that
            returns one, such as `PairFiles(path)`.
        name: str. Names it in reports.
        split: str. The split that all of it is in; "" where a hash of the source
            decides, pair by pair.
        tag: str. Put before every source, with a space; "" is none. The splits of
            sources do not depend on it.
        alignments: `AlignmentFile`, or a function; see `prepare`. None of a part that
            is a split.
    """

    pairs: Iterable[Any] | Callable[..., Iterable[Any]]
    name: str = ""
    split: str = ""
    tag: str = ""
    alignments: Any = None

    def read(self, report: SkipReport | None = None) -> Iterable[Pair]:
        """Yields its pairs, each a `Pair`."""
        pairs = self.pairs(report=report) if callable(self.pairs) else self.pairs
        for number, pair in enumerate(pairs, start=1):
            yield Pair(*pair) if len(pair) == 3 else Pair(number, *pair)

    def read_again(self) -> Iterable[Pair]:
        """The same, where they shall be read once more later."""
        if not callable(self.pairs) and iter(self.pairs) is self.pairs:
            raise ValueError(
                "pairs must be readable more than once, as a list or PairFiles(path) "
                "is; received an iterator"
            )
        return self.read()

    def tagged(self, source: str) -> str:
        """A source with the tag before it."""
        return f"{self.tag} {source}" if self.tag else source

    def fingerprint(self) -> str | None:
        """A short name of what is read and how, None if it has none."""
        names = [input_fingerprint(each) for each in (self.pairs, self.alignments)]
        return None if None in names else repr((self.split, self.tag, names))


def as_parts(pairs: Any, alignments: Any = None) -> list[Part]:
    """`pairs` if they are parts already, else the one part that they are."""
    if isinstance(pairs, list) and pairs and isinstance(pairs[0], Part):
        return pairs
    return [Part(pairs, alignments=alignments)]


class Splitter:
    """Which split a pair is in, and which pairs are in none.

    A source that is in a file of validation or test is not trained on: the score would
    be of what was learned by heart.

    Args:
        parts: list of `Part`. Those that are splits are read.
        valid_share: float. Share of the sources of the others in valid; nothing where
            a part is that split.
        test_share: float. Share of them in test, likewise.
    """

    def __init__(
        self, parts: list[Part], valid_share: float, test_share: float
    ) -> None:
        check_shares(valid_share, test_share)
        own = {part.split for part in parts}
        shares = {"valid": valid_share, "test": test_share}
        self.shares = [0 if split in own else shares[split] for split in shares]
        self._held: dict[str, set[int]] = {}
        for part in parts:
            if part.split:
                sources = (source_hash(source) for _, source, _ in part.read_again())
                self._held.setdefault(part.split, set()).update(sources)

    def __call__(
        self, part: Part, pair: Pair, report: SkipReport | None = None
    ) -> str | None:
        """The split of a pair; None, and a line in the report, if it is left out."""
        number, source, _ = pair
        if part.split:
            other = self._held.get("test", ()) if part.split == "valid" else ()
            if report is not None and other and source_hash(source) in other:
                report.note(reasons.VALID_IN_TEST, number)
            return part.split
        if self._held:
            position = source_hash(source)
            for split, held in self._held.items():
                if position in held:
                    if report is not None:
                        report.skip(reasons.HELD_OUT[split], number)
                    return None
        return split_of(source, *self.shares)
