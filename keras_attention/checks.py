"""What callers give, checked by type, and numbers by range and finiteness too.

NumPy's scalars are numbers, and whole floats are whole numbers (`1e6` in a recipe);
truth values and strings are neither.
"""

import math
import numbers
import reprlib
import typing

# Of bytes in a folder's name: file systems take 255, and ours add to it for a while.
LONGEST_NAME = 200
# More layers than any model has, which would take forever to be made.
MOST_LAYERS = 1000


def whole_number(name, value, least, most=None, saturates=False):
    """`value` as an int.

    Args:
        name: str. What the caller calls it, for errors.
        value: anything.
        least: int.
        most: int, optional.
        saturates: bool. Whether what is more, infinity too, counts as `most`.

    Raises:
        ValueError: if it is no whole number from `least` to `most`.
    """
    if saturates and _is_number(value) and value > most:
        return most
    if not _is_finite(value) or value != int(value):
        raise ValueError(f"{name} must be a whole number; {_received(value)}")
    _check_range(name, value, least, most)
    return int(value)


def real_number(name, value, least, most=None, saturates=False):
    """`value` as a float; otherwise as `whole_number`."""
    if saturates and _is_number(value) and value > most:
        return float(most)
    if not _is_finite(value):
        raise ValueError(f"{name} must be a finite number; {_received(value)}")
    _check_range(name, value, least, most)
    return float(value)


def below_one(name, value):
    """`value` as a float; ValueError if it is no number from 0 to below 1."""
    if not _is_number(value) or not 0 <= value < 1:
        raise ValueError(f"{name} must be at least 0 and below 1; received {value}")
    return float(value)


def is_kind(value, kind):
    """Whether a value, as JSON or TOML gives it, is of a kind; a float is finite."""
    kinds = typing.get_args(kind) or (kind,)
    if isinstance(value, bool):
        return bool in kinds
    if isinstance(value, (int, float)) and float in kinds:
        return isinstance(value, int) or math.isfinite(value)
    return isinstance(value, kinds)


def kind_name(kind):
    """A kind in words, as "int or None"."""
    kinds = typing.get_args(kind) or (kind,)
    names = {type(None): "None", float: "a finite number"}
    return " or ".join(names.get(each, each.__name__) for each in kinds)


def check_model_name(name):
    """Refuses what cannot be a folder, a part of URLs and the `name` in `name=path`.

    TensorFlow Serving finds a model in the folder of its name, and clients say it.

    Raises:
        ValueError: with what is wrong.
    """
    is_folder_name = (
        isinstance(name, str)
        and name == name.lstrip(".")
        and name.isprintable()
        and 0 < len(name.encode("utf-8", "surrogateescape")) <= LONGEST_NAME
        and not any(
            character.isspace() or character in "/\\:=?#%" for character in name
        )
    )
    if not is_folder_name:
        raise ValueError(
            "name must be a folder name without spaces or slashes, nor : = ? # %, that "
            f"does not begin with a dot and has at most {LONGEST_NAME} bytes: it is "
            f"a part of URLs; received {reprlib.repr(name)}"
        )


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_finite(value):
    whole = isinstance(value, numbers.Integral)  # however large
    return _is_number(value) and (whole or math.isfinite(value))


def _check_range(name, value, least, most):
    if value < least:
        raise ValueError(f"{name} must be at least {least}; received {value}")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most}; received {value}")


def _received(value):
    return f"received {value!r:.60} ({type(value).__name__})"
