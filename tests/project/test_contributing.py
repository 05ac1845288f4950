"""CONTRIBUTING.md sends nobody to what is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# What is added, and where: an item of the list below that heading.
PLACES = dict(
    re.findall(
        r"^- \*\*(.+?)\*\*: (.+(?:\n  .+)*)",
        re.search(r"## Extending\n(.*?)\n## ", TEXT, re.DOTALL)[1],
        re.MULTILINE,
    )
)
CODE = re.compile(r"`([^`]+)`")


def is_path(code):
    return re.fullmatch(r"[\w./-]+\.(py|md|toml|yml|proto)", code) is not None


def test_it_says_where_to_add_each_kind():
    kinds = (
        "score cell format metric key study backbone route ranking status default name"
    ).split()
    assert [next(k for k in kinds if k in place.split()) for place in PLACES] == kinds


@pytest.mark.parametrize("kind", PLACES)
def test_where_to_add_is_three_lines(kind):
    assert len(PLACES[kind].splitlines()) <= 3


@pytest.mark.parametrize("kind", PLACES)
def test_what_is_named_stands_in_the_files_that_are_named(kind):
    codes = CODE.findall(PLACES[kind])
    paths = [code for code in codes if is_path(code)]
    assert any(path.startswith("keras_attention/") for path in paths)
    text = "".join((ROOT / path).read_text(encoding="utf-8") for path in paths)
    names = [c for c in codes if not is_path(c) and not c.startswith("make ")]
    assert not [name for name in names if not re.search(rf"\b{name}\b", text)]


def test_all_files_that_are_named_exist():
    named = [code for code in CODE.findall(TEXT) if "/" in code and is_path(code)]
    assert not [path for path in named if not (ROOT / path).is_file()]
