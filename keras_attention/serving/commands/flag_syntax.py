"""Command lines in the syntax of tensorflow_model_server.

    --port=8500   --port 8500   --enable_batching   --enable_batching=false

What flags there are is said in `flag_table`, what they lead to in `flags`.
"""

import difflib

from keras_attention.serving.commands.flag_table import FLAGS

PROGRAM = "keras-attention-model-server"

_BOOLS = {"true": True, "1": True, "false": False, "0": False}
_RANGES = {"int32": 2**31, "int64": 2**63}


class FlagError(ValueError):
    """A command line that makes no sense."""


_BY_NAME = {flag.name: flag for flag in FLAGS}


def read_values(argv):
    """Reads a command line.

    Args:
        argv: list of str, without the program's name.

    Returns:
        `(values, given)`: a dict of all flags' values by name, and the set of the names
        that were given.

    Raises:
        FlagError: if a flag is unknown or its value makes no sense.
    """
    values = {flag.name: flag.default for flag in FLAGS}
    given = set()
    arguments = list(argv)
    while arguments:
        argument = arguments.pop(0)
        name, equals, text = argument[2:].partition("=")
        flag = _BY_NAME.get(name)
        if flag is None or not argument.startswith("--"):
            raise FlagError(f"unknown argument: {argument}{_suggestion(name)}")
        is_bool = flag.type_name == "bool"
        if not equals:
            if is_bool and (not arguments or arguments[0].lower() not in _BOOLS):
                text = "true"
            elif not arguments or arguments[0].startswith("--"):
                example = f"--{name}={_text(flag.default)}"
                raise FlagError(f"--{name} needs a value, as in {example}")
            else:
                text = arguments.pop(0)
        values[name] = _value(flag, text)
        given.add(name)
    return values, given


def _value(flag, text):
    try:
        if flag.type_name == "bool":
            return _BOOLS[text.lower()]
        if flag.type_name == "float":
            return float(text)
        if flag.type_name == "string":
            return text
        value = int(text)
        if not -_RANGES[flag.type_name] <= value < _RANGES[flag.type_name]:
            raise ValueError
        return value
    except (KeyError, ValueError):
        raise FlagError(
            f"Couldn't interpret value {text} for flag {flag.name}. Expected type "
            f"{flag.type_name}, for example --{flag.name}={_text(flag.default)}"
        ) from None


def _suggestion(name):
    close = difflib.get_close_matches(name.replace("-", "_"), _BY_NAME, 1, 0.8)
    return f"; did you mean --{close[0]}?" if close else ""


def _text(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def usage():
    """All flags with their defaults, as --help prints them."""
    lines = [f"usage: {PROGRAM} --model_base_path=FOLDER [--model_name=NAME] ..."]
    lines.append(f"       {PROGRAM} --model_config_file=FILE ...")
    for title, ours in (
        ("Flags of tensorflow_model_server:", False),
        ("Additional flags:", True),
    ):
        lines += ["", title]
        for flag in FLAGS:
            if flag.ours is not ours:
                continue
            default = _text(flag.default)
            if flag.type_name == "string":
                default = f'"{default}"'
            note = f" (ignored: {flag.ignored})" if flag.ignored else ""
            lines.append(f"  --{flag.name}={default}  {flag.type_name}")
            lines.append(f"      {flag.help}{note}")
    return "\n".join(lines)
