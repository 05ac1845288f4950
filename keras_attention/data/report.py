"""What was skipped while reading, and where."""

from collections import Counter

NO_TAB = "no tab"
BAD_UTF8 = "bad UTF-8"
EMPTY_SIDE = "empty side"
TOO_LONG = "over-long sentence"
BAD_JSON = "bad JSON"
MISSING_KEY = "missing key"
BAD_ALIGNMENT = "bad alignment"
ALIGNMENT_OUTSIDE = "alignment outside of the sentence"
# A note, not a skip: the pair is used.
EXTRA_COLUMNS = "more than two columns (the first two were used)"

MAX_NAMED = 20


class SkipReport:
    """Counts skipped lines by reason, and names the first of each by number.

    One report is handed through reading and preparing, so that it ends up with all.

    Attributes:
        num_good: int. Pairs that were used.
        num_lines: int. Lines of the file that was read last, good or not.
        skipped: dict from reason to number of lines.
        lines: dict from reason (or note) to the first 20 line numbers, from 1.
        notes: dict from remark to number of lines; these lines were used.

    Example:

    >>> report = SkipReport()
    >>> report.num_good = 8
    >>> report.skip(NO_TAB, 3)
    >>> print(report.summary())
    8 pairs used, 1 line skipped
      no tab: 1 (line 3)
    """

    def __init__(self):
        self.num_good = 0
        self.num_lines = 0
        self.skipped = Counter()
        self.notes = Counter()
        self.lines = {}

    def skip(self, reason, line_number):
        self.skipped[reason] += 1
        self._name(reason, line_number)

    def note(self, remark, line_number):
        self.notes[remark] += 1
        self._name(remark, line_number)

    @property
    def num_skipped(self):
        return self.skipped.total()

    def summary(self):
        """The report as text, the most frequent reason first."""
        text = (
            f"{_count(self.num_good, 'pair')} used, "
            f"{_count(self.num_skipped, 'line')} skipped"
        )
        for counts in (self.skipped, self.notes):
            for reason, count in counts.most_common():
                text += f"\n  {reason}: {count:,} ({self._where(reason, count)})"
        return text

    def to_dict(self):
        """The report as JSON can keep it."""
        return {
            "num_good": self.num_good,
            "skipped": dict(self.skipped),
            "notes": dict(self.notes),
            "lines": {reason: list(lines) for reason, lines in self.lines.items()},
        }

    @classmethod
    def from_dict(cls, values):
        report = cls()
        report.num_good = values["num_good"]
        report.skipped.update(values["skipped"])
        report.notes.update(values["notes"])
        report.lines.update(values["lines"])
        return report

    def _name(self, reason, line_number):
        lines = self.lines.setdefault(reason, [])
        if len(lines) < MAX_NAMED:
            lines.append(line_number)

    def _where(self, reason, count):
        lines = self.lines[reason]
        more = ", …" if count > len(lines) else ""
        return ("line " if count == 1 else "lines ") + ", ".join(map(str, lines)) + more


def _count(number, noun):
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
