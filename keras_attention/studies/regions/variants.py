"""One captioning recipe, five models: which attend to the image, and how they learn.

soft              as the recipe has it
pooled            the mean of all regions, once, before the words (Vinyals et al., 2015)
pooled-every      the same at each step, beside the word
soft-stochastic   attention that is to see all regions (Xu et al., 2015)
soft-sampling     attention, and in training also words of its own (Bengio et al., 2015)

Where the vector goes in has names: pre-inject and par-inject
([Tanti et al., 2018](https://arxiv.org/abs/1703.09137)).
"""

import dataclasses
from typing import Any, NamedTuple

from keras_attention.data.scenes import SCENES, is_scenes
from keras_attention.studies.model_size import model_options

NEEDS_ATTENTION = ("attention_units", "gate")


class RegionVariant(NamedTuple):
    """A model that is compared."""

    name: str
    """Names its run."""
    label: str
    """Names its curve."""
    model: dict[str, Any]
    """What it changes in [model]."""
    training: dict[str, Any]
    """What it changes in [training]."""

    @property
    def attends(self):
        return not self.model


SOFT = RegionVariant("soft", "soft attention", {}, {})
POOLED = RegionVariant(
    "pooled", "pooled vector, pre-inject", {"attention": "none", "inject": "first"}, {}
)
EVERY = RegionVariant(
    "pooled-every",
    "pooled vector, par-inject",
    {"attention": "none", "inject": "every"},
    {},
)
STOCHASTIC = RegionVariant(
    "soft-stochastic",
    "soft, doubly stochastic penalty",
    {},
    {"doubly_stochastic": 1.0},
)
SAMPLING = RegionVariant(
    "soft-sampling",
    "soft, scheduled sampling",
    {},
    # Half of the steps' words are right at the end of the first half, and after it.
    {"scheduled_sampling": "inverse_sigmoid", "sampling_least": 0.5},
)
VARIANTS = (SOFT, POOLED, EVERY, STOCHASTIC, SAMPLING)


def check_recipe(recipe):
    """Raises a ValueError unless the study can take its models from `recipe`."""
    where = f"recipe {recipe.name!r}"
    if recipe.task != "captioning" or recipe.model.family != "recurrent":
        raise ValueError(
            f'{where}: a study of regions takes task="captioning" and '
            f'model.family="recurrent"; received task="{recipe.task}" and '
            f'model.family="{recipe.model.family}". Take another recipe, such as '
            "scenes-soft"
        )
    if not is_scenes(recipe.data.corpus):
        raise ValueError(
            f"{where}: the study counts things and attention in their boxes, which are "
            f'known of data.corpus="{SCENES}" alone; received '
            f'data.corpus="{recipe.data.corpus}"'
        )
    attention = model_options(recipe).get("attention", "soft")
    if attention != "soft":
        raise ValueError(
            f"{where}: the study leaves attention out by itself; received "
            f'model.attention="{attention}". Name the recipe with "soft"'
        )
    training = recipe.training
    for key, wanted in (("doubly_stochastic", 0.0), ("scheduled_sampling", "none")):
        value = getattr(training, key)
        if value != wanted:
            raise ValueError(
                f"{where}: the study tries training.{key} by itself, beside a model "
                f"without; received {value!r}. Leave it out"
            )
    if recipe.decoding.coverage_penalty:
        raise ValueError(
            f"{where}: only captions of a model with attention can be penalised for "
            "coverage, so that they would be chosen differently; set "
            "decoding.coverage_penalty to 0"
        )


def region_recipe(recipe, variant, units=None):
    """The recipe of one model; nothing but the steps ends its training.

    Args:
        recipe: `Recipe`, of the model with attention.
        variant: `RegionVariant`.
        units: int. Of a model without attention.

    Returns:
        `Recipe`.
    """
    model, changes = recipe.model, dict(variant.training)
    if not variant.attends:
        kept = {
            key: value
            for key, value in model.options.items()
            if key not in NEEDS_ATTENTION
        }
        options = {**kept, **variant.model, "units": units}
        model = dataclasses.replace(model, options=options)
    if "scheduled_sampling" in changes:
        changes["sampling_half_steps"] = max(recipe.training.max_steps // 2, 1)
    training = dataclasses.replace(
        recipe.training, patience=0, max_minutes=0.0, **changes
    )
    return dataclasses.replace(
        recipe, name=variant.name, model=model, training=training
    )
