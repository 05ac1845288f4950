"""Documentation runs: blocks, docstrings, commands and links are what they say."""

import doctest
import importlib
import re
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer

from keras_attention.cli.app import app
from keras_attention.serving import Client, Server
from keras_attention.training.recipe import load_recipe
from tests.captioners import encoded_image
from tests.conversion.support import CHECKPOINTS
from tests.serving.models.support import export_half_plus_two, export_module
from tests.serving.support import Captioner, export_translator
from tests.tasks.support import edit

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CODE_OF_CONDUCT.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "serving/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
# A block of ```python no-run``` needs what a page cannot make, such as a server.
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
COMMAND = re.compile(r"^(?: {4}|[$] )(?:.*\| *)?keras-attention +(\S.*)$", re.MULTILINE)
WITH_EXAMPLES = [
    path
    for path in sorted((ROOT / "keras_attention").rglob("*.py"))
    if ">>>" in path.read_text(encoding="utf-8")
]


def name_of(path):
    return str(path.relative_to(ROOT))


def blocks(page):
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    # What operators read needs their server.
    "page",
    [p for p in PAGES if blocks(p) and p.parent.name != "serving"],
    ids=name_of,
)
def test_python_on_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "opus-mt-en-de").symlink_to(CHECKPOINTS / "opus")
    (tmp_path / "m2m100").symlink_to(CHECKPOINTS.parent / "multilingual" / "m2m100")
    names = {}
    for block in blocks(page):
        exec(compile(block, name_of(page), "exec"), names)


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """A folder of SavedModels, and by name a server of them and a client."""
    folder = tmp_path_factory.mktemp("serving") / "saved_models"
    export_half_plus_two(folder / "half_plus_two" / "1")
    export_translator(folder / "translator" / "1")
    export_module(Captioner(), folder / "captioner" / "1")
    models = {path.name: path for path in folder.iterdir()}
    with Server(models, grpc_port=0, rest_port=0) as server:
        rest_url = f"http://127.0.0.1:{server.rest_port}"
        with Client(rest_url, f"127.0.0.1:{server.grpc_port}") as client:
            yield folder, {"server": server, "client": client}


@pytest.fixture(scope="session")
def example_files(bundle, captioner_bundle, tmp_path_factory):
    """A folder with what examples in docstrings open; left as it is."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(bundle, folder / "bundle")
    # Greedy search, which is quick to compile and to export.
    edit(folder / "bundle", decoding={"beam": 1, "max_length": 12})
    shutil.copytree(captioner_bundle, folder / "captioner")
    (folder / "image.png").write_bytes(encoded_image())
    return folder


# Packages that Python 3.10 does not have.
NEEDED = {"keras_attention/models/keras_hub_encoder.py": "keras_hub"}


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name_of)
def test_examples_in_docstrings_run(
    path, example_files, request, tmp_path, monkeypatch
):
    import keras

    from keras_attention.decoding.options import DecodingOptions
    from keras_attention.models.transformer import PRESETS, Transformer

    if name_of(path) in NEEDED:
        pytest.importorskip(NEEDED[name_of(path)], reason="needs the extra hub")
    for file in example_files.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    # What examples take for granted.
    names = {"np": np, "keras": keras, "ops": keras.ops}
    names |= {"Transformer": Transformer, "PRESETS": PRESETS}
    names["DecodingOptions"] = DecodingOptions
    if path.is_relative_to(ROOT / "keras_attention/serving"):
        folder, running = request.getfixturevalue("serving")
        (tmp_path / "saved_models").symlink_to(folder)
        names |= running
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    module = importlib.import_module(name.removesuffix(".__init__"))
    failed, tried = doctest.testmod(
        module,
        # What a module defines itself is its own: each family has its PRESETS.
        extraglobs={key: names[key] for key in names if not hasattr(module, key)},
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert tried and not failed


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


def test_commands_on_pages_exist():
    commands = typer.main.get_command(app).commands
    wrong = []
    for page in PAGES:
        for line in COMMAND.findall(page.read_text(encoding="utf-8")):
            name, *words = line.split(" #")[0].split()
            if not name.islower():  # COMMAND, in the page of all of them
                continue
            command = commands[name]
            if hasattr(command, "commands"):  # a group, such as study
                command = command.commands[words[0]]
            options = {o for p in command.params for o in p.opts} | {"--help"}
            wrong += [
                f"{name_of(page)}: {name} {word}"
                for word in words
                if word.startswith("--") and word.split("=")[0] not in options
            ]
    assert not wrong


@pytest.mark.parametrize("name", ["api.md", "cli.md", "recipes.md"])
def test_generated_pages_are_fresh(name):
    pages = runpy.run_path(str(ROOT / "tools/write_docs.py"))["PAGES"]
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == pages[name](), "run `make docs`, and commit what it writes"


def test_every_key_of_recipes_has_its_meaning():
    """docs/training.md sends readers to recipes.md for them."""
    text = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", text, re.MULTILINE))
    recipes = [load_recipe("demo"), load_recipe("scenes-soft")]
    for table in (t for recipe in recipes for t in vars(recipe).values()):
        for key in getattr(table, "__dataclass_fields__", {}):
            if key != "options":  # presets of the model, which have rows of their own
                assert rows.get(key), key


def test_every_page_is_linked_from_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not [p.name for p in (ROOT / "docs").glob("*.md") if p.name not in readme]
