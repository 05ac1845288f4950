"""Writes docs/api.md, cli.md and recipes.md from the code. `make docs` runs it.

A test compares the pages with what this would write.
"""

import ast
import dataclasses
import inspect
import re
from importlib import import_module
from pathlib import Path

import typer

from keras_attention.cli.app import app
from keras_attention.decoding.options import DecodingOptions
from keras_attention.models.families import FAMILIES
from keras_attention.training import recipe, recipe_keys
from keras_attention.training.data_keys import CorpusConfig
from keras_attention.training.recipe_keys import choices

DOCS = Path(__file__).resolve().parent.parent / "docs"

API = """\
# The interface in Python

Written by `make docs` from the docstrings, which say the rest: `help(Name)`. Every
public name is here, under the package from which it is imported. A module or a name
that is not here may change in any version.

What is public goes in two steps. First a version with a new second number, as 0.2.0,
still does what was promised, and raises a `DeprecationWarning` that says what to write
instead; so does the [changelog](../CHANGELOG.md), under "Deprecated". The next one with
a new second number, from 1.0 on with a new first number, may be without it, and says so
under "Removed". Names are public, arguments and what they mean, what is returned, which
errors are raised; the words of messages are not. This holds from 0.1.0 on, the first
version.
"""

# What may be imported from.
PUBLIC = (
    "keras_attention",
    "keras_attention.layers",
    "keras_attention.models",
    "keras_attention.tasks",
    "keras_attention.decoding",
    "keras_attention.training",
    "keras_attention.data",
    "keras_attention.data.scenes",
    "keras_attention.special_tokens",
    "keras_attention.plotting",
    "keras_attention.export",
    "keras_attention.serving",
)

CLI = """\
# Command line

Written by `make docs` from the commands themselves; `keras-attention COMMAND --help`
says the same.
"""

RECIPES = """\
# Recipes

Written by `make docs` from the recipes and their definition. How to use them is in
[training.md](training.md).

## Shipped recipes

    keras-attention train NAME
    keras-attention recipes NAME > my.toml

"""

KEYS = """
## Key reference

Each can be given in the file or by `--set TABLE.KEY=VALUE`. Outside of the tables a
recipe may have a `name`, which names the run's folder and the exported model.
"""

# Said by the tokenizer, and by what is decoded.
NOT_IN_RECIPES = (
    "source_vocabulary_size",
    "target_vocabulary_size",
    "share_embeddings",
    "max_steps",
)

# A name, or several with commas, and what is said of them.
ARGUMENT = r"^    (\w+(?:,\s+\w+)*): (.*(?:\n {8}.*)*)"

TABLES = {
    "data": recipe_keys.DataConfig,
    "[data.corpora]]": CorpusConfig,
    "data], of captions": recipe_keys.CaptionDataConfig,
    "tokenizer": recipe_keys.TokenizerConfig,
    "model": recipe_keys.ModelConfig,
    "training": recipe_keys.TrainingConfig,
    "decoding": DecodingOptions,
}


def api_page():
    """The text of docs/api.md."""
    return "\n".join([API, *map(_public_names, PUBLIC)])


def _public_names(package):
    module = import_module(package)
    names = sorted(module.__all__, key=str.lower)
    lines = [f"## {package}", "", inspect.cleandoc(module.__doc__).split("\n\n")[0]]
    lines += ["", "| name | |", "|---|---|"]
    lines += [f"| `{name}` | {_said(name, getattr(module, name))} |" for name in names]
    return "\n".join(lines) + "\n"


def _said(name, value):
    """What a docstring begins with, and of a constant its value."""
    if name == "__version__":
        return "Which version is installed."
    if callable(value):
        # Angle brackets are code there.
        return _cell(inspect.getdoc(value).split("\n\n")[0]).replace("\\<", "<")
    return f"`{value!r}`"


def cli_page():
    """The text of docs/cli.md."""
    group = typer.main.get_command(app)
    return "\n".join([CLI, *_commands(group.commands)])


def _commands(commands, before=""):
    """A part for each command, and for each one in a group such as `study`."""
    parts = []
    for name, command in commands.items():
        if hasattr(command, "commands"):
            parts += _commands(command.commands, f"{before}{name} ")
        else:
            parts.append(_command(before + name, command))
    return parts


def _command(name, command):
    parameters = [p for p in command.params if p.name != "help"]
    arguments = [p for p in parameters if p.param_type_name == "argument"]
    options = [p for p in parameters if p.param_type_name == "option"]
    usage = [name, *map(_argument, arguments)] + ["[OPTIONS]"] * bool(options)
    lines = [f"## {name}", "", f"    keras-attention {' '.join(usage)}", ""]
    lines += [inspect.cleandoc(command.help), ""]
    if parameters:
        lines += ["| | | default |", "|---|---|---|"]
        lines += [_row(_argument(p), p.help, "", p) for p in arguments]
        lines += [_row(", ".join(p.opts), p.help, p.default, p) for p in options]
        lines.append("")
    return "\n".join(lines)


def _argument(parameter):
    name = parameter.name.upper()
    name += "..." if parameter.nargs == -1 else ""
    return name if parameter.required else f"[{name}]"


def _row(name, text, default, parameter):
    if parameter.required or default is False or default in (None, "", [], ()):
        default = ""
    return f"| `{name}` | {_cell(text)} | {f'`{default}`' if default != '' else ''} |"


def recipes_page():
    """The text of docs/recipes.md."""
    lines = ["| recipe | |", "|---|---|"]
    for name in recipe.shipped_recipes():
        first = (recipe.RECIPES / f"{name}.toml").read_text(encoding="utf-8")
        lines.append(f"| `{name}` | {_cell(first.splitlines()[0].lstrip('# '))} |")
    parts = [RECIPES + "\n".join(lines) + "\n", KEYS]
    for name, config in TABLES.items():
        parts.append(_table(name, config))
        if name == "model":
            parts += [
                _family(task, family, *known)
                for task, families in FAMILIES.items()
                for family, known in families.items()
            ]
    return "".join(parts)


def _family(task, family, model, presets):
    title = f'\n#### {task}, family = "{family}"\n'
    return title + _arguments(model) + _presets(presets)


def _arguments(model):
    """Arguments of a model, without their defaults: presets say them."""
    arguments = inspect.cleandoc(model.__doc__).split("Args:\n")[1].split("\n\n")[0]
    lines = ["", "| key | |", "|---|---|"]
    for names, text in re.findall(ARGUMENT, arguments, re.M):
        wanted = [
            name for name in re.split(r",\s+", names) if name not in NOT_IN_RECIPES
        ]
        if wanted:
            cells = ", ".join(f"`{name}`" for name in wanted)
            lines.append(f"| {cells} | {_cell(text)} |")
    return "\n".join(lines) + "\n"


def _presets(presets):
    names = list(dict.fromkeys(name for preset in presets.values() for name in preset))
    lines = ["", f"| preset | {' | '.join(f'`{name}`' for name in names)} |"]
    lines.append("|---" * (len(names) + 1) + "|")
    for preset, values in presets.items():
        cells = [str(values.get(name, "")) for name in names]
        lines.append(f"| `{preset}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _table(name, config):
    title = f"[{name}" if "]" in name else f"[{name}]"
    lines = [f"\n### {title}\n", inspect.cleandoc(config.__doc__).split("\n\n")[0]]
    lines += ["", "| key | | default |", "|---|---|---|"]
    sentences, table = _sentences(config), re.search("[a-z]+", name)[0]
    for field in dataclasses.fields(config):
        if field.name == "options":  # keys of the model itself
            continue
        default = field.default
        if default is dataclasses.MISSING:
            default = field.default_factory()
        if isinstance(default, bool):
            default = str(default).lower()
        default = f"`{default}`" if default not in ("", (), {}) else ""
        text = sentences.get(field.name, "")
        for of_task, words in _known_words(f"{table}.{field.name}"):
            text += f" One of {', '.join(f'`{word}`' for word in words)}{of_task}."
        lines.append(f"| `{field.name}` | {_cell(text)} | {default} |")
    return "\n".join(lines) + "\n"


def _known_words(where):
    """The words that "table.key" may hold, `[(of which task, words)]`."""
    known = {}
    for task in recipe_keys.DATA_TABLES:
        words = tuple(filter(None, choices(task).get(where, ())))
        if words:
            known.setdefault(words, []).append(task)
    if len(known) == 1:
        return [("", *known)]
    if not known and where in choices("captioning", of_scenes=True):
        return [(" for scenes", choices("captioning", of_scenes=True)[where])]
    return [(f" in {' and '.join(tasks)}", words) for words, tasks in known.items()]


def _sentences(config):
    """What is written under each field, by the field's name."""
    (tree,) = ast.parse(inspect.getsource(config)).body
    sentences, name = {}, None
    for node in tree.body:
        if isinstance(node, ast.AnnAssign):
            name = node.target.id
        elif name and isinstance(node, ast.Expr):
            sentences[name] = node.value.value
        else:
            name = None
    return sentences


def _cell(text):
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "\\<")


PAGES = {"api.md": api_page, "cli.md": cli_page, "recipes.md": recipes_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
        print(f"docs/{name}")
