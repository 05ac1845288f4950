"""One recipe, four models: with attention, and three without that are as large.

attention       as the recipe has it
none            the same encoder, whose last states are all that the decoder gets
none-forward    an encoder in one direction (Sutskever et al., 2014)
none-reversed   the same, which reads the last word first
"""

import dataclasses
from typing import Any, NamedTuple

from keras_attention.studies.model_size import model_options


class Variant(NamedTuple):
    """A model that is compared."""

    name: str
    """Names its run."""
    label: str
    """Names its curve."""
    changes: dict[str, Any]
    """What it changes in [model]."""


ATTENTION = Variant("attention", "with attention", {})
BLIND = Variant("none", "without, encoder in both directions", {"bidirectional": True})
FORWARD = Variant(
    "none-forward", "without, encoder in one direction", {"bidirectional": False}
)
REVERSED = Variant(
    "none-reversed",
    "without, in one direction, source reversed",
    {"bidirectional": False, "reverse_source": True},
)


def variants_of(recipe):
    """The models to compare; the one with attention is the first.

    Args:
        recipe: `Recipe`.

    Returns:
        A list of `Variant`: three where the recipe's own encoder has one direction.

    Raises:
        ValueError: if the recipe's model is none with attention that could do without.
    """
    where = f"recipe {recipe.name!r}"
    if recipe.model.family != "recurrent":
        raise ValueError(
            f'{where}: a study of the bottleneck takes model.family="recurrent", which '
            f'can do without attention; received "{recipe.model.family}". Take another '
            "recipe, such as reverse-bahdanau"
        )
    options = model_options(recipe)
    if options.get("attention", "bahdanau") in ("none", None):
        raise ValueError(
            f"{where}: the study leaves attention out by itself; received "
            'model.attention="none". Name the recipe with attention'
        )
    if options.get("reverse_source"):
        raise ValueError(
            f"{where}: the study reverses the source by itself; leave "
            "model.reverse_source out"
        )
    if recipe.training.guided_alignment:
        raise ValueError(
            f"{where}: only a model with attention learns from alignments, so that the "
            "budgets would differ; set training.guided_alignment to 0"
        )
    if not options.get("bidirectional", True):
        return [ATTENTION, FORWARD, REVERSED]
    return [ATTENTION, BLIND, FORWARD, REVERSED]


def variant_recipe(recipe, variant, dataset, units=None):
    """The recipe of one model; nothing but the steps ends its training.

    Args:
        recipe: `Recipe`, of the model with attention.
        variant: `Variant`.
        dataset: str. What its name begins with.
        units: int. Of a model without attention.

    Returns:
        `Recipe`.
    """
    model = recipe.model
    if variant is not ATTENTION:
        options = model_options(recipe)
        if options.get("attention") == "luong":
            options["readout"] = "tanh"
        for key in ("score", "input_feeding"):
            options.pop(key, None)
        options |= {"attention": "none", **variant.changes, "units": units}
        # Written out, since some presets have options that need attention.
        model = dataclasses.replace(model, preset="base", options=options)
    training = dataclasses.replace(recipe.training, patience=0, max_minutes=0.0)
    name = f"{dataset}-{variant.name}"
    return dataclasses.replace(recipe, name=name, model=model, training=training)
