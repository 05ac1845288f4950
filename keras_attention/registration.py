"""Keras knows the classes of this package once both are imported, whichever is first.

`keras.saving.load_model` finds a class by the name under which its module registers it,
and imports no module of other packages itself. So they are all imported here: at once
where Keras is there, or else as the last thing that importing Keras does, so that
importing this package alone takes no Keras.
"""

import sys
from importlib import import_module
from importlib.abc import MetaPathFinder

# With classes that a saved model may hold; each lists its own.
PACKAGES = ("layers", "models", "training")


def register():
    """Imports all modules that these packages list, and with them Keras.

    One of them may be half done, being what imports Keras. That does no harm as long as
    no other imports names from it: so it is with `training`, and `layers` and `models`
    import Keras before any module of theirs.
    """
    for package in PACKAGES:
        homes = import_module(f"keras_attention.{package}").HOMES
        for module in sorted({*homes.values()}):
            import_module(f"keras_attention.{package}.{module}")


def register_with_keras():
    """Registers all classes now, or when Keras is imported."""
    if sys.modules.get("keras") is not None:
        register()
    elif not any(isinstance(finder, AfterKeras) for finder in sys.meta_path):
        sys.meta_path.insert(0, AfterKeras())


class AfterKeras(MetaPathFinder):
    """Finds Keras where others do, and has it register our classes at its end."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != "keras":
            return None
        spec = self._find(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def run_and_register(module):
            run(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            register()

        # A loader belongs to one spec, and may be more than one function to others.
        spec.loader.exec_module = run_and_register
        return spec

    def _find(self, fullname, path, target):
        for finder in [*sys.meta_path]:
            if not isinstance(finder, AfterKeras):
                spec = finder.find_spec(fullname, path, target)
                if spec is not None:
                    return spec
        return None
