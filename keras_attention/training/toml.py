"""Frozen dataclasses from TOML tables, with errors that name the fix."""

import dataclasses
import difflib
import json
import re
import typing


def from_table(config_class, table, where):
    """Builds a config dataclass, refusing what it does not know.

    Args:
        config_class: a dataclass whose annotations are plain types.
        table: dict, as TOML gives it.
        where: str. The table's name, for errors.

    Raises:
        ValueError: for an unknown key or a value of another type.
    """
    kinds = typing.get_type_hints(config_class)
    known = [field.name for field in dataclasses.fields(config_class)]
    values = {}
    for key, value in checked_table(table, where).items():
        if key not in known:
            raise ValueError(unknown(f"key {key!r} in [{where}]", key, known))
        values[key] = _checked(value, kinds[key], f"{where}.{key}")
    return config_class(**values)


def checked_table(table, where):
    """The table as it is; ValueError if TOML holds something else in its place."""
    if not isinstance(table, dict):
        raise ValueError(
            f"[{where}] must be a table of keys and values; received {table!r}"
        )
    return table


def unknown(what, name, known):
    """An error text for a name that is not among those known."""
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown {what}; {hint}known are: {', '.join(known)}"


def _checked(value, kind, where):
    if typing.get_origin(kind) is tuple:
        return _items(value, typing.get_args(kind)[0], where)
    if dataclasses.is_dataclass(kind):
        return from_table(kind, value, where)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind is str and isinstance(value, bool):
        return str(value).lower()  # a word like "auto" can be, without quotes
    wrong_bool = isinstance(value, bool) and kind is not bool
    if not isinstance(value, kind) or wrong_bool:
        raise ValueError(
            f"{where} must be of type {kind.__name__}; received {value!r} "
            f"({type(value).__name__})"
        )
    return value


def _items(values, kind, where):
    """A list, each item checked, as a tuple."""
    if not isinstance(values, (list, tuple)):
        raise ValueError(
            f"{where} must be a list; received {values!r} ({type(values).__name__})"
        )
    return tuple(_checked(each, kind, f"{where}[{i}]") for i, each in enumerate(values))


def to_toml(tables):
    """TOML text of a dict of tables whose values are str, bool, int, float, or lists
    or tables of such."""
    lines = []
    for key, value in tables.items():
        if not isinstance(value, dict):
            lines.append(f"{key} = {_toml_value(value)}")
    for name, table in tables.items():
        if isinstance(table, dict):
            lines.append(f"\n[{name}]")
            lines += [f"{key} = {_toml_value(value)}" for key, value in table.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def _toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, dict):
        pairs = (f"{_key(key)} = {_toml_value(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, (list, tuple)) and any(isinstance(v, dict) for v in value):
        return "[\n" + "".join(f"  {_toml_value(item)},\n" for item in value) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    # JSON's escapes are TOML's, but for one character that only TOML escapes.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key):
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else _toml_value(key)
