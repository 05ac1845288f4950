"""Refuses to release what is not ready: version, tag and changelog must agree.

    python tools/check_release.py v0.1.0

`make check-release TAG=v0.1.0` runs it, and so does the workflow of a release.
"""

import re
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
SECTION = re.compile(
    r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\d{4}-\d\d-\d\d))?$", re.MULTILINE
)
UNRELEASED = "Unreleased"


class Section(NamedTuple):
    """A version in the changelog, or what came after the last."""

    name: str
    date: str | None
    text: str


def sections(changelog):
    """All `Section`s of a changelog, the newest first."""
    heads = list(SECTION.finditer(changelog))
    ends = [*(head.start() for head in heads), len(changelog)][1:]
    return [
        Section(head["name"], head["date"], changelog[head.end() : end].strip())
        for head, end in zip(heads, ends, strict=True)
    ]


def problems(tag, version, changelog):
    """What stands against a release under this tag, a list of sentences."""
    found = []
    if tag != f"v{version}":
        found.append(
            f"the tag must be v{version}, as keras_attention.__version__ says; "
            f"received {tag!r}"
        )
    known = {section.name: section for section in sections(changelog)}
    if version not in known:
        found.append(
            f"CHANGELOG.md has no section [{version}]: name what is [{UNRELEASED}] so, "
            "and date it"
        )
    elif known[version].date is None:
        found.append(f"CHANGELOG.md gives [{version}] no date, as in ' - 2026-01-31'")
    if "- " in getattr(known.get(UNRELEASED), "text", ""):
        found.append(
            f"CHANGELOG.md has changes that are [{UNRELEASED}]: they belong to the "
            "version that is released"
        )
    return found


def main(tag):
    source = (ROOT / "keras_attention/__init__.py").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return problems(tag, VERSION.search(source)[1], changelog)


if __name__ == "__main__":
    found = main(sys.argv[1] if len(sys.argv) > 1 else "")
    sys.exit("\n".join(found) or 0)
