"""Training: what `compile` and `fit` are given, and the recipes that say so."""

from typing import TYPE_CHECKING

from keras_attention.lazy import lazy_names

if TYPE_CHECKING:
    from keras_attention.training.accumulation import (
        TokenAccumulation as TokenAccumulation,
    )
    from keras_attention.training.layerwise import LayerwiseAdam as LayerwiseAdam
    from keras_attention.training.losses import (
        LabelSmoothedCrossEntropy as LabelSmoothedCrossEntropy,
    )
    from keras_attention.training.metrics import TokenAccuracy as TokenAccuracy
    from keras_attention.training.recipe import Recipe as Recipe
    from keras_attention.training.recipe import load_recipe as load_recipe
    from keras_attention.training.recipe import shipped_recipes as shipped_recipes
    from keras_attention.training.schedules import WarmupSchedule as WarmupSchedule
    from keras_attention.training.trainer import Trainer as Trainer

# What a saved model that was compiled may hold; it is imported with Keras.
REGISTERED = {
    "LabelSmoothedCrossEntropy": "losses",
    "LayerwiseAdam": "layerwise",
    "TokenAccumulation": "accumulation",
    "TokenAccuracy": "metrics",
    "WarmupSchedule": "schedules",
}
HOMES = {
    **REGISTERED,
    "Recipe": "recipe",
    "Trainer": "trainer",
    "load_recipe": "recipe",
    "shipped_recipes": "recipe",
}

__all__ = [*HOMES]
__getattr__, __dir__ = lazy_names(__name__, HOMES)
