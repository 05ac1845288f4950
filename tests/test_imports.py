"""Imports point one way, public ways, and TensorFlow is imported late."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import keras_attention

ROOT = Path(keras_attention.__file__).parent

# What each part may import of the others; CONTRIBUTING.md draws it. What a part may
# import, its importers may import too, except serving: it knows SavedModels only.
ARROWS = {
    "special_tokens": [],
    "files": [],
    "documentation": [],
    "annotations": [],
    "lazy": [],
    "import_hooks": [],
    "registration": [],
    # What is lazy is imported by what reads types, too.
    "__init__": ["registration", "training", "serving"],
    "checks": [],
    "byte_fallback": [],
    "texts": [],
    "graph_errors": [],
    "graph_names": [],
    "choices": [],
    "locks": [],
    "os_errors": [],
    "layers": [],
    "models": ["layers"],
    "decoding": ["models"],
    "data": [],
    "conversion": ["decoding", "data"],
    "plotting": [],
    "tasks": ["conversion", "decoding", "data", "plotting"],
    "evaluation": ["tasks"],
    "training": ["evaluation"],
    "serving": [],
    "export": ["tasks", "serving"],
    "studies": ["training", "export"],
    "cli": ["studies"],
    "__main__": ["cli"],
}

# The rest runs on every backend. In the last five it is a choice at run time.
IMPORT_TENSORFLOW = (
    "data.images",  # graph, exif, and sources for their errors
    "export",
    "serving",
    "decoding.programs",
    "layers.cache",
    "layers.chunked_attention",
    "layers.scan",
    "models.token_weights",
    "training.trainer",
)


# The client makes PNGs of other images as everybody does.
EXCEPTIONS = {
    ("serving.client.images", "keras_attention.data.images.sources.read_image"),
}


def reachable(part):
    """All that a part may import: arrows lead on, and some modules are free."""
    found = {
        part,
        "special_tokens",
        "documentation",
        "files",
        "annotations",
        "lazy",
        "import_hooks",
        "checks",
        "byte_fallback",
        "choices",
        "locks",
        "os_errors",
        "graph_errors",
        "graph_names",
        "texts",
    }
    if part == "serving":
        return {part, "graph_errors", "graph_names", "lazy", "texts"}
    for other in ARROWS[part]:
        found |= reachable(other)
    return found


def imports():
    """All pairs of a module and one that it imports, inside functions too."""
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{name} must import by full names"
                yield from ((name, f"{node.module}.{a.name}") for a in node.names)


def test_imports_follow_the_arrows():
    wrong = []
    for name, module in imports():
        package, _, other = module.partition(".")
        if package == "keras_attention" and other != "__version__":
            if other.split(".")[0] not in reachable(name.split(".")[0]):
                if (name, module) not in EXCEPTIONS:
                    wrong.append(f"{name} imports {module}")
    assert not wrong


# Who, inside serving, may import of its parts.
SERVING = {
    "rest": ["server"],
    "grpc": ["server"],
    "client": ["__init__"],
    "commands": [],
    "versions": ["server"],
    "models": ["__init__", "core", "grpc", "versions"],
}


def test_transports_know_the_core_and_not_each_other():
    wrong = []
    for name, module in imports():
        part = module.removeprefix("keras_attention.serving.").split(".")[0]
        if name.startswith("serving.") and module.startswith("keras_attention.serving"):
            importer = name.split(".")[1]
            if part in SERVING and importer not in (part, *SERVING[part]):
                wrong.append(f"{name} imports {module}")
    assert not wrong


def test_keras_is_imported_publicly():
    """But for what it leaves pending, which has no public name."""
    private = [name for name, module in imports() if module.startswith("keras.src")]
    assert private == ["models.shapes_alone"]


def test_tensorflow_is_imported_by_few():
    assert not [
        f"{name} imports {module}"
        for name, module in imports()
        if module.split(".")[0] in ("tensorflow", "tensorflow_text")
        and not name.startswith(IMPORT_TENSORFLOW)
    ]


def test_the_arrows_name_every_part():
    parts = {path.stem for path in ROOT.iterdir() if path.suffix == ".py"}
    parts |= {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert parts - {"__init__"} <= set(ARROWS)


def imported(script):
    """The packages that a fresh Python has after running a script."""
    script += "\nimport sys; print(*{name.split('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout, set(result.stdout.splitlines()[-1].split())


def test_help_and_client_take_no_tensorflow():
    text, packages = imported(
        """
import keras_attention, keras_attention.serving.client.client
from keras_attention import Client
from keras_attention.cli import main
assert main(["--help"]) == 0
"""
    )
    assert not {"tensorflow", "keras", "jax", "matplotlib", "numpy", "PIL"} & packages
    assert "translate" in text


def test_a_client_imports_what_it_uses_when_it_uses_it():
    _, packages = imported(
        """
from keras_attention import AsyncClient, Client
AsyncClient()
Client().close()
"""
    )
    late = {"asyncio", "google", "grpc", "httpx", "ml_dtypes", "numpy", "orjson"}
    assert not late & packages


def test_over_rest_a_client_needs_no_protobuf_and_no_grpc():
    _, packages = imported(
        """
from keras_attention import Client
from keras_attention.serving import RetryPolicy, ServingError
from keras_attention.serving.client import arrays, rest
with Client("http://127.0.0.1:1", retries=RetryPolicy(attempts=1)) as client:
    try:
        client.translate("Click OK.", "m")
    except ServingError:
        pass
"""
    )
    assert "httpx" in packages
    assert not {"google", "grpc", "tensorflow"} & packages


def test_names_are_imported_when_they_are_asked_for():
    assert set(keras_attention.__all__) <= set(dir(keras_attention))
    from keras_attention.layers.luong import LuongAttention

    assert keras_attention.LuongAttention is LuongAttention


def test_every_name_is_where_the_table_says():
    for name in keras_attention.__all__:
        assert getattr(keras_attention, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Nothing'; it has Asyn"):
        _ = keras_attention.Nothing
