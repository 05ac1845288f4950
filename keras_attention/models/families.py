"""The families of models that a recipe may name, each with its sizes."""

from keras_attention import choices, models


def _class_and_presets(name):
    model = getattr(models, name)
    return model, model.presets


# Of each task, by the name of the family, the model's class and its presets.
FAMILIES = {
    task: {family: _class_and_presets(name) for family, name in families.items()}
    for task, families in choices.FAMILIES.items()
}
