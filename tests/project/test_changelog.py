"""CHANGELOG.md keeps to its form, and no release leaves without its section."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = runpy.run_path(str(ROOT / "tools/check_release.py"))
TEXT = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
RELEASED = """\
# Changelog

## [Unreleased]

## [0.2.0] - 2026-03-01

### Added

- Something.

## [0.1.0] - 2026-01-31
"""


@pytest.mark.parametrize("section", TOOL["sections"](TEXT), ids=lambda s: s.name)
def test_changes_stand_under_their_kind(section):
    kinds = re.findall(r"^### (.+)$", section.text, re.MULTILINE)
    assert set(kinds) <= KINDS and len(set(kinds)) == len(kinds)
    before = section.text.split("###")[0]
    assert not re.search("^- ", before, re.MULTILINE)


def test_all_headings_are_versions_and_each_has_its_link():
    names = [section.name for section in TOOL["sections"](TEXT)]
    assert names[0] == "Unreleased"
    assert len(names) == len(re.findall("^## ", TEXT, re.MULTILINE))
    for name in names:
        assert re.search(rf"^\[{re.escape(name)}\]: \S+$", TEXT, re.MULTILINE), name


def test_versions_go_down_with_their_dates():
    found = TOOL["sections"](TEXT)[1:]
    assert all(section.date for section in found)
    versions = [tuple(map(int, section.name.split("."))) for section in found]
    for keys in (versions, [section.date for section in found]):
        assert keys == sorted(keys, reverse=True)


def test_what_is_ready_may_be_released():
    assert TOOL["problems"]("v0.2.0", "0.2.0", RELEASED) == []


@pytest.mark.parametrize(
    ("tag", "version", "changelog", "said"),
    [
        ("v0.2.1", "0.2.0", RELEASED, "tag must be v0.2.0"),
        ("0.2.0", "0.2.0", RELEASED, "tag must be v0.2.0"),
        ("v0.3.0", "0.3.0", RELEASED, r"no section \[0.3.0\]"),
        ("v0.2.0", "0.2.0", RELEASED.replace(" - 2026-03-01", ""), "no date"),
        (
            "v0.2.0",
            "0.2.0",
            RELEASED.replace("[Unreleased]\n", "[Unreleased]\n\n### Fixed\n\n- A.\n"),
            "are \\[Unreleased\\]",
        ),
    ],
)
def test_what_is_not_ready_is_refused_with_what_is_missing(
    tag, version, changelog, said
):
    (problem,) = TOOL["problems"](tag, version, changelog)
    assert re.search(said, problem)


def test_the_version_is_read_where_it_stands():
    from keras_attention import __version__

    source = (ROOT / "keras_attention/__init__.py").read_text(encoding="utf-8")
    assert TOOL["VERSION"].search(source)[1] == __version__
