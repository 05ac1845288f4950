"""What was skipped while reading, and where."""

from collections import Counter
from typing import Any

NO_TAB = "no tab"
BAD_UTF8 = "bad UTF-8"
NUL_BYTES = "NUL bytes (is it text in UTF-8?)"
BARE_CR = "carriage return within a line (did bare CRs end lines?)"
EMPTY_SIDE = "empty side"
TOO_LONG = "over-long sentence"
BAD_JSON = "bad JSON"
MISSING_KEY = "missing key"
BAD_ALIGNMENT = "bad alignment"
ALIGNMENT_OUTSIDE = "alignment outside of the sentence"
EMPTY_CAPTION = "empty caption"
NO_CAPTION = "no caption"
MISSING_COLUMN = "missing column"
OTHER_COLUMNS = "not as many columns as most lines"
BAD_QUOTES = "quotes that do not close"
UNKNOWN_SPLIT = "unknown split"
OTHER_SPLIT = "another split than the image had before"
NO_SPLIT = "in no split's list of images"
HELD_OUT = {
    "valid": "source that is in the validation file",
    "test": "source that is in the test file",
}
# A note, not a skip: the pair is used.
VALID_IN_TEST = "source of validation that is in the test file too"
HEADER = "names of columns"
EXTRA_COLUMNS = "more than two columns (the first two were used)"
SHARED = "caption of a training image and of one in another split"
SHARED_BY_HASH = f'{SHARED} (data.split_by = "caption" keeps such images together)'

MAX_NAMED = 20


class Skip(Exception):
    """A line that gives nothing to train on; the argument is the reason."""


class SkipReport:
    """Counts what is skipped by reason, and says where the first of each are.

    One report is handed through reading and preparing, so that it ends up with all.
    A place is the number of a line, or the name of a file.

    Args:
        used: str. What is read, in the singular.

    Attributes:
        num_good: int. Pairs (or what `used` says) that were used.
        num_lines: int. Lines of the file that was read last, good or not.
        skipped: dict from reason to how many were skipped for it.
        lines: dict from reason (or note) to the first 20 places, line numbers (from
            1) or names.
        notes: dict from remark to how many it was made of; these were used.

    Example:

    >>> report = SkipReport()
    >>> report.num_good = 8
    >>> report.skip(NO_TAB, 3)
    >>> print(report.summary())
    8 pairs used, 1 line skipped
      no tab: 1 (line 3)
    >>> report = SkipReport("caption")
    >>> report.skip(EMPTY_CAPTION, "cat.jpg")
    >>> print(report.summary())
    0 captions used, 1 skipped
      empty caption: 1 (cat.jpg)
    """

    def __init__(self, used: str = "pair") -> None:
        self.used = used
        self.num_good = 0
        self.num_lines = 0
        self.skipped = Counter()
        self.notes = Counter()
        self.lines = {}

    def skip(self, reason: str, place: object) -> None:
        """Counts what was skipped at a place: int, a line from 1, or str, a name."""
        self.skipped[reason] += 1
        self._name(reason, place)

    def note(self, remark: str, place: object) -> None:
        """Counts what is worth saying of something that was used."""
        self.notes[remark] += 1
        self._name(remark, place)

    @property
    def num_skipped(self) -> int:
        """How many were skipped, for whatever reason."""
        return self.skipped.total()

    def summary(self) -> str:
        """The report as text, the most frequent reason first."""
        places = [place for reason in self.skipped for place in self.lines[reason]]
        only_lines = not any(isinstance(place, str) for place in places)
        skipped = _count(self.num_skipped, "line" if only_lines else "")
        text = f"{_count(self.num_good, self.used)} used, {skipped} skipped"
        for counts in (self.skipped, self.notes):
            for reason, count in counts.most_common():
                text += f"\n  {reason}: {count:,} ({self._where(reason, count)})"
        return text

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON can keep it."""
        return {
            "used": self.used,
            "num_good": self.num_good,
            "skipped": dict(self.skipped),
            "notes": dict(self.notes),
            "lines": {reason: list(lines) for reason, lines in self.lines.items()},
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "SkipReport":
        """The report that `to_dict` was of."""
        report = cls(values.get("used", "pair"))
        report.num_good = values["num_good"]
        report.skipped.update(values["skipped"])
        report.notes.update(values["notes"])
        report.lines.update(values["lines"])
        return report

    def _name(self, reason, place):
        places = self.lines.setdefault(reason, [])
        if len(places) < MAX_NAMED:
            places.append(place)

    def _where(self, reason, count):
        places = self.lines[reason]
        numbers = [place for place in places if not isinstance(place, str)]
        named = [place for place in places if isinstance(place, str)]
        if numbers:
            noun = "line " if len(numbers) == 1 else "lines "
            named.insert(0, noun + ", ".join(map(str, numbers)))
        return ", ".join(named) + (", …" if count > len(places) else "")


def _count(number, noun):
    plural = "" if number == 1 or not noun else "s"
    return f"{number:,} {noun}{plural}".strip()
