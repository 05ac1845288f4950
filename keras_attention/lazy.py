"""Packages whose names are imported when they are first asked for (PEP 562)."""

import sys
from importlib import import_module


def lazy_names(package, homes, subpackages=()):
    """Makes the two functions that a lazy package has.

    Args:
        package: str. The `__name__` of the package.
        homes: dict of str: under each name, the module that has it, as seen from the
            package.
        subpackages: str, of modules that need no import of their own either.

    Returns:
        `(__getattr__, __dir__)`.
    """

    def get(name):
        if name in subpackages:
            return import_module(f"{package}.{name}")
        if name not in homes:
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}; it has "
                f"{', '.join(homes)}, and its modules are imported by their own names"
            )
        value = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, value)  # The next time does not come here.
        return value

    def names():
        return sorted({*vars(sys.modules[package]), *homes, *subpackages})

    return get, names
