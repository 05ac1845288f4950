"""The families of models that a recipe may name, each with its sizes."""

from importlib import import_module

from keras_attention import choices, models


def _class_and_presets(name):
    module = import_module(f"{models.__name__}.{models.HOMES[name]}")
    return getattr(module, name), module.PRESETS


# Of each task, by the name of the family, the model's class and its presets.
FAMILIES = {
    task: {family: _class_and_presets(name) for family, name in families.items()}
    for task, families in choices.FAMILIES.items()
}
