"""Messages name pages that whoever reads them has."""

import ast
import re
from pathlib import Path

import pytest

import keras_attention
from keras_attention import documentation
from keras_attention.documentation import page

PACKAGE = Path(keras_attention.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))


def named_pages():
    """What is given to `page`, of the whole package."""
    texts = [path.read_text(encoding="utf-8") for path in SOURCES]
    calls = [
        node
        for text in texts
        if "import page" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "page"
    ]
    return [call.args[0].value for call in calls]


def test_pages_that_are_named_exist():
    assert "training.md" in named_pages()
    for name in named_pages():
        assert page(name).is_file()


def test_pages_are_named_by_no_path_of_a_clone():
    wrong = re.compile(r"\bdocs/[\w-]+\.md")
    assert not [p for p in SOURCES if wrong.search(p.read_text(encoding="utf-8"))]


def test_a_package_with_pages_inside_shows_its_own(tmp_path, monkeypatch):
    folders = tmp_path / "inside", tmp_path / "above"
    for folder in folders:
        folder.mkdir()
        (folder / "training.md").touch()
    monkeypatch.setattr(documentation, "FOLDERS", folders)
    assert page("training.md") == folders[0] / "training.md"
    (folders[0] / "training.md").unlink()
    assert page("training.md") == folders[1] / "training.md"


def test_a_page_that_there_is_not_is_named():
    with pytest.raises(FileNotFoundError, match="the page cooking.md in .*neither"):
        page("cooking.md")
