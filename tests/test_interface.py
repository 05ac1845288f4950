"""The public names: one page lists them, packages have them, pages use no others."""

import ast
import functools
import inspect
import re
import runpy
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = runpy.run_path(str(ROOT / "tools/write_docs.py"))["PUBLIC"]
PAGES = [
    ROOT / "README.md",
    ROOT / "serving/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
# Those that are not run too.
BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
# Whose docstrings have examples, and name what is raised.
DOCUMENTED = [
    package
    for package in PUBLIC
    if package not in ("keras_attention", "keras_attention.special_tokens")
]
# Made by the package alone: no example says how to make one.
RETURNED = {
    "Caption",
    "CaptionHypothesis",
    "Hypotheses",
    "Hypothesis",
    "Memory",
    "Pair",
    "ServedCaption",
    "ServedClassification",
    "ServedRegression",
    "ServedTranslation",
    "Statement",
    "Translation",
}
# Shown where they are drawn, and what is no class or function.
SHOWN_ELSEWHERE = {"Curve", "Panel", "LANGUAGES"}
RAISES = re.compile(r"^\s+raise (?!NotImplementedError)\w", re.MULTILINE)
# Of pages, what looks like a module and is a file.
FILES = {"keras_attention.json"}
MENTIONED = re.compile(r"\bkeras_attention(?:\.[A-Za-z_]\w*)+")


def is_public(name):
    package, _, last = name.rpartition(".")
    return name in PUBLIC or (
        package in PUBLIC and last in import_module(package).__all__
    )


def names_on_the_page():
    """`{package: its names}`, as docs/api.md has them."""
    text = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (\S+)$", text, flags=re.MULTILINE)[1:]
    return {
        package: re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
        for package, part in zip(parts[::2], parts[1::2], strict=True)
    }


def test_the_page_lists_what_packages_export():
    page = names_on_the_page()
    assert list(page) == list(PUBLIC)
    for package, names in page.items():
        assert set(names) == set(import_module(package).__all__), package
        assert len(names) == len(set(names)), package


@pytest.mark.parametrize("package", PUBLIC)
def test_public_names_are_there_and_say_what_they_are(package):
    module = import_module(package)
    for name in module.__all__:
        value = getattr(module, name)
        if isinstance(value, type):  # A tuple or dataclass has a docstring of its own.
            assert not (value.__doc__ or "").startswith(f"{name}("), name
        assert not callable(value) or value.__doc__, name


@pytest.mark.parametrize("package", PUBLIC)
def test_readers_of_types_find_the_names_where_they_are(package):
    """Under TYPE_CHECKING stands what HOMES says."""
    module = import_module(package)
    if not hasattr(module, "HOMES"):
        return
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    said = {}
    for node in block.body:
        for alias in node.names:
            assert alias.asname == alias.name, "only so is it exported to mypy"
            said[alias.name] = node.module
    assert said == {name: f"{package}.{home}" for name, home in module.HOMES.items()}


def functions(value):
    """A function, or what a class of this package and its bases have of them."""
    if not isinstance(value, type):
        yield value.__qualname__, inspect.unwrap(value)
        return
    for kind in value.__mro__:
        if kind.__module__.startswith("keras_attention"):
            for name, member in vars(kind).items():
                if isinstance(member, property):
                    member = member.fget
                elif isinstance(member, functools.cached_property):
                    member = member.func
                member = inspect.unwrap(getattr(member, "__func__", member))
                if not inspect.isfunction(member):
                    continue
                is_ours = member.__code__.co_filename.startswith(str(ROOT))
                # A dataclass makes methods that are in no file.
                if is_ours and (name[0] != "_" or name[-2:] == "__"):
                    yield f"{kind.__name__}.{name}", member


def public_functions(package):
    """`(value, name, function)` of each that a package exports or a class there has."""
    module = import_module(package)
    for value in [getattr(module, name) for name in module.__all__]:
        for name, function in functions(value) if callable(value) else ():
            yield value, name, function


@pytest.mark.parametrize("package", PUBLIC)
def test_what_is_public_is_annotated(package):
    missing = set()
    for _, name, function in public_functions(package):
        signature = inspect.signature(function)
        for parameter in signature.parameters.values():
            if parameter.annotation is parameter.empty:
                if parameter.name not in ("self", "cls"):
                    missing.add(f"{name}: {parameter.name}")
        if signature.return_annotation is signature.empty:
            missing.add(f"{name}: what it returns")
    assert not missing


@pytest.mark.parametrize("package", DOCUMENTED)
def test_docstrings_show_how_names_are_used(package):
    """Other tests run what they show."""
    module = import_module(package)
    assert not [
        name
        for name in set(module.__all__) - RETURNED - SHOWN_ELSEWHERE
        if "\n>>> " not in (inspect.getdoc(getattr(module, name)) or "")
    ]


def test_methods_of_a_client_show_how_they_are_used():
    client = import_module("keras_attention.serving").Client
    names = {name for name in dir(client) if name[0] != "_"} - {"close"}
    assert "predict" in names
    docs = {name: inspect.getdoc(getattr(client, name)) or "" for name in names}
    assert not [name for name in names if "\n>>> " not in docs[name]]


@pytest.mark.parametrize("package", DOCUMENTED)
def test_docstrings_say_what_is_raised(package):
    """A class speaks for its `__init__`, `build` and `call`."""
    silent = set()
    for value, name, function in public_functions(package):
        if not RAISES.search(inspect.getsource(function)):
            continue
        method = name.rpartition(".")[2]
        of_class = method[0] == "_" or method in ("build", "call")
        said = inspect.getdoc(value if of_class else function) or ""
        if "Raises:\n" not in said:
            silent.add(name)
    assert not silent


@pytest.mark.parametrize("package", DOCUMENTED)
def test_methods_say_what_they_do(package):
    """In their own words or those of a base, but for what is Keras's to say."""
    silent = set()
    for value, name, function in public_functions(package):
        method = name.rpartition(".")[2]
        if method[0] != "_" and not inspect.getdoc(function):
            if not any(
                method in vars(base)
                for base in getattr(value, "__mro__", ())
                if base.__module__.startswith("keras.")
            ):
                silent.add(name)
    assert not silent


def imported(source):
    """All that Python code imports of this package, by full names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("keras_attention"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_pages_use_public_names_only(page):
    text = page.read_text(encoding="utf-8")
    named = {name for block in BLOCK.findall(text) for name in imported(block)}
    named |= set(MENTIONED.findall(text)) - FILES
    assert not [name for name in sorted(named) if not is_public(name)]
