"""Keras knows the classes of this package once both are imported, whichever is first.

`keras.saving.load_model` finds a class by the name under which its module registers it,
and imports no module of other packages itself. So they are all imported here: at once
where Keras is there, or else as the last thing that importing Keras does, so that
importing this package alone takes no Keras.
"""

import sys
from importlib import import_module

from keras_attention.import_hooks import ImportHook

# With classes that a saved model may hold; each lists its own.
PACKAGES = ("layers", "models", "training")


def register():
    """Imports all modules that these packages list, and with them Keras.

    One of them may be half done, being what imports Keras. That does no harm as long as
    no other imports names from it: so it is with `training`, and `layers` and `models`
    import Keras before any module of theirs.
    """
    for package in PACKAGES:
        homes = import_module(f"keras_attention.{package}")
        homes = getattr(homes, "REGISTERED", homes.HOMES)
        for module in sorted({*homes.values()}):
            import_module(f"keras_attention.{package}.{module}")


def register_with_keras():
    """Registers all classes now, or when Keras is imported."""
    if sys.modules.get("keras") is not None:
        register()
    elif not any(isinstance(finder, AfterKeras) for finder in sys.meta_path):
        sys.meta_path.insert(0, AfterKeras())


class AfterKeras(ImportHook):
    """Has Keras register our classes at its end."""

    def __init__(self):
        super().__init__("keras")

    def run(self, execute):
        execute()
        self.remove()
        register()
